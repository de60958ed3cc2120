"""Priors as users give them, as NumPyro's distributions, cut to where a parameter may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm

from vcohort.analysis.problem import Problem
from vcohort.distributions import Distribution, LogNormal, Normal, Uniform, median_of
from vcohort.errors import VcohortError

# A prior with less of its mass between the bounds says something else than they do.
_LEAST_MASS = 1e-6

# Stands for 0, whose log is not finite.
_LEAST = 1e-300


def laws_of(
    problem: Problem, priors: Mapping[str, Distribution] | None, bounded: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return NumPyro's distribution (patient,) of each free parameter.

    Without a prior it is log-uniform between the bounds. A prior is cut to the bounds that were
    given for its parameter (``bounded``), and to what the parameter may be at all.

    :raises VcohortError: for priors of what is not free, of other families than normal, log-normal
        and uniform, without spread, or with next to no mass between the bounds.
    """
    names, given = problem.question.names, {} if priors is None else priors
    if not isinstance(given, Mapping):
        raise VcohortError(
            f"priors = {priors!r} are not given by name. Try {{'K_C': vc.LogNormal(7e10, 0.3)}}."
        )
    for name in given:
        if name not in names:
            raise VcohortError(
                f"There is a prior for {name}, which is not free. Free: {', '.join(names)}."
            )
    return {
        name: _law(problem, index, given.get(name), name in (bounded or {}))
        for index, name in enumerate(names)
    }


def _law(problem: Problem, index: int, prior: Distribution | None, is_bounded: bool) -> Any:
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    param = problem.question.model.param(problem.question.names[index])
    low, high = problem.limits[index].tolist()
    if prior is not None:
        low, high = (low, high) if is_bounded else (param.lower, param.upper)
        _check(param.name, prior, low, high)
        param.advise(median_of(prior))
    match prior:
        case None:
            law = dist.LogUniform(low, high)
        case LogNormal(median, sigma):
            logs = _cut_normal(np.log(median), sigma, *np.log([max(low, _LEAST), high]))
            law = dist.TransformedDistribution(logs, dist.transforms.ExpTransform(logs.support))
        case Normal(mean, sd):
            law = _cut_normal(mean, sd, low, high)
        case Uniform(lower, upper):
            law = dist.Uniform(max(lower, low), min(upper, high))
        case _:
            raise _unknown(param.name, prior)
    return law.expand([len(problem.cohort)]).to_event(1)


def _cut_normal(mean: float, sd: float, low: float, high: float) -> Any:
    """Return a normal distribution between two bounds, that may be infinite."""
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    ends = {name: float(side) for name, side in (("low", low), ("high", high)) if np.isfinite(side)}
    law: Any = dist.TruncatedNormal if ends else dist.Normal
    return law(float(mean), float(sd), **ends)


def _unknown(name: str, prior: Any) -> VcohortError:
    return VcohortError(
        f"The prior of {name}, {prior!r}, is none of LogNormal, Normal and Uniform."
    )


def _check(name: str, prior: Distribution, low: float, high: float) -> None:
    """Refuse a prior that NUTS cannot draw from, and one that the bounds rule out."""
    match prior:
        case LogNormal(median, sigma):
            spread, ends = sigma, (np.log([max(low, _LEAST), high]) - np.log(median))
        case Normal(mean, sd):
            spread, ends = sd, np.array([low, high]) - mean
        case Uniform(lower, upper):
            spread, ends = upper - lower, np.array([low, high]) - lower
        case _:
            raise _unknown(name, prior)
    if not 0.0 < spread < np.inf:
        raise VcohortError(
            f"The prior of {name}, {prior!r}, does not vary. Give {name} in the cohort, and do not "
            "free it."
        )
    ends = ends / spread
    # On the side of the tail, where differences of shares are not lost in rounding.
    tail = np.sort(-np.abs(ends)) if ends.prod() > 0 else ends
    mass = np.diff(np.clip(ends, 0, 1) if isinstance(prior, Uniform) else norm.cdf(tail)).item()
    if mass < _LEAST_MASS:
        raise VcohortError(
            f"The prior of {name}, {prior!r}, has next to no mass between {low:g} and {high:g}, "
            f"where {name} must lie. Check its unit, or widen the bounds."
        )
