"""Other patients of a calibrated population, each with one fate; and trials of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from vcohort.analysis.calibration.fates import fates, numbers_of
from vcohort.analysis.calibration.targets import Target
from vcohort.models import Model
from vcohort.populations.population import Population
from vcohort.results.virtual_trials import dealt
from vcohort.simulation.run import Run

# Patients that judge the result, and trials at most that are made of them.
_JUDGES, _TRIALS = 20_000, 200


def simulated(population: Population, targets: Sequence[Target], run: Run, seed: int) -> xr.Dataset:
    """Return patients of the population with what the targets read of a dataset."""
    return fates(population.sample(_JUDGES, seed), targets, run, seed)


def virtual_trials(
    ds: xr.Dataset, targets: Sequence[Target], model: Model, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 5 % and 95 % quantiles (k,) of trials of ``size`` patients."""
    shown = [numbers_of(each, targets, model) for each in dealt(ds, size, _TRIALS)]
    low, high = np.quantile(shown, [0.05, 0.95], axis=0)
    return low, high
