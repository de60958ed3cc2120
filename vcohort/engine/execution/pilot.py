"""How many steps a tolerance needs: a pilot cohort on a grid and on its halves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.compiling.program_cache import first_alone
from vcohort.engine.execution.executor import execute
from vcohort.engine.inputs import GridSpec, Patients, PatientTable
from vcohort.engine.integrator.grid import LADDER
from vcohort.engine.programs.halving import LOG_DECIDED, Halving
from vcohort.models import Model

PATIENTS = 256

# With an error of this in a log not even the first digit is known, and nothing is returned.
NO_DIGIT = 1.0

# A patient outside of the pilot is followed anew where its error may well be twice the tolerance;
# but a pilot without an error to speak of says nothing of strains a hundred times its own.
_SLACK, _MOST_ROOM = 2.0, 1e3


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
    tumour is ``mortal`` from e^-10 cells on, where cure is certain; of other clones,
    which may have none, from one cell on), of the log of the cure
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
    least = -LOG_DECIDED if mortal else -np.inf
    treatments = None if pilot.schedule is None else pilot.schedule.day.shape
    program = (Halving(model),)
    with first_alone((program, grid.days.shape, grid.days.dtype, treatments)), nan_is_meant():
        found, _ = execute(program, pilot, grid, plan.steps, settings=least)
    return np.asarray(found.error), np.asarray(found.strain)


def _choose(table: PatientTable) -> np.ndarray:
    """Take patients spread over the cohort, and those with the extremes of each value."""
    columns = list(table.values.values())
    for part in jax.tree.leaves(table.schedule):
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
