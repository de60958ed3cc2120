"""How long patients were followed, and whether they progressed: what survival is estimated from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
import xarray as xr

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.errors import VcohortError
from vcohort.simulation.missing import known_outcomes

# Days are stored in the precision of the run.
_ROUNDING = 1e-6


class Followed(NamedTuple):
    """Days of progression, and of the end of the run of those who did not progress.

    ``last``: day to which anybody was followed; ``missing``: patients without an outcome.
    """

    event_days: np.ndarray
    censored: np.ndarray
    last: float
    missing: int

    @property
    def times(self) -> scipy.stats.CensoredData:
        """The same as scipy takes them."""
        return scipy.stats.CensoredData(uncensored=self.event_days, right=self.censored)

    def at_risk(self, days: np.ndarray) -> np.ndarray:
        """Return how many are free of progression just before each day, and followed."""
        ends = np.sort(np.concatenate([self.event_days, self.censored]))
        return ends.size - np.searchsorted(ends, days)


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
    last = float(seen.until.max())
    return Followed(seen.days[progressed], seen.until[~progressed], last, seen.missing)


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
