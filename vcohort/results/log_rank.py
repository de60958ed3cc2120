"""Two groups compared by the log-rank test, also in strata."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.results.followed import Followed
from vcohort.results.trial import Patients, follow_with


class LogRank(NamedTuple):
    """The log-rank statistic (standard normal under equal hazards) and its two-sided p-value."""

    statistic: float
    pvalue: float


def log_rank(
    first: xr.Dataset | Patients, second: xr.Dataset | Patients, *, strata: str | None = None
) -> LogRank:
    """Test whether two cohorts progress alike (Mantel 1966).

    Each is a virtual cohort, or a trial's patients; see :func:`progression_free_survival`. The
    p-value of virtual patients says how many were simulated, and no more: of enough of them any
    difference is significant. :func:`vcohort.compare` says how large it is, :class:`vcohort.Trial`
    what so many patients of a trial would show.

    :param strata: a column that both have (a variable of a virtual cohort, a covariate of a trial):
        patients are compared with those of the same value alone.
    :raises VcohortError: where nobody progresses while patients of both cohorts are followed.
    """
    names = () if strata is None else (strata,)
    (one, its), (two, others) = (follow_with(each, names) for each in (first, second))
    level_of_one = its[strata] if strata else np.zeros(one.time.size)
    level_of_two = others[strata] if strata else np.zeros(two.time.size)
    surplus = variance = 0.0
    for level in np.intersect1d(level_of_one, level_of_two):
        pair = one.select(level_of_one == level), two.select(level_of_two == level)
        more, its_variance = surplus_of(*pair)
        surplus, variance = surplus + more, variance + its_variance
    if not variance > 0:
        raise VcohortError(
            "Nobody progresses while patients of both cohorts are followed: there is nothing to "
            "compare. Simulate with a later horizon, or more patients."
        )
    statistic = float(surplus / np.sqrt(variance))
    return LogRank(statistic, float(2 * scipy.stats.norm.sf(abs(statistic))))


def surplus_of(first: Followed, second: Followed) -> tuple[float, float]:
    """Return how many more of the first progressed than expected, and the variance of that."""
    days, deaths = np.unique(
        np.concatenate([first.event_days, second.event_days]), return_counts=True
    )
    # In floating point: the products below pass what 64 bits hold.
    at_risk, others = (each.at_risk(days).astype(float) for each in (first, second))
    total, deaths = at_risk + others, deaths.astype(float)
    share = at_risk / total
    variance = share * (1 - share) * deaths * (total - deaths) / np.maximum(total - 1, 1)
    return first.event_days.size - float((deaths * share).sum()), float(variance.sum())
