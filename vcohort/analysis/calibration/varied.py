"""A parameter whose location and spread between patients are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax import Array
from scipy.special import ndtri

from vcohort.analysis.free import free_names
from vcohort.errors import VcohortError
from vcohort.models import Param
from vcohort.populations.designs import uniforms
from vcohort.populations.distributions import (
    HYPERPARAMETERS,
    Distribution,
    LogitNormal,
    LogNormal,
    families,
    is_distribution,
    median_of,
    missing,
    name_of,
    values_at,
)
from vcohort.populations.population import Population, check_population

# Relative spreads that are looked at, and the one that a parameter starts from that had none.
SPREADS, _FIRST_SPREAD = (0.01, 1.0), 0.3

# Where the values of a distribution are held against its quantiles, and how near they must be.
_PROBABILITIES, _NEAR = np.linspace(0.05, 0.95, 7), 1e-5


@dataclass(frozen=True)
class Varied:
    """The distribution it begins with, and where the search for location and spread begins."""

    param: Param
    law: Any
    location: float
    spread: float

    @property
    def family(self) -> str:
        """The name of the family."""
        return name_of(self.law)

    def values(self, log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the patients' values at normal deviates ``z``, differentiable."""
        return self.law.values(log_location, log_spread, z)


def law_of(name: str, family: str, location: float, spread: float, own: Any) -> Distribution:
    """Return a parameter's distribution of a location and a relative spread.

    ``own``: what its population has now, which says how one of the user's own is made.
    """
    kind = own if is_distribution(own) and name_of(own) == family else families().get(family)
    if kind is None:
        raise VcohortError(
            f"The calibration found {name} as {family}, a distribution of your own. Give the "
            "population that was calibrated, which has one."
        )
    return kind.from_hyperparameters(location, spread)


def find_varied(population: Population, free: Sequence[str]) -> tuple[Varied, ...]:
    """Return the free parameters as the population has them.

    :raises VcohortError: for unknown parameters, those that vary together or are 0, and those of
        distributions that do not say what their location and spread are.
    """
    check_population(population)
    names = free_names(free, population.model)
    if population.joint is not None:
        raise VcohortError(
            f"calibrate fits parameters that vary independently; {population.joint!r} ties some "
            "together. Leave joint out."
        )
    return tuple(_varied(population, name) for name in names)


def _varied(population: Population, name: str) -> Varied:
    param = population.model.param(name)
    given: Any = population.overrides.get(name)
    if is_distribution(given):
        _check_law(param, given)
        location, spread = given.hyperparameters()
        return Varied(param, given, location, float(np.clip(spread, *SPREADS)))
    centre = median_of(population.distributions[name])
    if not centre > 0:
        raise VcohortError(f"{name} is 0: calibrate scales it, which leaves it 0. Give another.")
    return Varied(param, _family_of(param)(centre, _FIRST_SPREAD), centre, _FIRST_SPREAD)


def _family_of(param: Param) -> type[LogNormal | LogitNormal]:
    """Return the family of a parameter that was given none."""
    return LogitNormal if param.is_share else LogNormal


def _check_law(param: Param, law: Any) -> None:
    """Refuse a distribution without hyperparameters, or with others than those of its quantiles."""
    name, usual = param.name, _family_of(param)
    absent = missing(law, *HYPERPARAMETERS)
    if absent:
        raise VcohortError(
            f"{name} is {law!r}, which calibrate would replace by a {usual.family} distribution: "
            f"its class has no {', '.join(absent)} of its own. Leave {name} out of free, add what "
            f"is missing, or start from vc.{usual.__name__}({median_of(law):.4g}, "
            f"{_FIRST_SPREAD}) or vc.Normal."
        )
    location, spread = law.hyperparameters()
    if not (0.0 < location < np.inf and 0.0 <= spread < np.inf):
        raise VcohortError(
            f"{name} is {law!r}, whose hyperparameters() are {location!r} and {spread!r}: the "
            "location must be greater than 0, the spread at least 0."
        )
    wanted = values_at(law, _PROBABILITIES)
    with jax.enable_x64(True), np.errstate(divide="ignore"):
        logs = np.log(location), np.log(spread)
        values = np.asarray(law.values(*logs, ndtri(_PROBABILITIES)))
    again = values_at(law.from_hyperparameters(location, spread), _PROBABILITIES)
    for method, found in (("values", values), ("from_hyperparameters", again)):
        if not np.allclose(found, wanted, rtol=_NEAR, atol=0.0):
            raise VcohortError(
                f"{name} is {law!r}, whose {method} at its own hyperparameters() gives {found[0]:g}"
                f" where its quantile({_PROBABILITIES[0]:g}) is {wanted[0]:g}. They must agree."
            )


def deviates_of(
    population: Population, varied: tuple[Varied, ...], n: int, seed: int
) -> np.ndarray:
    """Return the normal deviates (patient, parameter) that the cohort's own draws rest on."""
    names = list(population.distributions)
    points = uniforms("sobol", seed, first=0, count=n, columns=len(names), total=n)
    return ndtri(points[:, [names.index(each.param.name) for each in varied]])
