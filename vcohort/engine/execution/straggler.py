"""Patients whose steps were too long on the grid of all: each is followed anew on its own grid.

The grid of all is chosen by a pilot. A patient outside of it may need more steps, and its strain
tells: it climbs the ladder by itself. Who cannot be followed on the finest grid is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from vcohort.engine.execution.blocks import Device, filled_up, spread
from vcohort.engine.execution.pilot import NO_DIGIT, PATIENTS, errors, finer
from vcohort.engine.inputs import GridSpec, PatientTable
from vcohort.engine.integrator.grid import LADDER
from vcohort.models import Model

# Of so many rungs one is tried: on a GPU each number of steps needs a program of its own.
_EVERY = 4

Again = Callable[[PatientTable, GridSpec], Sequence[np.ndarray]]
"""``again(table, plan)``: results (patient, …) of some patients on a grid, their strain last."""


class Followed(NamedTuple):
    """What became of all patients: who is lost (patient,), and the error of those run anew.

    ``error`` (patient,): on their own grids; 0 for all others, and for the lost.
    """

    lost: np.ndarray
    error: np.ndarray


def follow_anew(
    model: Model,
    table: PatientTable,
    plan: GridSpec,
    most_strain: np.ndarray | float,
    tolerance: float,
    results: Sequence[np.ndarray],
    again: Again,
    finish: Callable[[Any], None] = lambda rows: None,
    *,
    mortal: bool,
) -> Followed:
    """Follow anew whose strain, the last of ``results``, is above ``most_strain``; fill in results.

    ``most_strain``: one for all, or (patient,). ``plan``: the grid of all. A patient's own grid
    depends on no other patient's values.
    """
    strain = results[-1]
    late = np.flatnonzero(~(strain <= most_strain))
    steps, error = _own_steps(model, table, late, plan, tolerance, strain.dtype, mortal=mortal)
    hopeless = ~(error < NO_DIGIT)
    # One program for all numbers of steps: to trace it takes longer than to follow a few patients.
    plan = plan._replace(room=LADDER[-1])
    for count in np.unique(steps[~hopeless]):
        some = late[(steps == count) & ~hopeless]
        found = again(table.rows(some), plan.with_steps(int(count)))
        for result, part in zip(results, found, strict=True):
            result[some] = part
        finish(some)
    lost = ~np.isfinite(strain)
    lost[late[hopeless]] = True
    seen = np.zeros(strain.size)
    seen[late] = error
    return Followed(lost, np.where(lost, 0.0, seen))


def _own_steps(
    model: Model,
    table: PatientTable,
    late: np.ndarray,
    plan: GridSpec,
    tolerance: float,
    dtype: np.dtype,
    *,
    mortal: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many steps each patient needs (patient,), and its error with them."""
    steps, error = np.zeros(late.size, int), np.full(late.size, np.inf)
    left = np.arange(late.size)
    for tried in finer(plan, _EVERY):
        steps[left] = tried.steps
        error[left] = _errors(model, table.rows(late[left]), tried, dtype, mortal=mortal)
        left = left[~(error[left] <= tolerance)]
    return steps, error


def _errors(
    model: Model, table: PatientTable, plan: GridSpec, dtype: np.dtype, *, mortal: bool
) -> np.ndarray:
    """Return each patient's error on a grid (patient,)."""
    total = len(table.number)
    found = np.empty(total)

    def run(index: int, _: Device) -> None:
        rows = slice(PATIENTS * index, min(PATIENTS * (index + 1), total))
        patients = table.take(filled_up(rows, PATIENTS), dtype)
        # On the device of the pilot, whose program it is.
        with jax.enable_x64(dtype == np.float64):
            error, _ = errors(model, patients, plan, mortal=mortal)
        found[rows] = error[: rows.stop - rows.start]

    spread(run, -(-total // PATIENTS))
    return found
