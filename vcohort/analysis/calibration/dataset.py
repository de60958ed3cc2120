"""What a calibration found, as a dataset: parameters, targets, curves."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from vcohort.analysis.calibration.calibrated import calibrated
from vcohort.analysis.calibration.fates import fates
from vcohort.analysis.calibration.follow import follow
from vcohort.analysis.calibration.fresh import simulated
from vcohort.analysis.calibration.search import Found, Task, cholesky, moved_to
from vcohort.analysis.calibration.targets import SurvivalTarget
from vcohort.analysis.calibration.targets.base import residuals
from vcohort.analysis.calibration.weigh import weigh
from vcohort.analysis.information import Told
from vcohort.endpoints.outcome import MISSING
from vcohort.errors import VcohortWarning
from vcohort.populations.cohort import Cohort
from vcohort.populations.population import Population
from vcohort.simulation.checks import has_law
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.missing import LOST, check_kept

# A number that is further off than so many of its standard errors is told of.
_FAR = 3.0


class _Shown(NamedTuple):
    """What a cohort shows: all numbers (k,), and the curve of each patient (patient, day).

    ``survival`` is that of a single curve among the targets; without one it has no days.
    """

    numbers: np.ndarray
    survival: np.ndarray
    kept: np.ndarray


def describe(
    population: Population, task: Task, found: Found, weights: bool, trial_size: int
) -> xr.Dataset:
    """Return the dataset of a calibration."""
    ds = _parameters(task, found)
    moved = moved_to(task, np.float32(found.at), np.float32(task.deviates))
    before, after = _shown(task, task.cohort), _shown(task, moved)
    there = calibrated(population, ds)
    seed = (task.run.seed + 1) % 2**64
    fresh = simulated(there, task.targets, task.run, seed)
    low, high = fresh.trials(trial_size)
    shown = {
        "found_before": before.numbers, "found": after.numbers,
        "found_fresh": fresh.numbers(),
        "trial_low": low, "trial_high": high,
    }  # fmt: skip
    ds = _with_statistics(ds, task, shown)
    ds = _with_curves(ds, task, before, after, shown["found_fresh"], weights)
    return ds.assign_attrs(
        recorded(population=population, calibrated_population=there, regimen=task.run.regimen),
        n=len(task.cohort), patients_missing=int((~after.kept).sum()), trial_size=trial_size,
        seed=str(task.run.seed), progression=task.run.progression, **provenance("calibration"),
    )  # fmt: skip


def _parameters(task: Task, found: Found) -> xr.Dataset:
    k = len(task.varied)
    location, spread = np.exp(found.at[:k]), np.exp(found.at[k : 2 * k])
    told = Told.by(found.jacobian)
    errors = told.standard_errors()
    names = [each.param.name for each in task.varied]
    about = {"units": "1", "long_name": "standard error of the log"}
    variables: dict[str, Any] = {
        "location": ("parameter", location, {"units": "as the parameter", "long_name": "location"}),
        "spread": ("parameter", spread, {"units": "1", "long_name": "relative spread"}),
        "first_location": ("parameter", [each.location for each in task.varied]),
        "first_spread": ("parameter", [each.spread for each in task.varied]),
        "location_error": ("parameter", errors[:k], about),
        "spread_error": ("parameter", errors[k : 2 * k], about),
    }
    if task.correlated:
        factor = np.asarray(cholesky(found.at[2 * k :], len(task.correlated)))
        matrix = np.eye(k)
        matrix[np.ix_(task.correlated, task.correlated)] = factor @ factor.T
        variables["correlation"] = (
            ("parameter", "other"), matrix, {"units": "1", "long_name": "correlation of the logs"},
        )  # fmt: skip
    coords = {
        "parameter": names,
        "family": ("parameter", [each.family for each in task.varied]),
        "unit": ("parameter", [each.param.unit for each in task.varied]),
        **({"other": names} if task.correlated else {}),
    }
    return xr.Dataset(variables, coords, {"condition_number": told.condition_number})


def _shown(task: Task, cohort: Cohort) -> _Shown:
    """Return what a cohort shows: without chance and without blur, where its law is known."""
    if not has_law(cohort.model):
        return _shown_by_fates(task, cohort)

    @jax.jit
    def show(values: dict[str, Any]) -> tuple[Any, Any, Any]:
        course = follow(cohort.replace(**values), task.targets, task.run, 0.0)
        found = [target.of_course(course) for target in task.targets]
        seen = [curve.of_patients(course).T for curve in _curves(task)]
        return found, jnp.concatenate([jnp.zeros((len(cohort), 0)), *seen], axis=1), course.kept

    with jax.enable_x64(False):
        values = {name: np.float32(value) for name, value in cohort.values.items()}
        found, survival, kept = jax.tree.map(np.asarray, show(values))
    check_kept(kept, LOST, stacklevel=5)
    return _Shown(np.concatenate(found).astype(float), survival.astype(float), kept)


def _shown_by_fates(task: Task, cohort: Cohort) -> _Shown:
    found = fates(cohort, task.targets, task.run, task.run.seed)
    kept = check_kept(found.datasets[0]["outcome"].values != MISSING, LOST, stacklevel=6)
    return _Shown(found.numbers(), np.zeros((len(cohort), 0)), kept)


def _curves(task: Task) -> list[SurvivalTarget]:
    """Return the survival curve among the targets, if there is one alone."""
    found = [each for each in task.targets if isinstance(each, SurvivalTarget)]
    return found if len(found) == 1 else []


def _with_statistics(ds: xr.Dataset, task: Task, shown: dict[str, np.ndarray]) -> xr.Dataset:
    labels = [label for each in task.targets for label in each.labels]
    sizes = [each.values.size for each in task.targets]
    parts = np.split(np.float32(shown["found"]), np.cumsum(sizes)[:-1])
    gap = np.asarray(residuals(task.targets, parts))
    columns = {
        "wanted": np.concatenate([each.values for each in task.targets]),
        "error": np.concatenate([each.errors for each in task.targets]),
        **shown, "residual": gap,
    }  # fmt: skip
    for name, numbers in columns.items():
        ds[name] = ("statistic", numbers)
    missed = [f"{label} by {abs(by):.1f}" for label, by in zip(labels, gap, strict=True)
              if abs(by) > _FAR]  # fmt: skip
    if missed:
        warnings.warn(
            f"The population cannot meet all targets at once; missed, in standard errors: "
            f"{', '.join(missed)}. Free other parameters, choose other laws, or give the targets "
            "larger errors.",
            VcohortWarning,
            stacklevel=5,
        )
    on_log = np.repeat([each.on_log for each in task.targets], sizes)
    ds["error"].attrs["long_name"] = "standard error; of the log where on_log"
    ds["residual"].attrs["long_name"] = "distance of found to wanted, in standard errors"
    return ds.assign_coords(statistic=labels, on_log=("statistic", on_log))


def _with_curves(
    ds: xr.Dataset, task: Task, before: _Shown, after: _Shown, fresh: np.ndarray, weights: bool
) -> xr.Dataset:
    """Return the dataset with the survival curve that is among the targets."""
    attributes: dict[str, Any] = {}
    for curve in _curves(task):
        labels = list(curve.labels)
        at = np.flatnonzero(np.isin(ds["statistic"].values, labels))
        curves = {
            "trial": curve.values, "before": before.numbers[at], "calibrated": after.numbers[at],
            "fresh": fresh[at],
        }  # fmt: skip
        if weights:
            weighed = weigh(after.survival[after.kept], curve.values)
            # Of a patient that is left out nothing is known, so that it has no weight.
            weight = np.zeros(len(after.kept))
            weight[after.kept] = weighed["weight"].values
            ds["weight"] = ("patient", weight, weighed["weight"].attrs)
            known = np.where(after.kept[:, None], after.survival, 0.0)
            curves["weighted"] = weight @ known / after.kept.sum()
            attributes |= weighed.attrs
        ds = ds.assign_coords(day=curve.days)
        for name, each in curves.items():
            about = {"units": "1", "long_name": f"progression-free survival, {name}"}
            ds[name] = ("day", each, about)
            if name != "trial":
                attributes[f"rms_{name}"] = float(np.sqrt(np.mean((each - curve.values) ** 2)))
    return ds.assign_attrs(attributes)
