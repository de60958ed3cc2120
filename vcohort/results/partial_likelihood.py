"""Cox's partial likelihood, ties by Efron, with its derivatives; patients at risk from a day on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from vcohort.errors import VcohortError
from vcohort.results.followed import Followed

_MOST_STEPS = 60
# Of the gain that a step of Newton's method promises.
_TOLERANCE = 1e-12
# Of the information without covariates.
_FLAT = 1e-6


class Fitted(NamedTuple):
    """Where the likelihood is greatest: log hazard ratios (covariate,), and their information.

    ``nothing``: the log-likelihood without covariates; ``settled``: whether a greatest one was
    found, and does not lie at infinity.
    """

    logs: np.ndarray
    information: np.ndarray
    log_likelihood: float
    nothing: float
    settled: bool


class _Sums(NamedTuple):
    """Sums over patients of weight, weight x and weight x x, for each day (day, …)."""

    zero: np.ndarray
    one: np.ndarray
    two: np.ndarray

    def less(self, other: _Sums, share: np.ndarray) -> _Sums:
        """Return these less a share (day,) of others."""
        return _Sums(
            self.zero - share * other.zero,
            self.one - share[:, None] * other.one,
            self.two - share[:, None, None] * other.two,
        )

    def at(self, places: np.ndarray) -> _Sums:
        return _Sums(self.zero[places], self.one[places], self.two[places])


class _Stratum(NamedTuple):
    """Patients who are compared with each other, in the order of their last days.

    ``first``: of each day with events, the first patient who is still free; ``entered``: how many
    of those not yet watched there are, in the order of ``by_entry``; ``ties`` (event,): how many
    share the event's day, ``rank``: which of them it is; ``day``: the place of that day.
    """

    x: np.ndarray
    event: np.ndarray
    first: np.ndarray
    by_entry: np.ndarray
    entered: np.ndarray
    day: np.ndarray
    ties: np.ndarray
    rank: np.ndarray


def strata_of(followed: Followed, x: np.ndarray, level: np.ndarray) -> list[_Stratum]:
    """Return patients with covariates ``x`` (patient, covariate) by their stratum."""
    return [_stratum(followed.select(level == each), x[level == each]) for each in np.unique(level)]


def _stratum(followed: Followed, x: np.ndarray) -> _Stratum:
    order = np.argsort(followed.time, kind="stable")
    time, event, entry = followed.time[order], followed.event[order], followed.entry[order]
    days, day, ties = np.unique(time[event], return_inverse=True, return_counts=True)
    rank = np.arange(day.size) - np.concatenate([[0], np.cumsum(ties)])[day]
    by_entry = np.argsort(entry, kind="stable")
    return _Stratum(x[order], event, np.searchsorted(time, days), by_entry,
                    np.searchsorted(entry[by_entry], days), day, ties[day], rank)  # fmt: skip


def log_likelihood(
    strata: list[_Stratum], logs: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log of the partial likelihood at log hazard ratios, its gradient, its information.

    Of d events on one day the k-th compares with those at risk less k / d of the d (Efron 1977,
    J. Am. Stat. Assoc. 72:557).
    """
    parts = [_of_stratum(each, logs) for each in strata]
    value, gradient, information = zip(*parts, strict=True)
    return sum(value), np.sum(gradient, axis=0), np.sum(information, axis=0)


def _of_stratum(each: _Stratum, logs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    risk = each.x @ logs
    # Ratios alone matter: the largest weight is 1.
    risk -= risk.max()
    sums = _weighed(np.exp(risk), each.x)
    free = _from(sums, each.first)
    late = _from(_Sums(*(part[each.by_entry] for part in sums)), each.entered)
    tied = _Sums(*(_by_day(part[each.event], each.day) for part in sums))
    at_risk = free.less(late, np.ones(each.first.size)).at(each.day)
    left = at_risk.less(tied.at(each.day), each.rank / each.ties)
    # Of a step too long all may be 0: it is halved.
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = left.one / left.zero[:, None]
        value = float((risk[each.event] - np.log(left.zero)).sum())
        spread = (left.two / left.zero[:, None, None]).sum(axis=0) - mean.T @ mean
    return value, (each.x[each.event] - mean).sum(axis=0), spread


def _weighed(weight: np.ndarray, x: np.ndarray) -> _Sums:
    return _Sums(weight, weight[:, None] * x, weight[:, None, None] * x[:, :, None] * x[:, None, :])


def _from(sums: _Sums, first: np.ndarray) -> _Sums:
    """Return the sums over all patients from each place on."""

    def tails(part: np.ndarray) -> np.ndarray:
        ends = np.cumsum(part[::-1], axis=0)[::-1]
        return np.concatenate([ends, np.zeros_like(part[:1])])[first]

    return _Sums(*map(tails, sums))


def _by_day(part: np.ndarray, day: np.ndarray) -> np.ndarray:
    found = np.zeros((day.max(initial=-1) + 1, *part.shape[1:]))
    np.add.at(found, day, part)
    return found


def greatest(strata: list[_Stratum], count: int) -> Fitted:
    """Return the greatest likelihood, by Newton's method with steps halved where they lead down.

    :raises VcohortError: where the events do not tell the covariates apart.
    """
    logs = np.zeros(count)
    value, gradient, information = log_likelihood(strata, logs)
    nothing, first = value, information
    if np.linalg.matrix_rank(first, hermitian=True) < count:
        raise VcohortError(
            "The events do not tell the covariates apart: among those at risk on the days of "
            "events they are constant, or one follows from others. Leave some out."
        )
    for _ in range(_MOST_STEPS):
        if _is_endless(information, first):
            return Fitted(logs, information, value, nothing, False)
        step = np.linalg.solve(information, gradient)
        is_last = float(gradient @ step) < _TOLERANCE * max(abs(value), 1.0)
        found = log_likelihood(strata, logs + step)
        # The last step is so short that rounding hides what it gains.
        while not (is_last or found[0] >= value):
            step = step / 2.0
            found = log_likelihood(strata, logs + step)
        logs, (value, gradient, information) = logs + step, found
        if is_last:
            break
    return Fitted(logs, information, value, nothing, True)


def _is_endless(information: np.ndarray, first: np.ndarray) -> bool:
    """Whether the likelihood is flat in some direction in which it was not: it has no greatest."""
    return bool(scipy.linalg.eigh(information, first, eigvals_only=True)[0] < _FLAT)
