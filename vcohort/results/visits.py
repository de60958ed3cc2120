"""A cohort as a trial sees it, which looks at its patients at its visits alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import UNDECIDED
from vcohort.errors import VcohortError
from vcohort.given import number, whole
from vcohort.results.needed import need

_SOURCE = "vc.simulate with endpoints=[vc.ProgressionAtVisits([28, 91, 182])]"


def seen_at_visits(ds: xr.Dataset, unscheduled: float = 0.0, seed: int = 0) -> xr.Dataset:
    """Return a cohort with the outcomes that its trial saw, for all that estimates survival.

    Nobody is followed beyond the last visit: who has had no event by then is undecided.

    :param ds: a dataset of :func:`vcohort.simulate` with the endpoint
        :class:`vcohort.ProgressionAtVisits`.
    :param unscheduled: share, 0 to 1, of the progressions that show by themselves, on the day from
        which on the tumour had its size until it was seen; whose do so depends on ``seed``, by the
        patient's place.
    :return: the dataset, ``outcome``, ``event_time`` and ``followed_until`` those seen.
    :raises VcohortError: for another dataset, and for no share.
    """
    share = checked_share(unscheduled)
    over = ("outcome", "event_time", "followed_until", "seen_outcome", "seen_time", "seen_since")
    need(ds, _SOURCE, dict.fromkeys(over, ("patient",)))
    if "visits" not in ds["seen_time"].attrs:
        raise VcohortError(
            "Nothing says on which days this cohort's visits were, after which nobody is followed. "
            "Give them: ds['seen_time'].attrs['visits'] = '28, 91, 182'."
        )
    visits = [float(day) for day in ds["seen_time"].attrs["visits"].split(",")]
    at_once = np.random.default_rng(whole("seed", seed, 2**64)).random(ds["patient"].shape) < share
    days = np.where(at_once, ds["seen_since"].values, ds["seen_time"].values)
    unseen = days > visits[-1]
    until = np.minimum(ds["followed_until"].values, visits[-1])
    return ds.assign(
        outcome=ds["outcome"].copy(data=np.where(unseen, UNDECIDED, ds["seen_outcome"].values)),
        event_time=ds["event_time"].copy(data=np.where(unseen, visits[-1], days)),
        followed_until=ds["followed_until"].copy(data=until),
    ).assign_attrs(
        seen_at_visits=f"on days {', '.join(f'{day:g}' for day in visits)}, but for {share:g} of "
        "the progressions"
    )


def checked_share(unscheduled: float) -> float:
    """Return the share of progressions that show by themselves."""
    share = number("unscheduled", unscheduled)
    if not 0 <= share <= 1:
        raise VcohortError(f"unscheduled = {share:g} is impossible: it is a share, 0 to 1.")
    return share
