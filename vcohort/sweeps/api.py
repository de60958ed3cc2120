"""The front door of sweeps: begin one, go on with one, look at one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from vcohort.endpoints import Endpoint
from vcohort.errors import VcohortWarning
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import DEFAULTS, Run, settle
from vcohort.sweeps.compute.variables import missing_note
from vcohort.sweeps.design.plan import QUANTILES, Plan, make_plan
from vcohort.sweeps.execution.cluster import Workers
from vcohort.sweeps.execution.runners import Executor, LocalExecutor
from vcohort.sweeps.store.names import check_names
from vcohort.sweeps.store.store import Store, Verification, Writer
from vcohort.sweeps.store.template import empty_dataset


def sweep(
    population: Population,
    axes: Mapping[str, Any],
    n: int = 1000,
    store: str | os.PathLike[str] | None = None,
    *,
    layout: str = "grid",
    cells: int | None = None,
    design: str = "random",
    independent: bool = False,
    days: Sequence[float] | None = None,
    until: float | None = None,
    quantiles: Sequence[float] = QUANTILES,
    keep_patients: bool = False,
    method: str | None = None,
    horizon: float | None = None,
    threshold: float | None = None,
    progression: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    endpoints: Sequence[Endpoint] | None = None,
    tolerance: float | None = None,
    dtype: str | None = None,
    run: Run | None = None,
    chunk: int | None = None,
    client: Any = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Run a cohort in each cell of a grid or a design; return one dataset, reduced by cell.

    Its dimensions are the swept names, or ``cell`` for a table or a design; docs: the schema.
    Every cell holds the same ``n`` patients and draws the same random numbers, so that cells
    differ by what is swept alone. Each cell gets the time grid that it needs.

    :param axes: what is swept, by name: parameters (in cells and days; the centre of their
        distribution), ``sigma``, ``threshold``, ``progression``, fields of the regimen such as
        ``infusion_1_day``. In a grid, names joined by a comma move together.
    :param n: patients per cell.
    :param store: a Zarr store to write to, chunk by chunk; where it is already there and holds
        the same study, the sweep goes on where it was. Without one all is kept in memory.
    :param layout: ``"grid"``: every combination of values. ``"table"``: row by row. ``"sobol"``,
        ``"latin-hypercube"``: ``cells`` points between (low, high), or of a distribution.
    :param method: by default exact. It, ``horizon``, ``threshold``, ``progression``, ``regimen``,
        ``seed`` (of the patients, their tumours and the layout's design), ``endpoints``,
        ``tolerance`` and ``dtype`` are settings of a :class:`Run`.
    :param run: all settings at once, its method too.
    :param design: of the patients: ``"random"``, ``"sobol"``, ``"latin-hypercube"``.
    :param independent: other patients in each cell.
    :param days: when progression-free survival is looked at; by default 30, 60, 90, 180, 365,
        720, within the horizon.
    :param until: last day of the restricted mean; by default 720, or the horizon.
    :param quantiles: of the days of events and of what the endpoints read off. Exact up to
        131,072 patients per cell, beyond that within a thousandth of their value.
    :param keep_patients: keep also each patient's results, (…, patient).
    :param chunk: cells a chunk of a new store holds; results do not depend on it.
    :param client: a ``distributed.Client``, whose workers compute the chunks.
    :param progress: show a progress bar; None shows one on a terminal or in a notebook.
    :raises VcohortError: for impossible input, before any work; for a store of another study.
    """
    plan = plan_of(
        population, axes, n, layout=layout, cells=cells, design=design, independent=independent,
        days=days, until=until, quantiles=quantiles, keep_patients=keep_patients, method=method,
        horizon=horizon, threshold=threshold, progression=progression, regimen=regimen, seed=seed,
        endpoints=endpoints, tolerance=tolerance, dtype=dtype, run=run, chunk=chunk,
    )  # fmt: skip
    runner = _runner(client)
    if store is None:
        return _warn_missing(_in_memory(plan, runner, progress))
    with Writer.begin(Path(store), plan) as opened:
        runner.fill(opened, progress)
    return open_sweep(store)


