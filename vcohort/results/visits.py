"""What a trial sees of its patients, who are looked at on some days alone."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.endpoints.outcome import PROGRESSION
from vcohort.errors import VcohortError
from vcohort.given import number, whole
from vcohort.results.needed import need
from vcohort.tables.days import days_of


def seen_at_visits(
    ds: xr.Dataset, visits: ArrayLike, unscheduled: float = 0.0, seed: int = 0
) -> xr.Dataset:
    """Return a cohort with its progressions on the days on which a trial sees them.

    A progression is seen at the first visit on its day or later; after the last visit within the
    patient's run, on its own day. A share of them shows by itself, on its own day, too.

    :param ds: a dataset of :func:`vcohort.simulate`.
    :param visits: days, increasing.
    :param unscheduled: that share, 0 to 1; whose progression it is depends on ``seed``, by the
        patient's place.
    :return: the dataset with another ``event_time``.
    :raises VcohortError: for another kind of dataset, days that do not increase, no share.
    """
    need(
        ds, "vc.simulate", dict.fromkeys(("outcome", "event_time", "followed_until"), ("patient",))
    )
    at, share = checked_visits(visits, unscheduled)
    own = ds["event_time"].values
    later = np.searchsorted(at, own, side="left")
    seen = np.where(later < at.size, at[np.minimum(later, at.size - 1)], own)
    random = np.random.default_rng(whole("seed", seed, 2**64))
    waits = (ds["outcome"].values == PROGRESSION) & (random.random(own.size) >= share)
    # A visit after the end of the patient's run is none.
    waits &= seen <= ds["followed_until"].values
    moved = np.where(waits, seen, own)
    return ds.assign(event_time=("patient", moved.astype(own.dtype), ds["event_time"].attrs))


def checked_visits(visits: ArrayLike, unscheduled: float) -> tuple[np.ndarray, float]:
    """Return the days of visits, at least one, and the share of progressions seen at once.

    :raises VcohortError: for days that do not increase from above 0 on, and for no share.
    """
    at = days_of("visits", visits)
    if not at.size or at[0] <= 0 or (np.diff(at) <= 0).any():
        raise VcohortError("visits must be days that increase, all greater than 0: [28, 91, 182].")
    share = number("unscheduled", unscheduled)
    if not 0 <= share <= 1:
        raise VcohortError(f"unscheduled = {share:g} is impossible: it is a share, 0 to 1.")
    return at, share
