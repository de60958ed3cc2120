"""How many steps a tolerance needs: a pilot cohort on a grid and on its halves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.compiling.program_cache import first_alone
from vcohort.engine.compiling.tiles import COMPILER_OPTIONS, in_tiles
from vcohort.engine.inputs import GridSpec, Patients, PatientTable
from vcohort.engine.integrator.grid import LADDER, Grid, Step, grid_axes, step_axes
from vcohort.engine.integrator.path_state import (
    PathState,
    extinct,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.treatment import when_due
from vcohort.engine.methods.loop import initial_cells
from vcohort.models import Model, Values

PATIENTS = 256

# A tumour of e^5 times its first size has progressed long ago.
_LOG_OUTGROWN = 5.0

# Lambda is 1 / W: beyond e^10 lineages cure is out of the question, below e^-10 it is certain;
# and so it is where fewer than e^-10 cells are expected.
_LOG_DECIDED = 10.0

# With an error of this in a log not even the first digit is known, and nothing is returned.
NO_DIGIT = 1.0

# A patient outside of the pilot is followed anew where its error may well be twice the tolerance;
# but a pilot without an error to speak of says nothing of strains a hundred times its own.
_SLACK, _MOST_ROOM = 2.0, 1e3

# Halving the steps of a fourth-order method leaves a sixteenth of the error.
_RICHARDSON = 16.0 / 15.0


class Resolution(NamedTuple):
    """A grid that is fine enough, the error seen on it, and the strain up to which that is so."""

    plan: GridSpec
    error: float
    most_strain: float


class Rung(NamedTuple):
    """What a pilot saw on one grid of the ladder: error and strain of each patient (patient,)."""

    steps: int
    error: np.ndarray
    strain: np.ndarray


def resolve(
    model: Model,
    table: PatientTable,
    plan: GridSpec,
    tolerance: float,
    dtype: np.dtype,
    *,
    mortal: bool,
) -> Resolution:
    """Return the coarsest grid of the ladder whose error is within ``tolerance``.

    The error is the largest, over pilot patients, of those of ln N, ln C and ln B at every
    grid point (of one T cell or more; of ln B up to e^5 times the first tumour, and where the
    tumour is ``mortal`` from e^-10 cells on, where cure is certain), of the log of the cure
    integral W at the last one (where cure is in doubt), and of P(cured by then) in the middle of
    every step. Where even the finest grid fails, that one is returned, with its error.
    """
    pilot = table.take(_choose(table), dtype)
    return settle(climb(model, pilot, plan, tolerance, mortal=mortal), plan, tolerance)


def climb(
    model: Model,
    pilot: Patients,
    plan: GridSpec,
    tolerance: float,
    *,
    mortal: bool,
    every: int = 1,
) -> list[Rung]:
    """Return rung after rung of the ladder, from the plan's steps on, until all is within.

    ``every``: of so many rungs one is taken, the last among them.
    """
    rungs: list[Rung] = []
    ladder = _ladder(plan)
    above = [each for each in ladder if each >= plan.steps] or ladder[-1:]
    for steps in above[::-1][::every][::-1]:
        tried = plan.with_steps(steps)
        rungs.append(Rung(tried.steps, *errors(model, pilot, tried, mortal=mortal)))
        if (rungs[-1].error <= tolerance).all():
            break
    return rungs


def _ladder(plan: GridSpec) -> list[int]:
    """Return the numbers of steps to try: where intervals are many, a few steps for each too."""
    more = [each for times in (2, 4, 8) if (each := times * plan.intervals) > LADDER[-1]]
    return sorted({max(steps, plan.intervals) for steps in (*LADDER, *more)})


def settle(
    rungs: Sequence[Rung], plan: GridSpec, tolerance: float, rows: slice = slice(None)
) -> Resolution:
    """Return the lowest rung that serves the pilot patients in ``rows``.

    Those whom even the last rung does not follow are left to themselves, unless all are such.
    """
    followed = rungs[-1].error[rows] < NO_DIGIT
    if not followed.any():
        return Resolution(plan.with_steps(rungs[-1].steps), float("inf"), 0.0)

    def worst(rung: Rung) -> float:
        return float(rung.error[rows][followed].max())

    chosen = next((rung for rung in rungs if worst(rung) <= tolerance), rungs[-1])
    error, strain = worst(chosen), float(chosen.strain[rows][followed].max())
    # The error grows with the fifth power of a step, the strain with the third.
    room = np.clip(_SLACK * tolerance / max(error, 1e-30), 1.0, _MOST_ROOM) ** 0.6
    return Resolution(plan.with_steps(chosen.steps), error, strain * float(room))


def errors(
    model: Model, pilot: Patients, plan: GridSpec, *, mortal: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return each patient's error on a grid (patient,), see :func:`resolve`, and its strain."""
    grid = plan.grid(pilot, _ladder(plan)[-1])
    least = -_LOG_DECIDED if mortal else -np.inf
    treatments = None if pilot.schedule is None else pilot.schedule.day.shape
    form = grid.days.shape, grid.days.dtype, treatments
    with first_alone(("pilot", model, *form)), nan_is_meant():
        error, strain = _errors(model, pilot, grid, plan.steps, least)
    return np.asarray(error), np.asarray(strain)


