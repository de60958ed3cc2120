"""What patients show where their progression has no law: fates drawn on fixed random numbers.

At every place of a search the same patients are drawn with the same random numbers, so that two
places differ by what was moved; only a patient whose fate hangs on chance may have another by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.cache import Both
from vcohort.analysis.calibration.follow import last_day
from vcohort.analysis.calibration.targets import Target
from vcohort.analysis.calibration.targets.base import residuals
from vcohort.endpoints import Endpoint, Outcome
from vcohort.errors import VcohortError
from vcohort.models import Model
from vcohort.populations.cohort import Cohort
from vcohort.simulation.checks import has_law
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

# How far to either side of a place its slopes are looked for, in logs: so near that a line will do,
# so far that more patients change their fate by the move than by chance.
_APART = 0.05


def fates(cohort: Cohort, targets: Sequence[Target], run: Run, seed: int) -> xr.Dataset:
    """Return patients, each with one fate, and what the targets read of them."""
    asked: dict[Endpoint, None] = dict.fromkeys(more for each in targets for more in each.endpoints)
    days = sorted({day for each in targets for day in each.save_at}) or None
    shared: dict[str, Any] = {
        "horizon": last_day(targets), "regimen": run.regimen, "seed": seed, "progress": False
    }  # fmt: skip
    endpoints = [Outcome(), *asked]
    told: dict[str, Any] = {"progression": run.progression, "endpoints": endpoints, **shared}
    if not has_law(cohort.model):
        return simulate(cohort, "hybrid", save_at=days, **told)
    ds = simulate(cohort, "exact", **told)
    if days is None:
        return ds
    # The exact method keeps no course.
    courses = simulate(cohort, "deterministic", save_at=days, endpoints=[Outcome()], **shared)
    return ds.merge(courses[[*cohort.model.species.names]])


def numbers_of(ds: xr.Dataset, targets: Sequence[Target], model: Model) -> np.ndarray:
    """Return the numbers (k,) of all targets that a cohort shows."""
    return np.concatenate(numbers_by_target(ds, targets, model))


def numbers_by_target(ds: xr.Dataset, targets: Sequence[Target], model: Model) -> list[np.ndarray]:
    """Return the numbers (k,) of each target that a cohort shows."""
    return [np.asarray(each.of_dataset(ds, model), float) for each in targets]


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
            ds = fates(_one_after_another(there), targets, run, run.seed)
            parts = [ds.isel(patient=slice(k * len(each), (k + 1) * len(each)))
                     for k, each in enumerate(there)]  # fmt: skip
            found = np.stack([_residuals(each, targets, there[0].model) for each in parts])
        if not np.isfinite(found).all():
            raise VcohortError(
                "The search came to where patients cannot be followed, or show no number to set "
                "beside a target. Free other parameters, or start from a narrower population."
            )
        ahead, behind = np.split(found[1:], 2)
        return found[0], (ahead - behind).T / (2.0 * _APART)

    return at_once


def _residuals(ds: xr.Dataset, targets: Sequence[Target], model: Model) -> np.ndarray:
    found = [np.float32(each) for each in numbers_by_target(ds, targets, model)]
    return np.asarray(residuals(targets, found), float)


def _one_after_another(cohorts: Sequence[Cohort]) -> Cohort:
    """Return one cohort of several, each patient with the chance that it has in its own."""
    first = cohorts[0]
    values = {
        name: np.concatenate([np.asarray(each[name], float) for each in cohorts])
        for name in first.values
    }
    return replace(first, values=values, patient=np.concatenate([each.patient for each in cohorts]))
