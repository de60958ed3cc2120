"""The product-limit estimate of Kaplan and Meier, with what is read off it."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy

from vcohort.errors import VcohortWarning
from vcohort.results.followed import Followed

# An estimate is a product; rounding must not hide that it is one half.
_ROUNDING = 1e-12

BANDS = ("log-log", "greenwood")


class Steps(NamedTuple):
    """The estimate, in steps (time,): each value holds from its day to the next.

    ``at_risk``: just before the day; ``events`` and ``censored``: on it. ``variance``: Greenwood's
    sum, that of the log of ``survival``, which is infinite where nobody is left.
    """

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    variance: np.ndarray

    def at(self, values: np.ndarray, first: float, days: np.ndarray) -> np.ndarray:
        """Return what steps are on ``days``, ``first`` before the first of them."""
        place = np.searchsorted(self.time, days, side="right") - 1
        return np.where(place < 0, first, values[np.maximum(place, 0)])

    def survival_at(self, days: np.ndarray) -> np.ndarray:
        """Return the survival on ``days``."""
        return self.at(self.survival, 1.0, days)

    def band(self, confidence: float, kind: str = "log-log") -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper ends (time,) of the pointwise confidence band.

        ``"log-log"``: normal on the scale ln(-ln S); ``"greenwood"``: on that of S, cut off at 0
        and 1. Where nobody has progressed yet, or nobody is left, there is none: both are S.
        """
        wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
        value, inside = self.survival, (self.survival > 0) & (self.survival < 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if kind == "greenwood":
                error = value * np.sqrt(self.variance)
                ends = np.clip([value - wide * error, value + wide * error], 0.0, 1.0)
            else:
                error = np.sqrt(self.variance) / np.abs(np.log(value))
                ends = value ** np.exp([[wide], [-wide]] * error)
        lower, upper = np.where(inside, ends, value)
        return lower, upper

    def first_half(self, values: np.ndarray) -> float:
        """Return the first day on which ``values`` (time,) are one half or less, else infinity."""
        reached = np.flatnonzero(values <= 0.5 + _ROUNDING)
        return float(self.time[reached[0]]) if reached.size else float("inf")

    def restricted_mean(self, until: float) -> tuple[float, float]:
        """Return the area under the estimate up to a day, and its standard error.

        The variance is the sum of A^2 d / (n (n - d)) over the days of events, A the area from
        each on: Greenwood's (Klein & Moeschberger, Survival Analysis, 2003, section 4.5).
        """
        inside = self.time < until
        edges = np.concatenate([[0.0], self.time[inside], [until]])
        heights = np.concatenate([[1.0], self.survival[inside]])
        areas = np.diff(edges) * heights
        beyond = areas[::-1].cumsum()[::-1][1:]
        n, d = self.at_risk[inside].astype(float), self.events[inside].astype(float)
        # Of the last who is at risk A is 0.
        left = np.where(n > d, n * (n - d), np.inf)
        return float(areas.sum()), float(np.sqrt((beyond**2 * d / left).sum()))


def steps_of(followed: Followed) -> Steps:
    """Return the estimate, on each day on which a patient progressed or was censored.

    Patients watched from a later day on are at risk from then on (left truncation); where all who
    are at risk progress before others are watched, the estimate is 0 from then on, with a warning.
    """
    time, place = np.unique(followed.time, return_inverse=True)
    events = np.bincount(place, followed.event, time.size).astype(int)
    censored = np.bincount(place, ~followed.event, time.size).astype(int)
    at_risk = followed.at_risk(time)
    n, d = at_risk.astype(float), events.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(np.where(d > 0, d / (n * (n - d)), 0.0))
    # As a product of ratios: of those that are all events it is 0 for good.
    survival = np.cumprod(1.0 - d / n)
    emptied = np.flatnonzero((at_risk == events) & (followed.entry.max() >= time))
    if emptied.size:
        warnings.warn(
            f"All who were watched by day {time[emptied[0]]:g} had progressed then, and others are "
            "watched from later on: the estimate is 0 from that day on. Take a landmark after it.",
            VcohortWarning,
            stacklevel=4,
        )
    return Steps(time, at_risk, events, censored, survival, variance)
