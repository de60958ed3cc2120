"""Priors as users give them, as NumPyro's distributions, cut to where a parameter may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import norm, uniform

from vcohort.analysis.estimation.posing import check_names
from vcohort.analysis.estimation.problem import Problem
from vcohort.errors import VcohortError
from vcohort.populations.distributions import Distribution, LogNormal, Normal, Uniform, median_of

# A prior with less of its mass between the bounds says something else than they do.
_LEAST_MASS = 1e-6


def laws_of(
    problem: Problem, priors: Mapping[str, Distribution] | None, bounded: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return NumPyro's distribution (patient,) of each free parameter.

    Without a prior it is log-uniform between the bounds. A prior is cut to the bounds that were
    given for its parameter (``bounded``), and to what the parameter may be at all.

    :raises VcohortError: for priors of what is not free, of other families than normal, log-normal
        and uniform, without spread, or with next to no mass between the bounds.
    """
    names, given = problem.spec.names, {} if priors is None else priors
    check_names("priors", given, names, "{'K_C': vc.LogNormal(7e10, 0.3)}")
    return {
        name: _law(problem, index, given.get(name), name in (bounded or {}))
        for index, name in enumerate(names)
    }


def _law(problem: Problem, index: int, prior: Distribution | None, is_bounded: bool) -> Any:
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    param = problem.spec.model.param(problem.spec.names[index])
    low, high = problem.limits[index].tolist()
    if prior is None:
        law = dist.LogUniform(low, high)
    else:
        low, high = (low, high) if is_bounded else (param.lower, param.upper)
        law = _cut(param.name, prior, low, high)
        param.advise(median_of(prior))
    return law.expand([len(problem.cohort)]).to_event(1)


def _cut(name: str, prior: Distribution, low: float, high: float) -> Any:
    """Return a prior between two bounds; refuse one that leaves nothing to draw there."""
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    match prior:
        case LogNormal(median, sigma):
            centre, spread = np.log(median), sigma
            ends = np.log(max(low, np.finfo(float).tiny)), np.log(high)
        case Normal(mean, sd):
            centre, spread, ends = mean, sd, (low, high)
        case Uniform(lower, upper):
            centre, spread, ends = lower, upper - lower, (low, high)
        case _:
            raise VcohortError(
                f"The prior of {name}, {prior!r}, is none of LogNormal, Normal and Uniform."
            )
    if not 0.0 < spread < np.inf:
        raise VcohortError(
            f"The prior of {name}, {prior!r}, does not vary. Give {name} in the cohort, and do not "
            "free it."
        )
    shape = uniform if isinstance(prior, Uniform) else norm
    if _mass(shape, *((side - centre) / spread for side in ends)) < _LEAST_MASS:
        raise VcohortError(
            f"The prior of {name}, {prior!r}, has next to no mass between {low:g} and {high:g}, "
            f"where {name} must lie. Check its unit, or widen the bounds."
        )
    if isinstance(prior, Uniform):
        return dist.Uniform(max(centre, low), min(centre + spread, high))
    sides: Any = {"low": float(ends[0])}
    sides |= {"high": float(ends[1])} if np.isfinite(ends[1]) else {}
    law: Any = dist.TruncatedNormal(float(centre), float(spread), **sides)
    if isinstance(prior, Normal):
        return law
    return dist.TransformedDistribution(law, dist.transforms.ExpTransform(law.support))


def _mass(shape: Any, low: float, high: float) -> float:
    """Return the mass between two ends; on the side where rounding leaves small ones."""
    return float(shape.sf(low) - shape.sf(high) if low > 0 else shape.cdf(high) - shape.cdf(low))
