"""Cure and relapse as competing risks: what share has had which by each day."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.endpoints.escape import NEGATIVE, POSITIVE
from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.results.followed import first_events
from vcohort.results.survival import check_days
from vcohort.tables.days import days_of


def cumulative_incidence(ds: xr.Dataset, days: ArrayLike) -> xr.DataArray:
    """Return the share of patients (event, day) whose first event, by each day, is of a kind.

    Events: cure and progression; where the run had the endpoint :class:`vcohort.Escaped`,
    progression is antigen-positive or antigen-negative. The estimator of Aalen & Johansen (1978,
    Scand. J. Stat. 5:141): patients without an event are censored at the horizon of their own run,
    and patients without an outcome are left out, with a warning.

    :raises VcohortError: for impossible days, days beyond which nobody was followed, and where no
        patient has an outcome.
    """
    at = days_of("days", days)
    seen = first_events(ds)
    check_days(at, float(seen.until.max()))
    progressed = seen.outcome == PROGRESSION
    kinds = {"cure": seen.outcome == CURE}
    if "relapse" in ds:
        relapse = ds["relapse"].values[seen.kept]
        kinds["antigen-positive relapse"] = progressed & (relapse == POSITIVE)
        kinds["antigen-negative relapse"] = progressed & (relapse == NEGATIVE)
    else:
        kinds["progression"] = progressed
    ends = np.where(seen.outcome == UNDECIDED, seen.until, seen.days)
    return xr.DataArray(
        np.stack([_aalen_johansen(ends, kinds, name, at) for name in kinds]),
        dims=("event", "day"),
        coords={
            "event": list(kinds),
            "day": ("day", at, {"units": "day", "long_name": "days since the first infusion"}),
        },
        name="cumulative_incidence",
        attrs={
            "units": "1", "long_name": "share of patients with the event",
            "patients": seen.days.size, "patients_missing": seen.missing,
        },
    )  # fmt: skip


def _aalen_johansen(
    ends: np.ndarray, kinds: dict[str, np.ndarray], name: str, at: np.ndarray
) -> np.ndarray:
    """Return the cumulative incidence (day,) of one kind of event."""
    moments, place = np.unique(ends, return_inverse=True)
    counts = {each: np.bincount(place[mine], minlength=moments.size)
              for each, mine in kinds.items()}  # fmt: skip
    leaving = np.bincount(place, minlength=moments.size)
    at_risk = ends.size - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    free = np.cumprod(1.0 - sum(counts.values()) / at_risk)
    before = np.concatenate([[1.0], free[:-1]])
    incidence = np.concatenate([[0.0], np.cumsum(before * counts[name] / at_risk)])
    return incidence[np.searchsorted(moments, at, side="right")]