def _choose(table: PatientTable) -> np.ndarray:
    """Take patients spread over the cohort, and those with the extremes of each value."""
    columns = list(table.values.values())
    for part in table.schedule or ():
        columns += list(part.T)
    return representatives(columns, PATIENTS)


def representatives(columns: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return ``count`` patients: with the extremes of each column (patient,), the rest spread.

    Of more columns than that, a month of daily doses say, a quarter are spread all the same.
    """
    varied = (column for column in columns if column.min() < column.max())
    extremes = [pick(column) for column in varied for pick in (np.argmin, np.argmax)]
    extremes = extremes[: count - count // 4]
    spread = np.linspace(0, columns[0].size - 1, count - len(extremes))
    return np.concatenate([spread.astype(np.int64), np.array(extremes, dtype=np.int64)])


@partial(jax.jit, static_argnames=("model",), compiler_options=COMPILER_OPTIONS)
def _errors(
    model: Model, patients: Patients, grid: Grid, steps: int, log_least: float
) -> tuple[Array, Array]:
    """Return the errors of whole steps against half steps. One program for all grids."""
    axes, work = (0, grid_axes(grid), None, None), partial(_errors_of, model)
    return in_tiles(work, axes, 1, patients, grid, steps, log_least)


def _errors_of(
    model: Model, patients: Patients, grid: Grid, steps: Array, log_least: Array
) -> tuple[Array, Array]:
    """Return the errors and strains of a tile of a block."""
    values, schedule = patients.values, patients.schedule

    def begin(values: Values) -> PathState:
        return first_path_state(initial_cells(values))

    def advance(values: Values, state: PathState, days: Array) -> tuple[PathState, PathState]:
        """Return the path in the middle of a step, as its course tells, and at its end."""
        moved = path_step(model, values, state, days)
        w = state.w + moved.growth.until(jnp.asarray(0.5)).total()
        inside = moved.after._replace(log_tumour=moved.tumour.at(0.5), w=w)
        return inside, moved.after

    first = jax.vmap(begin)(values)
    log_start = first.log_tumour
    seen = partial(_logs, log_start=log_start, log_least=log_least)

    def body(
        index: Array, carry: tuple[PathState, PathState, Array]
    ) -> tuple[PathState, PathState, Array]:
        step = Step(index, *(part[index] for part in grid))
        coarse, fine, worst = carry
        coarse, fine = (when_due(schedule, step, treat_path_state, path) for path in (coarse, fine))
        move = jax.vmap(advance, (0, 0, step_axes(step).days))
        inside, coarse = move(values, coarse, step.days)
        half = 0.5 * step.days
        _, middle = move(values, fine, half)
        _, fine = move(values, middle, half)
        worst = jnp.maximum(worst, _gap(*(_inside(each, log_start) for each in (inside, middle))))
        return coarse, fine, jnp.maximum(worst, _gap(seen(coarse), seen(fine)))

    begun = (first, first, jnp.zeros_like(first.log_tumour))
    coarse, fine, worst = jax.lax.fori_loop(0, steps, body, begun)
    worst = jnp.maximum(worst, _gap(_log_w(coarse), _log_w(fine)))
    # A step too long for the method ends in NaN: no error at all is not a small one.
    return jnp.where(jnp.isnan(worst), jnp.inf, worst * _RICHARDSON), coarse.t_cells.strain


def _gap(first: Sequence[Array], second: Sequence[Array]) -> Array:
    """Return each patient's largest difference."""
    pairs = zip(first, second, strict=True)
    return jnp.max(jnp.stack([jnp.abs(x - y) for x, y in pairs]), axis=0)


def _logs(state: PathState, log_start: Array, log_least: Array) -> tuple[Array, ...]:
    """Return the logs of all cells, as far as they matter: of T cells from one cell on."""
    t_cells = (jnp.maximum(x, 0.0) for x in (state.t_cells.log_normal, state.t_cells.log_car))
    return *t_cells, jnp.clip(state.log_tumour, log_least, log_start + _LOG_OUTGROWN)


def _inside(state: PathState, log_start: Array) -> tuple[Array]:
    """Return what the day of cure is read off: P(cured by now), in units of what a log is worth.

    Where it is steepest, P rises by 1/e of a rise of ln W.
    """
    return (jnp.e * extinct(state.w, log_start),)


def _log_w(state: PathState) -> tuple[Array]:
    """Return ln W, cut off where cure is certain or out of the question."""
    log_w = jnp.log(jnp.maximum(state.w, jnp.finfo(state.w.dtype).tiny))
    return (jnp.clip(log_w, -_LOG_DECIDED, _LOG_DECIDED),)
