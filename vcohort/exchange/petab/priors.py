"""Priors as PEtab names them: by their kind, and two numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vcohort.errors import VcohortError, one_of
from vcohort.populations.distributions import Distribution, LogNormal, Normal, Uniform, name_of

_LN_10 = math.log(10.0)

KINDS: Mapping[int, Mapping[str, str]] = {
    1: {"uniform": "uniform", "normal": "normal", "log-normal": "logNormal"},
    2: {"uniform": "uniform", "normal": "normal", "log-normal": "log-normal"},
}
"""What each version calls the families that are priors here and there."""

LOG_UNIFORM = "log-uniform"

_KNOWN: Mapping[int, tuple[str, ...]] = {
    1: ("uniform", "normal", "logNormal", "parameterScaleUniform", "parameterScaleNormal"),
    2: ("uniform", "normal", "log-normal", LOG_UNIFORM),
}


def check_prior(name: str, prior: Distribution) -> None:
    """Refuse a prior that PEtab does not have."""
    if not isinstance(prior, Uniform | Normal | LogNormal):
        raise VcohortError(
            f"The prior of {name}, {prior!r}, is none that PEtab and vc.posterior share: Uniform, "
            "Normal, LogNormal."
        )


def told(prior: Distribution, version: int) -> tuple[str, str]:
    """Return kind and numbers of a prior, as a table has them."""
    match prior:
        case Uniform(lower, upper):
            numbers = lower, upper
        case Normal(mean, sd):
            numbers = mean, sd
        case LogNormal(median, sigma):
            numbers = math.log(median), sigma
        case _:
            raise AssertionError(prior)
    return KINDS[version][name_of(prior)], ";".join(map(repr, numbers))


def prior_of(
    name: str, kind: str, numbers: str, bounds: tuple[float, float], version: int, scale: str
) -> Distribution | None:
    """Return a prior; None where it is log-uniform between the bounds.

    ``scale``: that of the parameter, on which some kinds of version 1 are.
    """
    one_of(f"prior of {name} in the problem (vc.posterior has others not):", kind, _KNOWN[version])
    first, second = _two(name, kind, numbers)
    own = _ON_ITS_SCALE.get((kind, scale), kind)
    try:
        if own in _ENDS:
            return _between(_ENDS[own](first), _ENDS[own](second), bounds)
        return _MADE[own](first, second)
    except OverflowError:
        raise VcohortError(f"The prior of {name}, {kind} {numbers}, is beyond numbers.") from None
    except VcohortError as error:
        raise VcohortError(f"The prior of {name}, {kind} {numbers}: {error}") from None


_ON_ITS_SCALE: Mapping[tuple[str, str], str] = {
    ("parameterScaleUniform", "lin"): "uniform",
    ("parameterScaleUniform", "log"): "uniform of the log",
    ("parameterScaleUniform", "log10"): "uniform of the log10",
    ("parameterScaleNormal", "lin"): "normal",
    ("parameterScaleNormal", "log"): "log-normal",
    ("parameterScaleNormal", "log10"): "normal of the log10",
    ("logNormal", "lin"): "log-normal",
    ("logNormal", "log"): "log-normal",
    ("logNormal", "log10"): "log-normal",
}
"""What kinds of version 1 are on the scale of a parameter."""

_ENDS: Mapping[str, Callable[[float], float]] = {
    LOG_UNIFORM: float,
    "uniform of the log": math.exp,
    "uniform of the log10": lambda end: 10.0**end,
}
"""Ends of log-uniform priors, as values of the parameter."""

_MADE: Mapping[str, Callable[[float, float], Distribution]] = {
    "uniform": Uniform,
    "normal": Normal,
    "log-normal": lambda mean, sd: LogNormal(math.exp(mean), sd),
    "normal of the log10": lambda mean, sd: LogNormal(10.0**mean, sd * _LN_10),
}


def _between(low: float, high: float, bounds: tuple[float, float]) -> None:
    """Refuse a log-uniform prior that does not lie between the bounds, as here it does."""
    if not np.allclose((low, high), bounds, rtol=1e-9, atol=0.0):
        raise VcohortError(
            f"a log-uniform prior lies between the bounds, here {bounds[0]:g} and {bounds[1]:g}: "
            "make them one."
        )


def _two(name: str, kind: str, numbers: str) -> Sequence[float]:
    try:
        first, second = (float(part) for part in numbers.split(";"))
    except ValueError:
        raise VcohortError(
            f"The prior of {name} is {kind} {numbers!r}: it must have two numbers, first;second."
        ) from None
    return first, second
