"""Cohorts of any size in the memory of a few blocks, on all cores or devices.

Patients are cut into blocks of one shape (the last is filled up with copies of its last
patient), so that one compiled program serves every cohort. Worker threads run blocks side
by side, on all cores or devices. A block's results go straight to their place, so neither
order nor number of devices can be seen in them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np

from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.compiling.forks import about_to_run
from vcohort.engine.compiling.program_cache import first_alone
from vcohort.engine.inputs import Patients, PatientTable
from vcohort.threads import cores, run_all

Work: TypeAlias = Callable[[Patients], Sequence[Any]]
"""``work(patients)``: results with the patient first, for one block."""


class Job(NamedTuple):
    """What a block of patients is put through.

    ``program``: what tells that which ``work`` compiles from all else, but for the block's shape.
    """

    program: Hashable
    work: Work


Device: TypeAlias = Any

# A cohort of a few blocks leaves cores without work, or fills its last one up with copies: up to so
# many patients, smaller ones. They cost more of Python's time each.
_CPU_BLOCKS = {256: 256, 16_384: 2048}
_LARGEST_CPU_BLOCK = 4096

# A GPU is told of a block in a few microseconds a step, however large it is.
_ACCELERATOR_BLOCKS = (256, 1 << 14, 1 << 17, 1 << 20)

# Two threads an accelerator, and one more than cores: one takes or puts down a block while the
# others' are computed.
_AT_ONCE = 2

# What a patient takes there at most, of some hundred steps: its path, and what a step carries.
_BYTES_A_PATIENT = 1 << 13


def block_size(patients: int) -> int:
    """Return the block for a cohort: one of few sizes, so that few programs are compiled.

    On an accelerator so large that two of them fit its free memory.
    """
    if jax.default_backend() == "cpu":
        fits = (size for most, size in _CPU_BLOCKS.items() if patients <= most)
        return next(fits, _LARGEST_CPU_BLOCK)
    free = min(_free_memory(device) for device in jax.local_devices())
    sizes = blocks_within(free)
    return next((size for size in sizes if size >= patients), sizes[-1])


def blocks_within(free: float) -> tuple[int, ...]:
    """Return the sizes of blocks of which an accelerator's ``free`` bytes hold two."""
    most = free / (_AT_ONCE * _BYTES_A_PATIENT)
    first, *others = _ACCELERATOR_BLOCKS
    return (first, *(size for size in others if size <= most))


def _free_memory(device: Device) -> float:
    """Return how many bytes JAX may still take; infinite where a device does not say."""
    known = device.memory_stats()
    return known["bytes_limit"] - known["bytes_in_use"] if known else float("inf")


def run_blocks(
    job: Job,
    table: PatientTable,
    results: Sequence[np.ndarray],
    dtype: np.dtype,
    block: int | None = None,
    on_done: Callable[[int], None] = lambda patients: None,
    finish: Callable[[Any], None] = lambda rows: None,
) -> None:
    """Run all patients through a job and fill ``results``, arrays (patient, …).

    ``finish`` is called with the rows of each block that is filled, side by side; ``on_done``
    with the number of patients of each finished one.
    """
    total = len(table.number)
    size, own = block or block_size(total), _own_days(table)

    def run(index: int, device: Device) -> None:
        first = index * size
        count = min(size, total - first)
        rows = slice(first, first + count)
        if own is not None:
            # Those who are treated in the same step share its work where they are side by side.
            rows = first + np.argsort(own[rows], kind="stable")
        found = run_block(job, table, rows, size, dtype, device)
        for result, part in zip(results, found, strict=True):
            result[rows] = np.asarray(part)[:count]
        finish(rows)
        on_done(count)

    spread(run, -(-total // size))


def _own_days(table: PatientTable) -> np.ndarray | None:
    """Return the days (patient,) of the first treatment not shared by all; None where all are."""
    if table.schedule is None:
        return None
    days = np.asarray(table.schedule.day)
    differ = (days != days[0]).any(axis=0)
    return days[:, np.argmax(differ)] if differ.any() else None


def run_block(
    job: Job,
    table: PatientTable,
    rows: slice | np.ndarray,
    size: int,
    dtype: np.dtype,
    device: Device,
) -> list[Any]:
    """Return the results of a block's ``size`` patients: of ``rows``; the last fills it up."""
    about_to_run()
    patients = table.take(filled_up(rows, size), dtype)
    treatments = None if table.schedule is None else table.schedule.day.shape[1]
    form = size, treatments, dtype, device
    alone = first_alone((job.program, *form))
    precise = jax.enable_x64(dtype == np.float64)
    with alone, precise, jax.default_device(device), nan_is_meant():
        return list(job.work(patients))


def filled_up(rows: slice | np.ndarray, size: int) -> slice | np.ndarray:
    """Return ``size`` rows: the last one stands for those that are missing."""
    if isinstance(rows, slice) and rows.stop - rows.start == size:
        return rows
    each = np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows
    return each[np.minimum(np.arange(size), len(each) - 1)]


def spread(
    task: Callable[[int, Device], None],
    tasks: int,
    threads: int | None = None,
) -> None:
    """Run ``task(index, device)`` for all indices, over all devices; the first error is raised.

    ``threads``: how many run side by side; by default one more than cores, or two per accelerator.
    """
    about_to_run()
    devices = jax.local_devices()

    def run(index: int) -> None:
        task(index, devices[index % len(devices)])

    run_all(run, tasks, threads or _workers(len(devices)))


def _workers(devices: int) -> int:
    return cores() + 1 if jax.default_backend() == "cpu" else _AT_ONCE * devices
