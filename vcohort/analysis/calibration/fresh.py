"""Other patients of a calibrated population, each with one fate; and trials of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from vcohort.analysis.calibration.follow import last_day
from vcohort.analysis.calibration.targets import Target
from vcohort.analysis.calibration.targets.base import check_numbers
from vcohort.endpoints import Endpoint, Outcome
from vcohort.models import Model
from vcohort.populations.population import Population
from vcohort.results.virtual_trials import dealt
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

# Patients that judge the result, and trials at most that are made of them.
JUDGES, _TRIALS = 20_000, 200


class Fresh(NamedTuple):
    """Patients of a population, with what each target reads of them (target,).

    Of targets that read something of one name, such as best responses until two days, each has a
    dataset of its own, of the same patients and fates.
    """

    datasets: tuple[xr.Dataset, ...]
    targets: tuple[Target, ...]
    model: Model

    def numbers(self) -> np.ndarray:
        """Return the numbers (k,) of all targets."""
        found = []
        for target, ds in zip(self.targets, self.datasets, strict=True):
            found.append(target.of_dataset(ds, self.model))
            check_numbers(target, found[-1])
        return np.concatenate(found)

    def trials(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the 5 % and 95 % quantiles (k,) of trials of ``size`` patients."""
        trials = zip(*(dealt(ds, size, _TRIALS) for ds in self.datasets), strict=True)
        shown = [self._replace(datasets=each).numbers() for each in trials]
        low, high = np.quantile(shown, [0.05, 0.95], axis=0)
        return low, high


def simulated(population: Population, targets: Sequence[Target], run: Run, seed: int) -> Fresh:
    """Return patients of the population with what the targets read of a dataset."""
    cohort, horizon = population.sample(JUDGES, seed), last_day(targets)
    place, asked = _together(targets)
    outcomes = [
        simulate(
            cohort, "exact", horizon, progression=run.progression, endpoints=[Outcome(), *each],
            regimen=run.regimen, seed=seed, progress=False,
        )
        for each in asked
    ]  # fmt: skip
    days = sorted({day for each in targets for day in each.save_at})
    if days:
        # The exact method keeps no course.
        courses = simulate(
            cohort, "deterministic", horizon, save_at=days, endpoints=[Outcome()], progress=False,
            regimen=run.regimen, seed=seed,
        )  # fmt: skip
        states = courses[[*cohort.model.species.names]]
        outcomes = [ds.merge(states) for ds in outcomes]
    return Fresh(tuple(outcomes[at] for at in place), tuple(targets), cohort.model)


def _together(targets: Sequence[Target]) -> tuple[list[int], list[list[Endpoint]]]:
    """Return in which run each target's endpoints are (target,), and the endpoints of the runs.

    As few as no two endpoints of one run give something of one name.
    """
    runs: list[dict[Endpoint, None]] = [{}]
    place = []
    for target in targets:
        own = dict.fromkeys(target.endpoints)
        fits = [at for at, run in enumerate(runs) if _are_apart([*(run | own)])]
        if not fits:
            runs.append({})
        place.append(fits[0] if fits else len(runs) - 1)
        runs[place[-1]] |= own
    return place, [[*run] for run in runs]


def _are_apart(endpoints: Sequence[Endpoint]) -> bool:
    names = [variable.name for each in endpoints for variable in each.variables]
    return len(set(names)) == len(names)
