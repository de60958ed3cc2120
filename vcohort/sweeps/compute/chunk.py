"""A chunk of a sweep, from its plan to what is kept of its patients.

Threads draw, compute and reduce batches of cells side by side, over all devices. What they find is
added up in whole numbers, so that no order can be seen in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.engine.execution.blocks import Device, Job, run_block, spread
from vcohort.engine.execution.pilot import NO_DIGIT, PATIENTS
from vcohort.engine.execution.straggler import follow_anew
from vcohort.engine.inputs import GridSpec, Patients, PatientTable
from vcohort.simulation.jobs import cure_job, outcome_job, survival_job
from vcohort.simulation.missing import mask_missing
from vcohort.simulation.run import Run
from vcohort.sweeps.compute.batches import Batch, batches_of, block_of
from vcohort.sweeps.compute.cells import Span, draw, join
from vcohort.sweeps.compute.grids import resolve_cells
from vcohort.sweeps.compute.reduce import Reduced, merge, reduce
from vcohort.sweeps.design.plan import Plan

Columns = dict[str, Any]
"""Results (cell, patient, …) by name."""


class Cell(NamedTuple):
    """What is known of one cell. ``reduced`` is None where its equations cannot be followed.

    ``columns``: its patients', where the plan keeps them.
    """

    steps: int
    error: float
    reduced: Reduced | None
    columns: Columns


def compute_chunk(
    plan: Plan,
    cells: Sequence[int],
    threads: int | None = None,
    on_done: Callable[[int], None] = lambda patients: None,
) -> list[Cell]:
    """Run cells and reduce them.

    ``threads``: how many work side by side, by default those of the engine. ``on_done``
    hears how many patients are done.
    """
    rungs = resolve_cells(plan, cells, threads)
    followed = {cell: rung for cell, rung in rungs.items() if rung.error < NO_DIGIT}
    batches = list(batches_of(plan, followed))
    found = _Found()

    def run(index: int, device: Device) -> None:
        batch = batches[index]
        strain = [followed[span.cell].most_strain for span in batch.spans]
        found.add(batch.spans, *_run(plan, batch, strain, device))
        on_done(sum(span.patients for span in batch.spans))

    spread(run, len(batches), threads)
    on_done(plan.patients * (len(rungs) - len(followed)))
    return [
        Cell(
            rungs[cell].plan.steps,
            max(rungs[cell].error, found.errors.get(cell, 0.0)),
            found.reductions.get(cell),
            found.columns_of(cell) if plan.keep_patients else {},
        )
        for cell in cells
    ]


class _Found:
    """What batches found, added up by cell; many threads may add."""

    def __init__(self) -> None:
        self.reductions: dict[int, Reduced] = {}
        self.errors: dict[int, float] = {}
        self._columns: dict[int, dict[int, Columns]] = {}
        self._lock = Lock()

    def add(
        self, parts: Iterable[Span], reductions: Reduced, columns: Columns, errors: Sequence[float]
    ) -> None:
        """Add the results of a batch, (span, …)."""
        with self._lock:
            for row, span in enumerate(parts):
                one = {name: value[row : row + 1] for name, value in reductions.items()}
                self.errors[span.cell] = max(errors[row], self.errors.get(span.cell, 0.0))
                before = self.reductions.get(span.cell)
                self.reductions[span.cell] = one if before is None else merge(before, one)
                mine = {name: value[row] for name, value in columns.items()}
                self._columns.setdefault(span.cell, {})[span.first] = mine

    def columns_of(self, cell: int) -> Columns:
        """Return the columns (patient, …) of a cell."""
        parts = [part for _, part in sorted(self._columns.get(cell, {}).items())]
        names = parts[0] if parts else {}
        return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _run(
    plan: Plan, batch: Batch, most_strain: Sequence[float], device: Device
) -> tuple[Reduced, Columns, list[float]]:
    """Draw, compute and reduce a batch, in which each span has its largest strain.

    Returns its reductions (span, …), its columns if they are kept, and the errors (span,) of the
    patients that were followed anew.
    """
    drawn = [draw(plan, span) for span in batch.spans]
    run, time = drawn[0].run, drawn[0].time.with_steps(batch.steps)
    table, patients = join(drawn), batch.spans[0].patients
    results = _results(plan, run, time, table, block_of(len(table.number)), device)
    limits = np.repeat(np.asarray(most_strain), patients)
    columns, errors = _follow(plan, run, time, table, limits, results, device)
    shape = len(batch.spans), patients
    columns = {name: part.reshape(*shape, *part.shape[1:]) for name, part in columns.items()}
    whole = patients == plan.patients
    with jax.enable_x64(True), jax.default_device(device):
        work = partial(reduce, np) if jax.default_backend() == "cpu" else reduce_on_device
        found = {name: np.asarray(value) for name, value in work(plan, columns, whole).items()}
    kept = {name: np.asarray(part) for name, part in columns.items()} if plan.keep_patients else {}
    return found, kept, list(errors.reshape(shape).max(axis=1))


@partial(jax.jit, static_argnames=("plan", "whole"))
def reduce_on_device(plan: Plan, columns: Columns, whole: bool) -> Reduced:
    """Reduce columns where they are."""
    return reduce(jnp, plan, columns, whole)


def _results(
    plan: Plan, run: Run, time: GridSpec, table: PatientTable, size: int, device: Device
) -> list[Any]:
    """Return the results (patient, …), in blocks of a ``size``; strains last.

    In memory on a CPU, else on their device.
    """
    total, dtype = len(table.number), np.dtype(run.dtype)
    job = cell_job(plan, run, time)
    xp = np if jax.default_backend() == "cpu" else jnp
    parts: list[list[Any]] = []
    for first in range(0, total, size):
        rows = slice(first, min(first + size, total))
        found = run_block(job, table, rows, size, dtype, device)
        parts.append([xp.asarray(part)[: total - first] for part in found])
    joined = (part[0] if len(part) == 1 else xp.concatenate(part)
              for part in zip(*parts, strict=True))  # fmt: skip
    return list(joined)


def _follow(
    plan: Plan,
    run: Run,
    time: GridSpec,
    table: PatientTable,
    most_strain: np.ndarray,
    results: list[Any],
    device: Device,
) -> tuple[Columns, np.ndarray]:
    """Follow anew whose steps were too long; return columns by name, and errors (patient,)."""
    strain = np.asarray(results[-1])
    if not (strain <= most_strain).all():
        results = [np.array(part) for part in results]

    def again(some: PatientTable, plan_of_some: GridSpec) -> list[np.ndarray]:
        found = _results(plan, run, plan_of_some, some, PATIENTS, device)
        return [np.asarray(part) for part in found]

    model, mortal = plan.population.model, run.method != "deterministic"
    with jax.enable_x64(run.dtype == "float64"), jax.default_device(device):
        followed = follow_anew(
            model, table, time, most_strain, run.tolerance, results, again, mortal=mortal
        )
    variables = [each for endpoint in run.all_endpoints for each in endpoint.variables]
    names = [*(each.name for each in variables), "cure_probability", "pfs_probability"]
    columns = dict(zip(names, results[:-1], strict=False))
    if followed.lost.any():
        mask_missing(columns, variables, followed.lost)
        for name in names[len(variables) :]:
            if name in columns:
                columns[name][followed.lost] = np.nan
    return columns, followed.error


def cell_job(plan: Plan, run: Run, time: GridSpec) -> Job:
    """Return the job of a block: what befalls its patients, what they could expect, strains."""
    model = plan.population.model
    jobs = [outcome_job(model, run, time)]
    if plan.has_law:
        with_days = plan.has_survival_law
        jobs.append(
            survival_job(model, run, plan.days, time) if with_days else cure_job(model, time)
        )

    def work(patients: Patients) -> list[Array]:
        found = [list(job.work(patients)) for job in jobs]
        *_, strain = found[0]
        return [part for parts in found for part in parts[:-1]] + [strain]

    return Job(tuple(job.program for job in jobs), work)
