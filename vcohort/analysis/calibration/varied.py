"""A parameter whose location and spread between patients are free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import ndtri

from vcohort.analysis.free import free_names
from vcohort.errors import VcohortError
from vcohort.models import Param
from vcohort.populations.designs import uniforms
from vcohort.populations.distributions import (
    FLOOR,
    Distribution,
    LogNormal,
    Normal,
    is_distribution,
    median_of,
)
from vcohort.populations.population import Population, check_population

# Relative spreads that are looked at, and the one that a parameter starts from that had none.
SPREADS, _FIRST_SPREAD = (0.01, 1.0), 0.3


@dataclass(frozen=True)
class Varied:
    """The family of its distribution, and where the search for location and spread begins."""

    param: Param
    normal: bool
    location: float
    spread: float

    @property
    def family(self) -> str:
        """The name of the family."""
        return "normal" if self.normal else "log-normal"

    def values(self, log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the patients' values at normal deviates ``z``, differentiable."""
        location, spread = jnp.exp(log_location), jnp.exp(log_spread)
        if self.normal:
            return location * jnp.maximum(1.0 + spread * z, FLOOR)
        return location * jnp.exp(spread * z)


def law_of(family: str, location: float, spread: float) -> Distribution:
    """Return the distribution of a location and a relative spread."""
    if family == "normal":
        return Normal(location, spread * location)
    return LogNormal(location, spread)


def find_varied(population: Population, free: Sequence[str]) -> tuple[Varied, ...]:
    """Return the free parameters as the population has them.

    :raises VcohortError: for unknown parameters, those that vary together or are 0, and those of
        other distributions than normal and log-normal ones.
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
    if isinstance(given, Normal):
        return Varied(param, True, given.mean, _inside(given.sd / given.mean))
    if isinstance(given, LogNormal):
        return Varied(param, False, given.median, _inside(given.sigma))
    if is_distribution(given):
        raise VcohortError(
            f"{name} is {given!r}, which calibrate would replace by a log-normal distribution. "
            f"Leave it out of free, or start from vc.LogNormal({median_of(given):.4g}, "
            f"{_FIRST_SPREAD}) or vc.Normal."
        )
    centre = median_of(population.distributions[name])
    if not centre > 0:
        raise VcohortError(f"{name} is 0: calibrate scales it, which leaves it 0. Give another.")
    return Varied(param, False, centre, _FIRST_SPREAD)


def _inside(spread: float) -> float:
    return float(np.clip(spread, *SPREADS))


def deviates_of(
    population: Population, varied: tuple[Varied, ...], n: int, seed: int
) -> np.ndarray:
    """Return the normal deviates (patient, parameter) that the cohort's own draws rest on."""
    names = list(population.distributions)
    points = uniforms("sobol", seed, first=0, count=n, columns=len(names), total=n)
    return ndtri(points[:, [names.index(each.param.name) for each in varied]])
