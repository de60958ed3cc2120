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

# A strain is what a step asks of the method, whatever the step's length: where that of no late
# patient was lower, on any grid, this part of it lets hardly one pass. It is told by so many.
_PART_OF_LATE, _LEAST_TOLD = 0.7, 16

# Of those who pass on a grid the pilot must hold so large a part: a few would vouch for nobody.
_LEAST_PASSING = 0.5

# Following a patient anew takes its steps and their halves, on a few grids, and once more.
_ANEW_ON_THIS, _ANEW_ON_FINER = 4.0, 6.0

# Two grids in place of one must save this factor.
_WORTH = 1.5


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
    anew: bool,
) -> Resolution:
    """Return the coarsest grid of the ladder whose error is within ``tolerance``.

    Where patients whom it does not serve are followed ``anew``, that is the cheapest grid: a few
    patients who need short steps do not make all take them.

    The error is the largest, over pilot patients, of those of ln N, ln C and ln B at every
    grid point (of one T cell or more; of ln B up to e^5 times the first tumour, and where the
    tumour is ``mortal`` from e^-10 cells on, where cure is certain; of other clones,
    which may have none, from one cell on), of the log of the cure
    integral W at the last one (where cure is in doubt), and of P(cured by then) in the middle of
    every step. Where even the finest grid fails, that one is returned, with its error.
    """
    pilot = table.take(_choose(table), dtype)
    rungs = climb(model, pilot, plan, tolerance, mortal=mortal)
    return settle(rungs, plan, tolerance, anew=anew)


def climb(
    model: Model, pilot: Patients, plan: GridSpec, tolerance: float, *, mortal: bool
) -> list[Rung]:
    """Return rung after rung of the ladder, from the plan's steps on, until all is within."""
    rungs: list[Rung] = []
    for tried in finer(plan):
        rungs.append(Rung(tried.steps, *errors(model, pilot, tried, mortal=mortal)))
        if (rungs[-1].error <= tolerance).all():
            break
    return rungs


def finer(plan: GridSpec, every: int = 1) -> list[GridSpec]:
    """Return the grids of the ladder from the plan's steps on: one of ``every``, and the last."""
    ladder = _ladder(plan)
    above = [each for each in ladder if each >= plan.steps] or ladder[-1:]
    return [plan.with_steps(steps) for steps in above[::-1][::every][::-1]]


def _ladder(plan: GridSpec) -> list[int]:
    """Return the numbers of steps to try: where intervals are many, a few steps for each too."""
    more = [each for times in (2, 4, 8) if (each := times * plan.intervals) > LADDER[-1]]
    return sorted({max(steps, plan.intervals) for steps in (*LADDER, *more)})


def settle(
    rungs: Sequence[Rung],
    plan: GridSpec,
    tolerance: float,
    rows: slice = slice(None),
    *,
    anew: bool,
) -> Resolution:
    """Return the lowest rung that serves the pilot patients in ``rows``; ``anew``: the cheapest.

    Those whom even the last rung does not follow are left to themselves, unless all are such.
    """
    seen = [Rung(rung.steps, rung.error[rows], rung.strain[rows]) for rung in rungs]
    followed = seen[-1].error < NO_DIGIT
    if not followed.any():
        return Resolution(plan.with_steps(rungs[-1].steps), float("inf"), 0.0)
    seen = [Rung(rung.steps, rung.error[followed], rung.strain[followed]) for rung in seen]
    chosen = next((rung for rung in seen if rung.error.max() <= tolerance), seen[-1])
    error = float(chosen.error.max())
    # The error grows with the fifth power of a step, the strain with the third.
    room = np.clip(_SLACK * tolerance / max(error, 1e-30), 1.0, _MOST_ROOM) ** 0.6
    most_strain = float(chosen.strain.max()) * float(room)
    all_served = Resolution(plan.with_steps(chosen.steps), error, most_strain)
    return _cheapest(seen, plan, tolerance, all_served) if anew else all_served


def _cheapest(
    rungs: Sequence[Rung], plan: GridSpec, tolerance: float, all_served: Resolution
) -> Resolution:
    """Return the grid with which all take fewest steps, those included that are followed anew."""
    late = [~(rung.error <= tolerance) for rung in rungs]
    own_steps = np.select([~each for each in late], [rung.steps for rung in rungs], rungs[-1].steps)
    best, least = all_served, all_served.plan.steps / _WORTH
    told, lowest = 0, np.inf
    for rung, is_late in zip(rungs, late, strict=True):
        strained = rung.strain[is_late & np.isfinite(rung.strain)]
        told, lowest = told + strained.size, min(lowest, strained.min(initial=np.inf))
        limit = _PART_OF_LATE * lowest
        again = is_late | ~(rung.strain <= limit)
        if told < _LEAST_TOLD or np.mean(~again) < _LEAST_PASSING:
            continue
        steps = rung.steps * (1.0 + _ANEW_ON_THIS * np.mean(again))
        steps += _ANEW_ON_FINER * np.mean(is_late * own_steps)
        if steps < least:
            error = float(rung.error[~again].max())
            best, least = Resolution(plan.with_steps(rung.steps), error, limit), steps
    return best


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
