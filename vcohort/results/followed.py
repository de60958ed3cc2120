"""How long patients were followed, and whether they progressed: what survival is estimated from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.errors import VcohortError
from vcohort.simulation.missing import known_outcomes

# Days are stored in the precision of the run.
_ROUNDING = 1e-6


class Followed(NamedTuple):
    """How long patients (patient,) were followed, and who progressed at the end of that.

    ``start``: the day from which on each was watched, 0 but for left truncation; ``missing``: how
    many patients are left out, without an outcome; ``kept``: which of all are here.
    """

    start: np.ndarray
    time: np.ndarray
    event: np.ndarray
    missing: int
    kept: np.ndarray

    @property
    def last(self) -> float:
        """Day to which anybody was followed."""
        return float(self.time.max())

    @property
    def known_until(self) -> float:
        """Day to which survival is known: for ever, where those followed longest all progressed."""
        return float("inf") if self.event[self.time == self.time.max()].all() else self.last

    @property
    def event_days(self) -> np.ndarray:
        """The days of progression."""
        return self.time[self.event]

    @property
    def entry(self) -> np.ndarray:
        """The days after which each is at risk: one watched from day 0 on is so on that day."""
        return np.where(self.start > 0, self.start, -np.inf)

    def at_risk(self, days: np.ndarray) -> np.ndarray:
        """Return how many are free of progression just before each day, and watched."""
        left, entered = np.sort(self.time), np.sort(self.entry)
        return np.searchsorted(entered, days) - np.searchsorted(left, days)

    def select(self, chosen: np.ndarray) -> Followed:
        """Return some of the patients, by a mask (patient,) or an index."""
        kept = np.zeros(self.kept.size, bool)
        kept[np.flatnonzero(self.kept)[chosen]] = True
        return Followed(self.start[chosen], self.time[chosen], self.event[chosen], self.missing,
                        kept)  # fmt: skip

    def from_day(self, landmark: float) -> Followed:
        """Return those who are free and followed after a day, watched from then on.

        :raises VcohortError: for a day after which nobody is followed.
        """
        later = self.time > landmark
        if not later.any():
            raise VcohortError(
                f"landmark = {landmark:g}: nobody is free of progression and followed after that "
                "day. Give an earlier one."
            )
        found = self.select(later)
        return found._replace(start=np.maximum(found.start, landmark))


def joined(parts: Sequence[Followed]) -> Followed:
    """Return all patients of several cohorts."""
    return Followed(
        np.concatenate([each.start for each in parts]),
        np.concatenate([each.time for each in parts]),
        np.concatenate([each.event for each in parts]),
        sum(each.missing for each in parts),
        np.concatenate([each.kept for each in parts]),
    )


class FirstEvents(NamedTuple):
    """The first event of each patient whose outcome is known, its day, how long it was followed.

    ``kept``: which of all patients these are.
    """

    outcome: np.ndarray
    days: np.ndarray
    until: np.ndarray
    kept: np.ndarray

    @property
    def missing(self) -> int:
        """How many patients are left out."""
        return int(self.kept.size - self.kept.sum())


def first_events(ds: xr.Dataset, *, stacklevel: int = 3) -> FirstEvents:
    """Return the first events of a virtual cohort.

    :raises VcohortError: where no outcome is known, or how long the cured were followed.
    """
    kept = known_outcomes(ds, stacklevel=stacklevel + 1)
    outcome = ds["outcome"].values[kept]
    days = ds["event_time"].values[kept].astype(np.float64)
    if (days < 0).any():
        raise VcohortError(f"event_time holds {days.min():g}: days must be 0 or more.")
    return FirstEvents(outcome, days, _until(ds, kept, outcome, days), kept)


def follow_cohort(ds: xr.Dataset) -> Followed:
    """Return how long the patients of a virtual cohort were free of progression, and followed.

    :raises VcohortError: where no outcome is known, or how long the cured were followed.
    """
    seen = first_events(ds, stacklevel=5)
    progressed = seen.outcome == PROGRESSION
    ends = np.where(progressed, seen.days, seen.until)
    return Followed(np.zeros(ends.size), ends, progressed, seen.missing, seen.kept)


def _until(ds: xr.Dataset, kept: np.ndarray, outcome: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Return the last day of each patient's own run."""
    until = np.full(days.shape, np.nan)
    if "followed_until" in ds:
        until = ds["followed_until"].values[kept].astype(np.float64)
    undecided, horizon = outcome == UNDECIDED, float(ds.attrs.get("horizon", np.nan))
    untold = np.isnan(until)
    beyond = np.where(undecided, np.abs(days - horizon), days - horizon)
    if (beyond[untold] <= _ROUNDING * horizon).all():
        # Nothing speaks against one horizon for all of these.
        until = np.where(untold, horizon, until)
    own = undecided & ~(np.abs(days - until) <= _ROUNDING * until)
    until = np.where(own, days, until)
    if np.isnan(until[outcome == CURE]).any():
        raise VcohortError(
            "Cohorts of different horizons are joined here, and nothing says how long the cured "
            "patients were followed. Give it: ds['followed_until'] = ('patient', days)."
        )
    return np.fmax(until, days)
