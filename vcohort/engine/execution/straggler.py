"""Patients whose steps were too long on the grid of all: each is followed anew on its own grid.

The grid of all is chosen by a pilot. A patient outside of it may need more steps, and its strain
tells: it climbs the ladder by itself. Who cannot be followed on the finest grid is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vcohort.engine.execution.pilot import NO_DIGIT, PATIENTS, climb
from vcohort.engine.inputs import GridSpec, PatientTable
from vcohort.models import Model

# Rungs are four times as many steps apart: each number of steps may need a program of its own.
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
    for first in range(0, late.size, PATIENTS):
        some = late[first : first + PATIENTS]
        filled = some[np.minimum(np.arange(PATIENTS), some.size - 1)]
        mine = np.arange(first, first + some.size)
        patients = table.take(filled, dtype)
        for rung in climb(model, patients, plan, tolerance, mortal=mortal, every=_EVERY):
            steps[mine], error[mine] = rung.steps, rung.error[mine - first]
            mine = mine[~(error[mine] <= tolerance)]
    return steps, error
