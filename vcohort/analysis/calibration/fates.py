"""What patients show, each with one fate, of a cohort that is simulated.

A calibrated population is judged so, by fresh patients; and a search goes so where progression has
no law: at every place the same patients are drawn with the same random numbers, so that two places
differ by what was moved. Only a patient whose fate hangs on chance may have another by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from vcohort.analysis.cache import Both
from vcohort.analysis.calibration.follow import last_day
from vcohort.analysis.calibration.targets import Target
from vcohort.analysis.calibration.targets.base import check_numbers, residuals
from vcohort.endpoints import Endpoint, Outcome
from vcohort.errors import VcohortError
from vcohort.models import Model
from vcohort.populations.cohort import Cohort
from vcohort.results.virtual_trials import dealt
from vcohort.simulation.checks import has_law
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

# Trials at most that are made of the patients.
_TRIALS = 200

# How far to either side of a place its slopes are looked for, in logs: so near that a line will do,
# so far that more patients change their fate by the move than by chance.
_APART = 0.05


class Fates(NamedTuple):
    """Patients, each with one fate, and what each target reads of them (target,).

    Of targets that read something of one name, such as best responses until two days, each has a
    dataset of its own, of the same patients and fates.
    """

    datasets: tuple[xr.Dataset, ...]
    targets: tuple[Target, ...]
    model: Model

    def by_target(self) -> list[np.ndarray]:
        """Return the numbers (k,) of each target."""
        found = []
        for target, ds in zip(self.targets, self.datasets, strict=True):
            numbers = target.of_dataset(ds, self.model)
            check_numbers(target, numbers)
            found.append(np.asarray(numbers, float))
        return found

    def numbers(self) -> np.ndarray:
        """Return the numbers (k,) of all targets."""
        return np.concatenate(self.by_target())

    def trials(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the 5 % and 95 % quantiles (k,) of trials of ``size`` patients."""
        trials = zip(*(dealt(ds, size, _TRIALS) for ds in self.datasets), strict=True)
        shown = [self._replace(datasets=each).numbers() for each in trials]
        low, high = np.quantile(shown, [0.05, 0.95], axis=0)
        return low, high

    def part(self, patients: slice) -> Fates:
        """Return some of the patients."""
        return self._replace(datasets=tuple(ds.isel(patient=patients) for ds in self.datasets))


def fates(cohort: Cohort, targets: Sequence[Target], run: Run, seed: int) -> Fates:
    """Return patients, each with one fate, and what the targets read of them."""
    days = sorted({day for each in targets for day in each.save_at}) or None
    shared: dict[str, Any] = {
        "horizon": last_day(targets), "regimen": run.regimen, "seed": seed, "progress": False
    }  # fmt: skip
    exact = has_law(cohort.model)
    place, asked = _together(targets)
    outcomes = [
        simulate(
            cohort, "exact" if exact else "hybrid", save_at=None if exact else days,
            progression=run.progression, endpoints=[Outcome(), *each], **shared,
        )
        for each in asked
    ]  # fmt: skip
    if exact and days is not None:
        # The exact method keeps no course.
        courses = simulate(cohort, "deterministic", save_at=days, endpoints=[Outcome()], **shared)
        states = courses[[*cohort.model.species.names]]
        outcomes = [ds.merge(states) for ds in outcomes]
    return Fates(tuple(outcomes[at] for at in place), tuple(targets), cohort.model)


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


def residuals_of_fates(
    moved_to: Callable[[np.ndarray], Cohort], targets: Sequence[Target], run: Run
) -> Callable[..., Both]:
    """Return a function of numbers (free,): the residuals (k,), and slopes (k, free) from afar.

    ``moved_to``: the cohort at such numbers.
    """

    def at_once(at: np.ndarray, *unused: float) -> Both:
        aside = _APART * np.eye(at.size)
        places = [at, *(at + aside), *(at - aside)]
        # All places are one run: they share a grid too. What is amiss is told of the place found.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            there = [moved_to(place) for place in places]
            shown = fates(_one_after_another(there), targets, run, run.seed)
            parts = [shown.part(slice(k * len(each), (k + 1) * len(each)))
                     for k, each in enumerate(there)]  # fmt: skip
            found = np.stack([_residuals(each) for each in parts])
        if not np.isfinite(found).all():
            raise VcohortError(
                "The search came to where patients cannot be followed, or show no number to set "
                "beside a target. Free other parameters, or start from a narrower population."
            )
        ahead, behind = np.split(found[1:], 2)
        return found[0], (ahead - behind).T / (2.0 * _APART)

    return at_once


def _residuals(shown: Fates) -> np.ndarray:
    found = [np.float32(each) for each in shown.by_target()]
    return np.asarray(residuals(shown.targets, found), float)


def _one_after_another(cohorts: Sequence[Cohort]) -> Cohort:
    """Return one cohort of several, each patient with the chance that it has in its own."""
    first = cohorts[0]
    values = {
        name: np.concatenate([np.asarray(each[name], float) for each in cohorts])
        for name in first.values
    }
    return replace(first, values=values, patient=np.concatenate([each.patient for each in cohorts]))