def plan_of(
    population: Population,
    axes: Mapping[str, Any],
    n: int,
    *,
    run: Run | None = None,
    **given: Any,
) -> Plan:
    """Return the checked plan of a sweep; see :func:`sweep`."""
    settings = {name: given.pop(name, None) for name in DEFAULTS if name != "save_at"}
    run = settle("sweep", run, settings, method="exact")
    plan = make_plan(population, axes, n, run, **given)
    check_names(plan)
    return plan


def resume(
    store: str | os.PathLike[str],
    *,
    repair: bool = False,
    client: Any = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Go on with a sweep that was interrupted, from its store alone; return its dataset.

    The result has the same bits as that of a sweep that ran through.

    :param repair: read all chunks first, and compute the damaged ones again.
    :raises VcohortError: where there is no store, for one that another process is writing, one of
        another version of the code, and a damaged one.
    """
    go_on(Path(store), repair=repair, client=client, progress=progress)
    return open_sweep(store)


def go_on(store: Path, *, repair: bool, client: Any, progress: bool | None = None) -> int:
    """Compute what a store lacks, as :func:`resume`; return how many chunks that were."""
    runner = _runner(client)
    with Writer.again(store) as opened:
        if repair:
            opened.forget(opened.verify(progress).damaged)
        lacking = len(opened.missing())
        runner.fill(opened, progress)
    return lacking


def lacks_any(store: Path) -> bool:
    """Whether chunks of a store are missing, or there is none yet."""
    return not store.exists() or bool(Store.read(store).missing())


def verify(store: str | os.PathLike[str], *, progress: bool | None = None) -> Verification:
    """Read a store from its first byte to its last; say which chunks are missing or damaged."""
    return Store.read(Path(store)).verify(progress)


def open_sweep(store: str | os.PathLike[str]) -> xr.Dataset:
    """Return the dataset of a store; values are read, and checked, when they are used.

    Warns of cells that are not computed yet, or could not be followed.

    :raises VcohortError: where there is no store, or its form is damaged; from the values of a
        damaged chunk, when they are read.
    """
    opened = Store.read(Path(store))
    left = len(opened.missing())
    if left:
        warnings.warn(
            f"{store} is not finished: {left} of {len(opened.chunks)} chunks are missing, and read "
            f"as NaN. Finish it: vcohort resume {store}",
            VcohortWarning,
            stacklevel=2,
        )
    return _warn_missing(opened.dataset())


def open_whole(store: str | os.PathLike[str]) -> tuple[xr.Dataset, Verification]:
    """Return the dataset of what is whole in a store, and what is not; damaged chunks are empty."""
    opened = Store.read(Path(store))
    found = opened.verify()
    return opened.dataset(without=found.damaged), found


def _runner(client: Any) -> Executor:
    return LocalExecutor() if client is None else Workers(client)


def _in_memory(plan: Plan, runner: Executor, progress: bool | None) -> xr.Dataset:
    ds = empty_dataset(plan)
    for chunk, arrays in runner.arrays(plan, progress):
        for name, values in arrays.items():
            ds[name].values[plan.chunks.region(chunk)] = values
    return ds


def _warn_missing(ds: xr.Dataset) -> xr.Dataset:
    """Warn of cells whose equations could not be followed as closely as was asked."""
    error = ds["error_estimate"].values
    coarse = int((error > ds.attrs["tolerance"]).sum())
    if coarse:
        warnings.warn(
            f"In {coarse} of {error.size} cells the error misses the tolerance of "
            f"{ds.attrs['tolerance']:g}: up to {np.nanmax(error):.1e} (variable error_estimate). "
            "Try dtype='float64', or a larger tolerance.",
            VcohortWarning,
            stacklevel=3,
        )
    if note := missing_note(ds):
        warnings.warn(note, VcohortWarning, stacklevel=3)
    return ds
