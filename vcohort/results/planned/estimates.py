"""What each of many trials estimates: survival by Kaplan and Meier, and the log-rank test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcohort.results.followed import Followed
from vcohort.results.log_rank import surplus_of
from vcohort.results.planned.watched import Watched

# The estimate is a product; rounding must not hide that it is one half.
_ROUNDING = 1e-12


class Curves(NamedTuple):
    """Kaplan-Meier estimates of trials: ``survival`` (trial, patient) from each of ``days`` on.

    ``last`` (trial,): day until which it is known: to the end where nobody is free at the last.
    """

    days: np.ndarray
    survival: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, watched: Watched) -> Curves:
        """Estimate the curve of each trial; who progresses on a day leaves before who is lost."""
        order = np.lexsort((~watched.progressed, watched.days), axis=-1)
        days, progressed = (
            np.take_along_axis(each, order, -1) for each in (watched.days, watched.progressed)
        )
        at_risk = days.shape[1] - np.arange(days.shape[1])
        survival = np.cumprod(1.0 - progressed / at_risk, axis=-1)
        last = np.where(progressed[:, -1], np.inf, days[:, -1])
        return cls(days, survival, last)

    def at(self, day: float) -> np.ndarray:
        """Return the survival (trial,) on a day, NaN where nobody was watched so long."""
        place = (self.days <= day).sum(axis=-1)
        padded = np.concatenate([np.ones((len(self.days), 1)), self.survival], axis=1)
        found = np.take_along_axis(padded, place[:, None], -1)[:, 0]
        return np.where(day <= self.last, found, np.nan)

    def mean_until(self, day: float) -> np.ndarray:
        """Return the area (trial,) under the curve until a day; NaN as above."""
        edges = np.minimum(self.days, day)
        steps = np.diff(edges, axis=-1, prepend=0.0, append=day)
        heights = np.concatenate([np.ones((len(self.days), 1)), self.survival], axis=1)
        return np.where(day <= self.last, (steps * heights).sum(axis=-1), np.nan)

    def median(self) -> np.ndarray:
        """Return the first day (trial,) with half or fewer free; infinite where there is none."""
        reached = self.survival <= 0.5 + _ROUNDING
        first = np.take_along_axis(self.days, reached.argmax(axis=-1)[:, None], -1)[:, 0]
        return np.where(reached.any(axis=-1), first, np.inf)


def log_rank_of(arm: Watched, base: Watched) -> np.ndarray:
    """Return the log-rank statistic (trial,) of an arm against the reference; 0 without events.

    Below 0 where the arm progresses less than expected.
    """
    found = np.zeros(len(arm.days))
    for trial in range(len(arm.days)):
        surplus, variance = surplus_of(_followed(arm, trial), _followed(base, trial))
        found[trial] = surplus / np.sqrt(variance) if variance > 0 else 0.0
    return found


def _followed(watched: Watched, trial: int) -> Followed:
    days, progressed = watched.days[trial], watched.progressed[trial]
    return Followed(np.zeros(days.size), days, progressed, 0, np.ones(days.size, bool))
