"""The population that a calibration found."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.calibration.varied import law_of
from vcohort.populations.distributions import MultivariateNormal
from vcohort.populations.population import Population, check_population
from vcohort.results.needed import need


def calibrated(population: Population, calibration: xr.Dataset) -> Population:
    """Return the population with the distributions that :func:`vcohort.calibrate` found."""
    parts = ("parameter", "family", "location", "spread")
    check_population(population)
    need(calibration, "vc.calibrate", dict.fromkeys(parts, ("parameter",)))
    laws: dict[str, Any] = {}
    for each in zip(*(calibration[part].values for part in parts), strict=True):
        name, family, location, spread = str(each[0]), str(each[1]), float(each[2]), float(each[3])
        laws[name] = law_of(name, family, location, spread, population.overrides.get(name))
    if "correlation" not in calibration:
        return population.replace(**laws)
    return _tied(population, laws, calibration["correlation"])


def _tied(population: Population, laws: dict[str, Any], correlation: xr.DataArray) -> Population:
    """Return the population with some of the laws tied together by their correlations."""
    tied = correlation["parameter"].values[(np.abs(correlation.values) > 0).sum(axis=1) > 1]
    names = [str(name) for name in tied]
    spread = np.array([laws[name].sigma for name in names])
    matrix = correlation.sel(parameter=tied, other=tied).values * np.outer(spread, spread)
    joint = MultivariateNormal({name: laws[name].median for name in names}, matrix, log=True)
    laws = {**population.overrides, **laws}
    alone = {name: law for name, law in laws.items() if name not in names}
    return Population(
        population.preset, population.sigma, model=population.model, joint=joint, **alone
    )
