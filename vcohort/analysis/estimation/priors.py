"""Priors as users give them, as NumPyro's distributions, cut to where a parameter may lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vcohort.analysis.estimation.make_problem import check_names
from vcohort.analysis.estimation.problem import Problem
from vcohort.errors import VcohortError
from vcohort.populations.distributions import (
    Distribution,
    families,
    is_distribution,
    mass_between,
    median_of,
    missing,
    varies,
)

# A prior with less of its mass between the bounds says something else than they do.
_LEAST_MASS = 1e-6

# What lies in the tails of a prior need not vary, and may be more than numbers hold.
_TAIL = 0.01

# How far beyond its bounds a law of NumPyro is tried, in shares of them.
_BEYOND = 1e-3


def laws_of(
    problem: Problem, priors: Mapping[str, Distribution] | None, bounded: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return NumPyro's distribution (patient,) of each free parameter.

    Without a prior it is log-uniform between the bounds. A prior is cut to the bounds that were
    given for its parameter (``bounded``), and to what the parameter may be at all.

    :raises VcohortError: for priors of what is not free, without the method ``prior`` or a spread,
        with next to no mass between the bounds, or values beyond them.
    """
    names, given = problem.spec.names, {} if priors is None else priors
    check_names("priors", given, names, "{'K_C': vc.LogNormal(7e10, 0.3)}")
    return {
        name: _law(problem, index, given.get(name), name in (bounded or {}))
        for index, name in enumerate(names)
    }


def _law(problem: Problem, index: int, prior: Any, is_bounded: bool) -> Any:
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    param = problem.spec.model.param(problem.spec.names[index])
    low, high = problem.limits[index].tolist()
    if prior is None:
        law: Any = dist.LogUniform(low, high)
    else:
        low, high = (low, high) if is_bounded else (param.lower, param.upper)
        _check(param.name, prior, low, high)
        law = prior.prior(low, high)
        _check_support(param.name, prior, law, low, high)
        param.advise(median_of(prior))
    return law.expand([len(problem.cohort)]).to_event(1)


def _check(name: str, prior: Any, low: float, high: float) -> None:
    """Refuse what is no prior, and one that leaves nothing to draw between two bounds."""
    if not is_distribution(prior) or missing(prior, "prior(low, high)"):
        able = [kind.__name__ for kind in families().values() if hasattr(kind, "prior")]
        raise VcohortError(
            f"The prior of {name}, {prior!r}, has no method prior(low, high) of its own, which "
            f"gives NumPyro's distribution between two bounds. Give one of {', '.join(able)}, or "
            "add it to your own."
        )
    if not varies(prior, _TAIL):
        raise VcohortError(
            f"The prior of {name}, {prior!r}, does not vary. Give {name} in the cohort, and do not "
            "free it."
        )
    if mass_between(prior, low, high) < _LEAST_MASS:
        raise VcohortError(
            f"The prior of {name}, {prior!r}, has next to no mass between {low:g} and {high:g}, "
            f"where {name} must lie. Check its unit, or widen the bounds."
        )


def _check_support(name: str, prior: Any, law: Any, low: float, high: float) -> None:
    """Refuse what is no law of NumPyro, or reaches beyond the bounds it was to be cut to."""
    from numpyro import distributions as dist  # noqa: PLC0415 - an extra

    what = f"The prior of {name}, {prior!r}: its prior({low:g}, {high:g})"
    if not isinstance(law, dist.Distribution) or law.batch_shape or law.event_shape:
        raise VcohortError(f"{what} returns {law!r}, not NumPyro's distribution of one number.")
    support: Any = law.support
    reach = _BEYOND * max(abs(end) for end in (low, high, median_of(prior)) if np.isfinite(end))
    outside = [end for end in (low - reach, high + reach) if np.isfinite(end)]
    if any(bool(support(end)) for end in outside):
        raise VcohortError(
            f"{what} has values beyond these bounds. It must be cut to them: {name} lies between."
        )
