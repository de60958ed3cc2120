"""What a trial sees of its patients: until when each is watched, and whether it progresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vcohort.endpoints.outcome import PROGRESSION
from vcohort.results.arms.arm import Arm

_YEAR = 365.25


class Watched(NamedTuple):
    """Patients of trials (trial, patient): which of the arm they are, and what was seen of them.

    ``days``: of progression, or to which they were watched; ``progressed``: whether it is that.
    """

    chosen: np.ndarray
    days: np.ndarray
    progressed: np.ndarray


def watch(
    arm: Arm, size: int, generators: Sequence[np.random.Generator], *,
    enrolment: float, dropout: float, visits: Sequence[float] | None, analysis: float,
) -> Watched:  # fmt: skip
    """Return the patients of trials, one of each generator."""
    free = np.where(arm.outcome == PROGRESSION, arm.days, np.inf)
    seen = free if visits is None else _next_visit(free, np.asarray(visits))
    chosen = np.stack([each.integers(0, free.size, size) for each in generators])
    entry = enrolment * np.stack([each.random(size) for each in generators])
    lost = np.stack([each.exponential(size=size) for each in generators])
    with np.errstate(divide="ignore"):
        lost = lost * _YEAR / -np.log1p(-dropout)
    until = np.minimum(analysis - entry, lost)
    if visits is not None:
        until = _last_visit(until, np.asarray(visits))
    progressed = seen[chosen] <= until
    return Watched(chosen, np.where(progressed, seen[chosen], until), progressed)


def _next_visit(days: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Return the first visit on or after each day; infinity where there is none."""
    return np.append(visits, np.inf)[np.searchsorted(visits, days)]


def _last_visit(days: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Return the last visit on or before each day; day 0 where there is none."""
    return np.insert(visits, 0, 0.0)[np.searchsorted(visits, days, side="right")]
