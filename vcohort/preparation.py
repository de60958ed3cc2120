"""From a cohort and its run to what the engine takes: patients, how time is cut, what to run."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import cast

import jax
import numpy as np
from jax import Array

from vcohort.cohort import Cohort
from vcohort.engine import exact, loop
from vcohort.engine.blocks import Work
from vcohort.engine.grid import grid_points, room_for
from vcohort.engine.inputs import Patients, Roster, Settings, TimePlan
from vcohort.engine.pilot import Resolution, resolve
from vcohort.engine.random import seed_key
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.forks import about_to_run
from vcohort.models import Model
from vcohort.settings import RunSettings

# With an error of this in a log not even the first digit is known, and nothing is returned.
NO_DIGIT = 1.0


def make_roster(cohort: Cohort, run: RunSettings) -> Roster:
    """Return the cohort as the engine takes it: day 0's treatments done, the others scheduled."""
    about_to_run()
    values = {
        name: np.asarray(value, np.float64)
        for name, value in run.regimen.first_values(cohort).items()
    }
    for name in ("N0", "C0"):
        cohort.model.param(name).check(values[name])
    return Roster(values, np.asarray(cohort.patient), run.regimen.schedule(cohort))


def time_plan(run: RunSettings, knots: Sequence[float]) -> TimePlan:
    """Return the cut of time, with no steps yet."""
    inside = np.unique([day for day in knots if 0.0 < day < run.horizon])
    shared = run.regimen.shared_days()
    intervals = inside.size + len(run.regimen.later) + 1
    return TimePlan(0, run.horizon, inside, shared, intervals)


def choose_grid(
    cohort: Cohort, roster: Roster, run: RunSettings, knots: Sequence[float]
) -> Resolution:
    """Choose the time grid, which holds ``knots``.

    Warns where it misses the tolerance, refuses where it fails.
    """
    time = time_plan(run, knots)
    with jax.enable_x64(run.dtype == "float64"):
        found = resolve(
            cohort.model, roster, time, run.tolerance, np.dtype(run.dtype),
            mortal=run.method != "deterministic",
        )  # fmt: skip
    if not found.error < NO_DIGIT:
        raise VcohortError(
            f"The equations cannot be followed with {found.plan.steps} steps: a rate is too "
            "fast. Check the parameters' units (per day, cells)."
        )
    if found.error > run.tolerance:
        warnings.warn(
            f"The error of {found.error:.1e} misses the tolerance of {run.tolerance:.1e} with "
            f"{found.plan.steps} steps. Try dtype='float64', or a larger tolerance.",
            VcohortWarning,
            stacklevel=3,
        )
    return found


def first_days(roster: Roster, resolution: Resolution, run: RunSettings) -> np.ndarray:
    """Return the grid (steps + 1,) of the first patient; of all of them, where they share one."""
    device = jax.local_devices()[0]
    with jax.enable_x64(run.dtype == "float64"), jax.default_device(device):
        patients = roster.take(np.zeros(1, np.int64), np.dtype(run.dtype))
        steps = resolution.plan.steps
        grid = resolution.plan.grid(patients, room_for(steps))
        parts = (np.asarray(part, np.float64).reshape(-1) for part in (grid.start, grid.end))
        start, end = (part[:steps] for part in parts)
    return np.append(start, end[-1])


def program_of(model: Model, run: RunSettings, time: TimePlan) -> Hashable:
    """Return what tells the program of :func:`draw_outcomes` from others, but for its block."""
    saved = 0 if run.save_at is None else len(run.save_at)
    return run.method, model, run.endpoints, saved, room_for(time.steps)


def draw_outcomes(model: Model, run: RunSettings, time: TimePlan) -> Work:
    """Return what one block runs: results of the endpoints, then saved states, if any."""
    dtype = np.dtype(run.dtype)
    numbers = (np.asarray(x, dtype) for x in (run.threshold, run.progression, run.horizon))
    steps, *numbers = (cast("Array", each) for each in (np.int32(time.steps), *numbers))
    settings = jax.tree.map(np.asarray, Settings(steps, seed_key(run.seed, run.method), *numbers))
    room = room_for(time.steps)

    def work(patients: Patients) -> list[Array]:
        grid = time.grid(patients, room)
        if run.method == "exact":
            return list(exact.run(model, run.endpoints, patients, grid, settings))
        save = None if run.save_at is None else grid_points(grid, np.asarray(run.save_at, dtype))
        found, paths = loop.run(run.method, model, run.endpoints, patients, grid, settings, save)
        return [*found, *(paths or ())]

    return work
