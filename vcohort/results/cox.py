"""Hazard ratios by Cox's model: of covariates, and of two cohorts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
import xarray as xr

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import confidence_of, names_of
from vcohort.results.followed import Followed, joined
from vcohort.results.partial_likelihood import Fitted, greatest, strata_of
from vcohort.results.trial import Patients, follow_with
from vcohort.simulation.dataset import provenance
from vcohort.tables.days import day_of


class _Found(NamedTuple):
    """Logs of hazard ratios in the units of the covariates, and their covariance."""

    logs: np.ndarray
    covariance: np.ndarray
    log_likelihood: float
    nothing: float

    @property
    def errors(self) -> np.ndarray:
        return np.sqrt(np.diag(self.covariance))


class HazardRatio(NamedTuple):
    """A hazard ratio with its interval, and the two-sided p-value of none (Wald)."""

    ratio: float
    lower: float
    upper: float
    pvalue: float


def cox(
    patients: xr.Dataset | Patients,
    covariates: Sequence[str],
    *,
    strata: str | None = None,
    landmark: float | None = None,
    confidence: float = 0.95,
    endpoint: str | None = None,
) -> xr.Dataset:
    """Return hazard ratios of covariates, by Cox's partial likelihood (1972).

    Ties are handled as by Efron (1977); patients watched from a later day on are at risk from then
    on. Numbers count per unit; of texts each value is compared with the first in the alphabet.

    :param patients: a virtual cohort, or a trial's patients; see
        :func:`vcohort.progression_free_survival`.
    :param covariates: columns of the table, covariates of the trial, variables (patient,) of the
        cohort.
    :param strata: a column: hazards are proportional among patients of the same value alone.
    :param landmark: only those who are free and followed after that day, watched from then on.
    :param confidence: of the intervals.
    :param endpoint: the PARAMCD of an ADTTE that holds several.
    :return: over ``covariate``: ``hazard_ratio``, ``lower``, ``upper``, ``log_hazard_ratio``,
        ``standard_error`` (of the log), ``pvalue`` (Wald); ``covariance`` (covariate, other) of the
        logs; ``log_likelihood``, ``log_likelihood_without`` covariates and ``pvalue_of_all``, that
        of their ratio. Attributes: ``patients``, ``patients_missing``, ``events``, ``strata``,
        ``confidence``. A ratio that grows without end, as of a covariate whose value nobody with an
        event has, is told of by a warning: its error says nothing.
    :raises VcohortError: for an unknown, constant or missing covariate, covariates that follow from
        each other, and no event.
    """
    names = names_of("covariates", covariates, "covariates=['AGE']")
    confidence = confidence_of(confidence)
    wanted = list(names) if strata is None else [*names, strata]
    followed, columns = follow_with(patients, wanted, endpoint)
    if landmark is not None:
        later = followed.time > (day := day_of("landmark", landmark))
        followed, columns = (
            followed.from_day(day),
            {name: column[later] for name, column in columns.items()},
        )
    design = _design({name: columns[name] for name in dict.fromkeys(names)})
    level = np.zeros(followed.time.size) if strata is None else columns[strata]
    fitted = _fit(followed, design, level)
    return _dataset(followed, list(design), fitted, confidence, strata)


def hazard_ratio(
    first: xr.Dataset | Patients,
    second: xr.Dataset | Patients,
    *,
    strata: str | None = None,
    confidence: float = 0.95,
) -> HazardRatio:
    """Return the hazard of the first cohort relative to the second, as of :func:`vcohort.cox`.

    Each is a virtual cohort, or a trial's patients; ``strata`` as of :func:`vcohort.log_rank`,
    which says what a p-value of virtual patients is.

    :raises VcohortError: where nobody progresses, or only patients of one while both are watched.
    """
    confidence = confidence_of(confidence)
    names = () if strata is None else (strata,)
    pair = [follow_with(each, names) for each in (first, second)]
    parts = [followed for followed, _ in pair]
    both = joined(parts)
    level = np.zeros(both.time.size)
    if strata is not None:
        level = np.concatenate([columns[strata] for _, columns in pair])
    own = np.repeat([1.0, 0.0], [each.time.size for each in parts])
    fitted = _fit(both, {"first": own}, level)
    error = float(fitted.errors[0])
    wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
    log = float(fitted.logs[0])
    ratio, lower, upper = _exp(np.array([log, log - wide * error, log + wide * error])).tolist()
    return HazardRatio(ratio, lower, upper, float(2 * scipy.stats.norm.sf(abs(log / error))))


def _design(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return numbers by name: of a text one for each value but the first, 1 where it has it."""
    found: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        is_number = column.dtype.kind in "fiub"
        missing = np.isnan(column.astype(float)) if is_number else column == ""
        if missing.any():
            raise VcohortError(
                f"The covariate {name} is missing of {int(missing.sum())} of {column.size} "
                "patients: leave them out, or the covariate."
            )
        levels = np.unique(column)
        if levels.size < 2:
            raise VcohortError(
                f"The covariate {name} is {levels[0] if levels.size else 'nothing'} of all "
                "patients: it tells none apart. Leave it out."
            )
        if is_number:
            found[name] = column.astype(float)
        else:
            found |= {f"{name}={level}": 1.0 * (column == level) for level in levels[1:]}
    return found


