"""From a cohort and its run to what the engine takes: patients, how time is cut, what to run."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from vcohort.engine.compiling.forks import about_to_run
from vcohort.engine.execution.blocks import Job, run_blocks
from vcohort.engine.execution.pilot import NO_DIGIT, PATIENTS, Resolution, resolve
from vcohort.engine.execution.straggler import Followed, follow_anew
from vcohort.engine.inputs import GridSpec, PatientTable
from vcohort.engine.integrator.grid import room_for
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.models import Model
from vcohort.populations.cohort import Cohort
from vcohort.simulation.first_rates import check_first_rates
from vcohort.simulation.run import Run


class Prepared(NamedTuple):
    """A cohort as the engine takes it, and the grid that its run needs."""

    model: Model
    run: Run
    table: PatientTable
    resolution: Resolution

    @property
    def grid(self) -> GridSpec:
        """How time is cut."""
        return self.resolution.plan

    def first_days(self) -> np.ndarray:
        """Return the grid (steps + 1,) of the first patient; of all, where they share one."""
        device, dtype = jax.local_devices()[0], np.dtype(self.run.dtype)
        with jax.enable_x64(self.run.dtype == "float64"), jax.default_device(device):
            patients = self.table.take(np.zeros(1, np.int64), dtype)
            grid = self.grid.grid(patients, room_for(self.grid.steps))
            parts = (np.asarray(part, np.float64).reshape(-1) for part in (grid.start, grid.end))
            start, end = (part[: self.grid.steps] for part in parts)
        return np.append(start, end[-1])

    def fill(
        self,
        job_of: Callable[[GridSpec], Job],
        results: Sequence[np.ndarray],
        block: int | None = None,
        on_done: Callable[[int], None] = lambda patients: None,
        finish: Callable[[Any], None] = lambda rows: None,
    ) -> Followed:
        """Run all patients, those anew whose steps prove too long; fill ``results`` (patient, …).

        ``job_of(grid)``: what a block runs on a grid: its results, then its strain. What is filled
        in of patients who are lost means nothing. ``finish`` is called with the rows that are
        filled, of each patient again where it is followed anew.
        """
        run, grid, dtype = self.run, self.grid, np.dtype(self.run.dtype)
        whole = [*results, np.empty(len(self.table.number), dtype)]

        def again(table: PatientTable, grid: GridSpec) -> list[np.ndarray]:
            size = len(table.number)
            found = [np.empty((size, *each.shape[1:]), each.dtype) for each in whole]
            run_blocks(job_of(grid), table, found, dtype, PATIENTS)
            return found

        run_blocks(job_of(grid), self.table, whole, dtype, block, on_done, finish)
        limit, mortal = self.resolution.most_strain, run.method != "deterministic"
        with jax.enable_x64(run.dtype == "float64"):
            followed = follow_anew(
                self.model, self.table, grid, limit, run.tolerance, whole, again, finish,
                mortal=mortal,
            )  # fmt: skip
        coarse = int((followed.error > run.tolerance).sum())
        if coarse:
            warnings.warn(
                f"The error of {coarse:,} of {followed.error.size:,} patients misses the tolerance "
                f"of {run.tolerance:.1e} on their finest grids: up to {followed.error.max():.1e}. "
                "Try dtype='float64', or a larger tolerance.",
                VcohortWarning,
                stacklevel=3,
            )
        return followed


def prepare(
    cohort: Cohort,
    run: Run,
    required_days: Sequence[float] | None = None,
    *,
    own_days: np.ndarray | None = None,
    one_grid: bool = False,
) -> Prepared:
    """Return a cohort ready to run, on a grid that holds ``required_days``, by default the run's.

    ``own_days`` (patient, day), none beyond the horizon: each patient's grid holds its own, too.
    ``one_grid``: it serves all patients, for those who do not :meth:`Prepared.fill` the results.
    Warns where the grid misses the tolerance, refuses where it fails.
    """
    table = make_patient_table(cohort, run)._replace(own_days=own_days)
    days = run.required_days if required_days is None else required_days
    resolution = _choose_grid(cohort.model, table, run, days, anew=not one_grid)
    return Prepared(cohort.model, run, table, resolution)


def make_patient_table(cohort: Cohort, run: Run) -> PatientTable:
    """Return the cohort as the engine takes it: day 0's treatments done, the others scheduled."""
    about_to_run()
    values = {
        name: np.asarray(value, np.float64)
        for name, value in run.regimen.first_values(cohort).items()
    }
    for name in ("N0", "C0"):
        cohort.model.param(name).check(values[name])
    check_first_rates(cohort.model, values)
    schedule = run.regimen.schedule(cohort)
    if schedule is not None:
        check_days_apart(np.asarray(schedule.day), run)
    return PatientTable(values, np.asarray(cohort.patient), schedule)


def check_days_apart(treatments: np.ndarray, run: Run) -> None:
    """Refuse days that the run's precision takes for one, though a treatment parts them.

    ``treatments``: their days (patient, treatment).
    """
    patients = len(treatments) if (treatments != treatments[0]).any() else 1
    asked = np.broadcast_to(
        np.asarray(run.required_days, float), (patients, len(run.required_days))
    )
    days = np.sort(np.concatenate([treatments[:patients], asked], axis=1), axis=1)
    with np.errstate(over="ignore"):
        seen = days.astype(run.dtype)
    one = (days[:, 1:] > days[:, :-1]) & (seen[:, 1:] == seen[:, :-1]) & np.isfinite(days[:, 1:])
    if one.any():
        row, column = np.argwhere(one)[0]
        first, second = map(repr, days[row, column : column + 2].tolist())
        raise VcohortError(
            f"Days {first} and {second} cannot be told apart in {run.dtype}, and a treatment may "
            "lie between them. Give days further apart, or dtype='float64'."
        )


def grid_spec(run: Run, required_days: Sequence[float]) -> GridSpec:
    """Return the cut of time, with no steps yet."""
    inside = np.unique([day for day in required_days if 0.0 < day < run.horizon])
    shared = run.regimen.shared_days()
    intervals = inside.size + len(run.regimen.later) + 1
    return GridSpec(0, run.horizon, inside, shared, intervals)


def _most_different(days: np.ndarray) -> int:
    """Return how many days (patient, day) the patient with most of them has."""
    days = np.sort(days, axis=1)
    return int((np.diff(days, axis=1, prepend=-1.0) > 0).sum(axis=1).max(initial=0))


def _choose_grid(
    model: Model, table: PatientTable, run: Run, required_days: Sequence[float], *, anew: bool
) -> Resolution:
    time = grid_spec(run, required_days)
    if table.own_days is not None:
        time = time._replace(intervals=time.intervals + _most_different(table.own_days))
    with jax.enable_x64(run.dtype == "float64"):
        found = resolve(
            model, table, time, run.tolerance, np.dtype(run.dtype),
            mortal=run.method != "deterministic", anew=anew,
        )  # fmt: skip
    if not found.error < NO_DIGIT:
        raise VcohortError(
            f"The equations cannot be followed with {found.plan.steps} steps: a rate is too "
            "fast, or becomes impossible. Check the parameters' units (per day, cells)."
        )
    if found.error > run.tolerance:
        warnings.warn(
            f"The error of {found.error:.1e} misses the tolerance of {run.tolerance:.1e} with "
            f"{found.plan.steps} steps. Try dtype='float64', or a larger tolerance.",
            VcohortWarning,
            stacklevel=4,
        )
    return found
