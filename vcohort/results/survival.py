"""Progression-free survival of virtual cohorts: Kaplan-Meier, median, restricted mean, log-rank.

A patient's event is progression. Cured patients stay free of it; they and the undecided are
censored at the horizon of their own run (variable ``followed_until``), so that cohorts of different
horizons may be joined. Patients without an outcome are left out, with a warning. A trial's
patients, a row each, are followed to their own day of progression or censoring. Estimators are
those of ``scipy.stats``.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError
from vcohort.given import confidence_of, number
from vcohort.results.followed import Followed
from vcohort.results.trial import Patients, follow
from vcohort.tables.days import days_of


class LogRank(NamedTuple):
    """The log-rank statistic (standard normal under equal hazards) and its two-sided p-value."""

    statistic: float
    pvalue: float


def progression_free_survival(
    ds: xr.Dataset | Patients, days: ArrayLike, confidence: float = 0.95
) -> xr.DataArray:
    """Return the Kaplan-Meier estimate (day,) of progression-free survival.

    ``ds``: a dataset of :func:`vcohort.simulate`; or a trial's patients, a row each, as a CSV
    file's path, a data frame or columns by name: ``time`` in days (or a column ``day``, ``week``,
    ``month`` or ``year``), ``event`` (1: progression, 0: censored) and, if wanted, ``id``.

    The coordinates ``lower`` and ``upper`` (day,) hold the pointwise confidence band
    (log-log transformed; Greenwood's variance). Attributes ``patients`` and ``patients_missing``:
    how many were counted, and left out.

    :raises VcohortError: for days beyond which nobody was followed, where no patient has an
        outcome, and for a trial's curve, which does not tell how many are followed.
    """
    at = days_of("days", days)
    confidence = confidence_of(confidence)
    followed = follow(ds)
    check_days(at, followed.last)
    estimate = scipy.stats.ecdf(followed.times).sf
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


def median_survival(ds: xr.Dataset | Patients) -> float:
    """Return the first day on which half of the patients or fewer are free of progression.

    ``ds``: a virtual cohort, or a trial's patients; see :func:`progression_free_survival`.
    Infinite where more than half are so at the horizon.
    """
    estimate = scipy.stats.ecdf(follow(ds).times).sf
    # The estimate is a product; rounding must not hide that it is one half.
    reached = np.flatnonzero(estimate.probabilities <= 0.5 + 1e-12)
    return float(estimate.quantiles[reached[0]]) if reached.size else float("inf")


def restricted_mean_survival(ds: xr.Dataset | Patients, day: float) -> float:
    """Return the mean progression-free time up to ``day``: the area under the survival curve.

    ``ds``: a virtual cohort, or a trial's patients; see :func:`progression_free_survival`.
    """
    day = number("day", day)
    followed = follow(ds)
    check_days(np.array([day]), followed.last)
    estimate = scipy.stats.ecdf(followed.times).sf
    inside = estimate.quantiles < day
    edges = np.concatenate([[0.0], estimate.quantiles[inside], [day]])
    heights = np.concatenate([[1.0], estimate.probabilities[inside]])
    return float(np.sum(np.diff(edges) * heights))


def log_rank(first: xr.Dataset | Patients, second: xr.Dataset | Patients) -> LogRank:
    """Test whether two cohorts progress alike (Mantel 1966).

    Each is a virtual cohort, or a trial's patients; see :func:`progression_free_survival`.

    :raises VcohortError: where nobody progresses while patients of both cohorts are followed.
    """
    surplus, variance = log_rank_sums(follow(first), follow(second))
    if not variance > 0:
        raise VcohortError(
            "Nobody progresses while patients of both cohorts are followed: there is nothing to "
            "compare. Simulate with a later horizon, or more patients."
        )
    statistic = float(surplus / np.sqrt(variance))
    return LogRank(statistic, float(2 * scipy.stats.norm.sf(abs(statistic))))


def log_rank_sums(first: Followed, second: Followed) -> tuple[float, float]:
    """Return how many more of the first progress than expected, and the variance of that."""
    event_days, deaths = np.unique(
        np.concatenate([first.event_days, second.event_days]), return_counts=True
    )
    # In floating point: the products below pass what 64 bits hold.
    at_risk, others = (each.at_risk(event_days).astype(float) for each in (first, second))
    total, deaths = at_risk + others, deaths.astype(float)
    share = at_risk / total
    variance = share * (1 - share) * deaths * (total - deaths) / np.maximum(total - 1, 1)
    return float(first.event_days.size - (deaths * share).sum()), float(variance.sum())


def check_days(days: np.ndarray, last: float) -> None:
    """Refuse days to which nobody was followed."""
    wrong = days[~((days >= 0) & (days <= last))]
    if wrong.size:
        raise VcohortError(
            f"day = {wrong[0]:g} lies outside the run from 0 to its horizon, {last:g}. "
            "Simulate with a later horizon."
        )
