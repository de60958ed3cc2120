"""Priors as PEtab names them: by their kind, and two numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

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
    try:
        if kind in {LOG_UNIFORM, "parameterScaleUniform"}:
            ends = _ends(name, kind, scale, (first, second))
            return _uniform(name, scale, ends, bounds)
        return _made(kind, scale, first, second)
    except OverflowError:
        raise VcohortError(f"The prior of {name}, {kind} {numbers}, is beyond numbers.") from None
    except VcohortError as error:
        raise VcohortError(f"The prior of {name}, {kind} {numbers}: {error}") from None


def _made(kind: str, scale: str, first: float, second: float) -> Distribution:
    make: Mapping[str, Callable[[float, float], Distribution]] = {
        "uniform": Uniform,
        "normal": Normal,
        "lin": Normal,
        "logNormal": lambda mean, sd: LogNormal(math.exp(mean), sd),
        "log-normal": lambda mean, sd: LogNormal(math.exp(mean), sd),
        "log": lambda mean, sd: LogNormal(math.exp(mean), sd),
        "log10": lambda mean, sd: LogNormal(10.0**mean, sd * _LN_10),
    }
    return make[scale if kind == "parameterScaleNormal" else kind](first, second)


def _ends(name: str, kind: str, scale: str, ends: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a uniform prior as values of the parameter."""
    if kind == LOG_UNIFORM or scale == "lin":
        return ends
    base = math.e if scale == "log" else 10.0
    return base ** ends[0], base ** ends[1]


def _uniform(
    name: str, scale: str, ends: tuple[float, float], bounds: tuple[float, float]
) -> Distribution | None:
    if scale == "lin":
        return Uniform(*ends)
    if any(not math.isclose(one, other, rel_tol=1e-9)
           for one, other in zip(ends, bounds, strict=True)):  # fmt: skip
        raise VcohortError(
            "a log-uniform prior lies between the bounds, here "
            f"{bounds[0]:g} and {bounds[1]:g}: make them one."
        )
    return None


def _two(name: str, kind: str, numbers: str) -> Sequence[float]:
    try:
        first, second = (float(part) for part in numbers.split(";"))
    except ValueError:
        raise VcohortError(
            f"The prior of {name} is {kind} {numbers!r}: it must have two numbers, first;second."
        ) from None
    return first, second
