"""Progression-free survival of virtual cohorts: Kaplan-Meier, median, restricted mean, log-rank.

A patient's event is progression. Cured patients stay free of it; they and the undecided are
censored at the horizon of their own run (variable ``followed_until``), so that cohorts of different
horizons may be joined. Patients without an outcome are left out, with a warning. Estimators are
those of ``scipy.stats``.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.errors import VcohortError
from vcohort.missing import known_outcomes

# Days are stored in the precision of the run.
_ROUNDING = 1e-6


class LogRank(NamedTuple):
    """The log-rank statistic (standard normal under equal hazards) and its two-sided p-value."""

    statistic: float
    pvalue: float


def progression_free_survival(
    ds: xr.Dataset, days: ArrayLike, confidence: float = 0.95
) -> xr.DataArray:
    """Return the Kaplan-Meier estimate (day,) of progression-free survival.

    The coordinates ``lower`` and ``upper`` (day,) hold the pointwise confidence band
    (log-log transformed; Greenwood's variance). Attributes ``patients`` and ``patients_missing``:
    how many were counted, and left out.

    :raises VcohortError: for days beyond which nobody was followed, and where no patient has an
        outcome.
    """
    at = np.atleast_1d(np.asarray(days, dtype=np.float64))
    if not 0 < confidence < 1:
        raise VcohortError(
            f"confidence = {confidence:g} is impossible: it must be between 0 and 1."
        )
    followed = _follow(ds)
    _check_days(at, followed.last)
    estimate = stats.ecdf(followed.times).sf
    # With no event yet, or none left, the transformed variance is undefined: no band there.
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        band = estimate.confidence_interval(confidence, method="log-log")
    lower, upper = band.low.evaluate(at), band.high.evaluate(at)
    value = estimate.evaluate(at)
    lower, upper = (np.where(np.isnan(edge), value, edge) for edge in (lower, upper))
    about = {
        "units": "1", "long_name": "progression-free survival",
        "patients": followed.event_days.size + followed.censored.size,
        "patients_missing": followed.missing,
    }  # fmt: skip
    percent = f"{100 * confidence:g} % confidence band"
    return xr.DataArray(
        value,
        dims="day",
        coords={
            "day": ("day", at, {"units": "day", "long_name": "days since the first infusion"}),
            "lower": ("day", lower, {"units": "1", "long_name": f"lower end, {percent}"}),
            "upper": ("day", upper, {"units": "1", "long_name": f"upper end, {percent}"}),
        },
        name="progression_free_survival",
        attrs=about,
    )


def median_survival(ds: xr.Dataset) -> float:
    """Return the first day on which half of the patients or fewer are free of progression.

    Infinite where more than half are so at the horizon.
    """
    estimate = stats.ecdf(_follow(ds).times).sf
    # The estimate is a product; rounding must not hide that it is one half.
    reached = np.flatnonzero(estimate.probabilities <= 0.5 + 1e-12)
    return float(estimate.quantiles[reached[0]]) if reached.size else float("inf")


def restricted_mean_survival(ds: xr.Dataset, day: float) -> float:
    """Return the mean progression-free time up to ``day``: the area under the survival curve."""
    followed = _follow(ds)
    _check_days(np.array([day]), followed.last)
    estimate = stats.ecdf(followed.times).sf
    inside = estimate.quantiles < day
    edges = np.concatenate([[0.0], estimate.quantiles[inside], [day]])
    heights = np.concatenate([[1.0], estimate.probabilities[inside]])
    return float(np.sum(np.diff(edges) * heights))


def log_rank(first: xr.Dataset, second: xr.Dataset) -> LogRank:
    """Test whether two cohorts progress alike (Mantel 1966).

    :raises VcohortError: where nobody progresses while patients of both cohorts are followed.
    """
    cohorts = _follow(first), _follow(second)
    event_days, deaths = np.unique(
        np.concatenate([each.event_days for each in cohorts]), return_counts=True
    )
    # In floating point: the products below pass what 64 bits hold.
    at_risk, others = (each.at_risk(event_days).astype(float) for each in cohorts)
    total, deaths = at_risk + others, deaths.astype(float)
    share = at_risk / total
    variance = share * (1 - share) * deaths * (total - deaths) / np.maximum(total - 1, 1)
    if not variance.sum() > 0:
        raise VcohortError(
            "Nobody progresses while patients of both cohorts are followed: there is nothing to "
            "compare. Simulate with a later horizon, or more patients."
        )
    surplus = cohorts[0].event_days.size - (deaths * share).sum()
    statistic = float(surplus / np.sqrt(variance.sum()))
    return LogRank(statistic, float(2 * stats.norm.sf(abs(statistic))))


class _Followed(NamedTuple):
    """Days of progression, and of the end of the run of those who did not progress.

    ``last``: day to which anybody was followed; ``missing``: patients without an outcome.
    """

    event_days: np.ndarray
    censored: np.ndarray
    last: float
    missing: int

    @property
    def times(self) -> stats.CensoredData:
        """The same as scipy takes them."""
        return stats.CensoredData(uncensored=self.event_days, right=self.censored)

    def at_risk(self, days: np.ndarray) -> np.ndarray:
        """Return how many are free of progression just before each day, and followed."""
        ends = np.sort(np.concatenate([self.event_days, self.censored]))
        return ends.size - np.searchsorted(ends, days)


def _follow(ds: xr.Dataset) -> _Followed:
    kept = known_outcomes(ds, stacklevel=4)
    outcome = ds["outcome"].values[kept]
    days = ds["event_time"].values[kept].astype(np.float64)
    if (days < 0).any():
        raise VcohortError(f"event_time holds {days.min():g}: days must be 0 or more.")
    until = _until(ds, kept, outcome, days)
    progressed = outcome == PROGRESSION
    missing = int(kept.size - kept.sum())
    return _Followed(days[progressed], until[~progressed], float(until.max()), missing)


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


def _check_days(days: np.ndarray, last: float) -> None:
    wrong = days[~((days >= 0) & (days <= last))]
    if wrong.size:
        raise VcohortError(
            f"day = {wrong[0]:g} lies outside the run from 0 to its horizon, {last:g}. "
            "Simulate with a later horizon."
        )
