"""Progression-free survival of virtual cohorts: Kaplan-Meier, median, restricted mean, log-rank.

A patient's event is progression. Cured patients stay free of it; they and the undecided are
censored at the horizon. Estimators are those of ``scipy.stats``.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy import stats

from vcohort.endpoints.outcome import PROGRESSION
from vcohort.errors import VcohortError


class LogRank(NamedTuple):
    """The log-rank statistic (standard normal under equal hazards) and its two-sided p-value."""

    statistic: float
    pvalue: float


def progression_free_survival(
    ds: xr.Dataset, days: ArrayLike, confidence: float = 0.95
) -> xr.DataArray:
    """Return the Kaplan-Meier estimate (day,) of progression-free survival.

    The coordinates ``lower`` and ``upper`` (day,) hold the pointwise confidence band
    (log-log transformed; Greenwood's variance). Days must lie within the horizon.
    """
    at = np.atleast_1d(np.asarray(days, dtype=np.float64))
    _check_days(at, float(ds.attrs["horizon"]))
    if not 0 < confidence < 1:
        raise VcohortError(
            f"confidence = {confidence:g} is impossible: it must be between 0 and 1."
        )
    estimate = stats.ecdf(_times(ds)).sf
    # With no event yet, or none left, the transformed variance is undefined: no band there.
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        band = estimate.confidence_interval(confidence, method="log-log")
    lower, upper = band.low.evaluate(at), band.high.evaluate(at)
    value = estimate.evaluate(at)
    lower, upper = (np.where(np.isnan(edge), value, edge) for edge in (lower, upper))
    about = {"units": "1", "long_name": "progression-free survival"}
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
    estimate = stats.ecdf(_times(ds)).sf
    # The estimate is a product; rounding must not hide that it is one half.
    reached = np.flatnonzero(estimate.probabilities <= 0.5 + 1e-12)
    return float(estimate.quantiles[reached[0]]) if reached.size else float("inf")


def restricted_mean_survival(ds: xr.Dataset, day: float) -> float:
    """Return the mean progression-free time up to ``day``: the area under the survival curve."""
    _check_days(np.array([day]), float(ds.attrs["horizon"]))
    estimate = stats.ecdf(_times(ds)).sf
    inside = estimate.quantiles < day
    edges = np.concatenate([[0.0], estimate.quantiles[inside], [day]])
    heights = np.concatenate([[1.0], estimate.probabilities[inside]])
    return float(np.sum(np.diff(edges) * heights))


def log_rank(first: xr.Dataset, second: xr.Dataset) -> LogRank:
    """Test whether two cohorts progress alike (Mantel 1966)."""
    result = stats.logrank(_times(first), _times(second))
    return LogRank(float(result.statistic), float(result.pvalue))


def _times(ds: xr.Dataset) -> stats.CensoredData:
    progressed = ds["outcome"].values == PROGRESSION
    days = ds["event_time"].values.astype(np.float64)
    horizon = float(ds.attrs["horizon"])
    return stats.CensoredData(
        uncensored=days[progressed], right=np.full(int((~progressed).sum()), horizon)
    )


def _check_days(days: np.ndarray, horizon: float) -> None:
    wrong = days[~((days >= 0) & (days <= horizon))]
    if wrong.size:
        raise VcohortError(
            f"day = {wrong[0]:g} lies outside the run from 0 to its horizon, {horizon:g}. "
            "Simulate with a later horizon."
        )