def _fit(followed: Followed, design: dict[str, np.ndarray], level: np.ndarray) -> _Found:
    """Return the fit of standardised covariates, in the units of the given ones."""
    if not followed.event.any():
        raise VcohortError(
            "Nobody progresses: there is no hazard to compare. Follow them longer, or more of them."
        )
    x = np.stack(list(design.values()), axis=1)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / spread
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise VcohortError(
            f"One of the covariates {', '.join(design)} follows from the others: leave it out."
        )
    fitted = greatest(strata_of(followed, x, level), x.shape[1])
    if not fitted.settled:
        worst = list(design)[int(np.abs(fitted.logs).argmax())]
        warnings.warn(
            f"The hazard ratio of {worst} grows without end: the events are all of one side of it. "
            "Its value and its error say nothing.",
            VcohortWarning,
            stacklevel=3,
        )
    # In the units of the covariates, cells and years, the information could not be inverted.
    covariance = _inverse(fitted) / np.outer(spread, spread)
    return _Found(fitted.logs / spread, covariance, fitted.log_likelihood, fitted.nothing)


def _inverse(fitted: Fitted) -> np.ndarray:
    """Return the covariance of standardised covariates; infinite where nothing is known at all."""
    try:
        return np.linalg.inv(fitted.information)
    except np.linalg.LinAlgError:
        return np.full_like(fitted.information, np.inf)


def _exp(logs: np.ndarray) -> np.ndarray:
    """Return ratios; of one that grows without end the upper end is infinite."""
    with np.errstate(over="ignore"):
        return np.exp(logs)


def _dataset(
    followed: Followed, names: list[str], fitted: _Found, confidence: float, strata: str | None
) -> xr.Dataset:
    error = fitted.errors
    wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
    percent = f"{100 * confidence:g} % confidence interval"
    gain = 2.0 * (fitted.log_likelihood - fitted.nothing)
    each: dict[str, tuple[Any, str]] = {
        "hazard_ratio": (_exp(fitted.logs), "hazard ratio"),
        "lower": (_exp(fitted.logs - wide * error), f"lower end, {percent}"),
        "upper": (_exp(fitted.logs + wide * error), f"upper end, {percent}"),
        "log_hazard_ratio": (fitted.logs, "log of the hazard ratio"),
        "standard_error": (error, "standard error of the log"),
        "pvalue": (2 * scipy.stats.norm.sf(np.abs(fitted.logs / error)), "p-value of none, Wald"),
    }
    whole: dict[str, tuple[float, str]] = {
        "log_likelihood": (fitted.log_likelihood, "log of the partial likelihood"),
        "log_likelihood_without": (fitted.nothing, "the same without covariates"),
        "pvalue_of_all": (
            float(scipy.stats.chi2.sf(gain, len(names))), "p-value of none, likelihood ratio",
        ),
    }  # fmt: skip
    about = {"units": "1"}
    variables: dict[str, Any] = {name: ("covariate", value, about | {"long_name": text})
                 for name, (value, text) in each.items()}  # fmt: skip
    variables |= {name: ((), value, about | {"long_name": text})
                  for name, (value, text) in whole.items()}  # fmt: skip
    variables["covariance"] = (
        ("covariate", "other"), fitted.covariance,
        about | {"long_name": "covariance of the logs"},
    )  # fmt: skip
    return xr.Dataset(
        variables,
        {"covariate": names, "other": names},
        {
            "patients": followed.time.size, "patients_missing": followed.missing,
            "events": int(followed.event.sum()), "strata": strata or "", "confidence": confidence,
            **provenance("hazard_ratios"),
        },
    )  # fmt: skip
