"""Other patients of a calibrated population, each with one fate; and trials of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from vcohort.analysis.calibration.follow import last_day
from vcohort.analysis.calibration.targets import Target
from vcohort.endpoints import Endpoint, Outcome
from vcohort.models import Model
from vcohort.populations.population import Population
from vcohort.results.virtual_trials import dealt
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

# Patients that judge the result, and trials at most that are made of them.
_JUDGES, _TRIALS = 20_000, 200


def simulated(population: Population, targets: Sequence[Target], run: Run, seed: int) -> xr.Dataset:
    """Return patients of the population with what the targets read of a dataset."""
    cohort = population.sample(_JUDGES, seed)
    asked: dict[Endpoint, None] = dict.fromkeys(more for each in targets for more in each.endpoints)
    horizon = last_day(targets)
    ds = simulate(
        cohort, "exact", horizon, progression=run.progression, endpoints=[Outcome(), *asked],
        regimen=run.regimen, seed=seed,
        progress=False,
    )  # fmt: skip
    days = sorted({day for each in targets for day in each.save_at})
    if not days:
        return ds
    # The exact method keeps no course.
    courses = simulate(
        cohort, "deterministic", horizon, save_at=days, endpoints=[Outcome()], progress=False,
        regimen=run.regimen, seed=seed,
    )  # fmt: skip
    return ds.merge(courses[[*cohort.model.species.names]])


def numbers_of(ds: xr.Dataset, targets: Sequence[Target], model: Model) -> np.ndarray:
    """Return the numbers (k,) of all targets that a cohort shows."""
    return np.concatenate([each.of_dataset(ds, model) for each in targets])


def virtual_trials(
    ds: xr.Dataset, targets: Sequence[Target], model: Model, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 5 % and 95 % quantiles (k,) of trials of ``size`` patients."""
    shown = [numbers_of(each, targets, model) for each in dealt(ds, size, _TRIALS)]
    low, high = np.quantile(shown, [0.05, 0.95], axis=0)
    return low, high
