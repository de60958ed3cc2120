"""Make a virtual population's survival that of a trial: location and spread of its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.entropy import entropy_weights
from vcohort.analysis.calibration.search import Task, moved_to, search
from vcohort.analysis.calibration.varied import deviates_of, find_varied, law_of
from vcohort.analysis.sensitivity.outputs import keep_followed
from vcohort.endpoints import Outcome
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import truth, whole
from vcohort.populations.population import Population, check_population
from vcohort.regimens.regimen import Regimen
from vcohort.results.needed import need
from vcohort.results.survival import progression_free_survival
from vcohort.results.trial import Trial, read_curve
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.probability import progression_free_probability
from vcohort.simulation.run import Run, settle
from vcohort.simulation.simulate import simulate
from vcohort.tables.days import in_days

# Fresh patients that judge the result.
_JUDGES = 20_000


def calibrate(
    population: Population,
    trial: Trial,
    free: Sequence[str],
    *,
    days: ArrayLike | None = None,
    n: int = 4096,
    starts: int = 4,
    weights: bool = False,
    progression: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit location and spread of parameters so that progression-free survival is a trial's.

    The curve is the mean of each patient's exact probability, on fixed random numbers; its
    derivatives lead least squares, from several starts. A parameter stays of the family that it
    was given: :class:`Normal` (mean, its relative standard deviation), :class:`LogNormal` (median,
    standard deviation of the log), or one of your own that says its location and spread. One that
    was given no distribution is log-normal. Use the result by :func:`vcohort.calibrated`.

    :param trial: the curve, each of whose values holds until the next day: a DataArray over
        ``day``, or a table (a CSV file's path, a data frame, columns by name) of ``day`` and
        ``pfs`` or ``survival``. Or its patients, a table with ``time``, ``event`` (1: progression,
        0: censored) and, if wanted, ``id``, of which the Kaplan-Meier curve is taken. Days carry
        their unit: the attribute ``units``, or a column ``week``, ``month`` or ``year``.
    :param free: names of the parameters; location and spread of each are free.
    :param days: where curves are compared; by default every 10 days to day 400, or to the last
        day of the trial.
    :param n: patients, a Sobol' design.
    :param starts: of the search; the first is the population as it is.
    :param weights: also find the patients' weights of greatest entropy that match the curve.
    :param progression: and ``regimen``, ``seed``: settings of a :class:`Run`.
    :return: ``location``, ``spread`` and their first values (parameter,); over ``day``: ``trial``,
        ``before``, ``calibrated`` and ``fresh`` (Kaplan-Meier of 20,000 other patients, drawn by
        Monte Carlo), with ``weights`` ``weighted`` and ``weight`` (patient,); root-mean-square
        distances to the trial as attributes ``rms_…``.
        Patients that cannot be followed are left out of every mean, with a warning.
    :raises VcohortError: for a curve that is no survival or in which nobody progresses, days
        outside it, unknown parameters, parameters of other distributions (they would be lost), and
        where no patient can be followed.
    """
    given = {"progression": progression, "regimen": regimen, "seed": seed}
    run = settle("calibrate", run, given)
    starts, weights = whole("starts", starts, 1001, 1), truth("weights", weights)
    at, target = _target(trial, days)
    varied = find_varied(population, free)
    _warn_few(at, len(varied))
    cohort = population.sample(n, run.seed, design="sobol")
    deviates = deviates_of(population, varied, n, run.seed)
    task = Task(cohort, varied, deviates, at, target, run.progression, run.regimen)
    best = search(task, starts, run.seed, progress)
    return _dataset(population, task, best, weights, run.seed)


def calibrated(population: Population, calibration: xr.Dataset) -> Population:
    """Return the population with the distributions that :func:`vcohort.calibrate` found."""
    parts = ("parameter", "family", "location", "spread")
    check_population(population)
    need(calibration, "vc.calibrate", dict.fromkeys(parts, ("parameter",)))
    laws: dict[str, Any] = {}
    for each in zip(*(calibration[part].values for part in parts), strict=True):
        name, family, location, spread = str(each[0]), str(each[1]), float(each[2]), float(each[3])
        laws[name] = law_of(name, family, location, spread, population.overrides.get(name))
    return population.replace(**laws)


def _target(trial: Trial, days: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the days (day,) and the trial's survival on them."""
    curve = read_curve(trial)
    at = np.arange(0.0, min(400.0, curve.last) + 1e-9, 10.0) if days is None else days
    at = np.atleast_1d(in_days("days", at))
    inside = at.ndim == 1 and at.size > 1 and (np.diff(at) > 0).all()
    if not (inside and at[0] >= 0 and at[-1] <= curve.last):
        raise VcohortError(
            f"days must increase, at least two of them, from 0 to the trial's last day, "
            f"{curve.last:g}. By default they are 10 days apart."
        )
    target = curve.at(at)
    if (target == 1).all() or (target == 0).all():
        raise VcohortError(
            f"The trial's survival is {target[0]:g} on all days compared, from {at[0]:g} to "
            f"{at[-1]:g}: nothing there tells one population from another. Give later days, or a "
            "trial in which some patients progress."
        )
    return at, target


def _warn_few(days: np.ndarray, parameters: int) -> None:
    """Warn where fewer data than free numbers can tell them; on day 0 nobody has progressed."""
    data = int((days > 0).sum())
    if data < 2 * parameters:
        warnings.warn(
            f"{data} days of the curve cannot tell {2 * parameters} numbers (location and spread "
            "of each parameter): many others match it as well. Give more days, or free fewer.",
            VcohortWarning,
            stacklevel=3,
        )


def _dataset(
    population: Population, task: Task, best: np.ndarray, weights: bool, seed: int
) -> xr.Dataset:
    location, spread = np.exp(best)
    names = [each.param.name for each in task.varied]
    about = {"units": "1", "long_name": "progression-free survival"}
    survive = partial(
        progression_free_probability, days=task.days, progression=task.progression,
        regimen=task.regimen,
    )  # fmt: skip
    moved = moved_to(task, best.reshape(-1), task.deviates)
    values = {name: np.asarray(moved[name], float) for name in names}
    before, each = (np.asarray(survive(cohort)) for cohort in
                    (task.cohort, task.cohort.replace(**values)))  # fmt: skip
    kept = keep_followed(each, stacklevel=4)
    curves = {
        "trial": task.target, "before": before[keep_followed(before, stacklevel=4)].mean(axis=0),
        "calibrated": each[kept].mean(axis=0),
    }  # fmt: skip
    variables: dict[str, Any] = {
        "location": ("parameter", location, {"units": "as the parameter", "long_name": "location"}),
        "spread": ("parameter", spread, {"units": "1", "long_name": "relative spread"}),
        "first_location": ("parameter", [each.location for each in task.varied]),
        "first_spread": ("parameter", [each.spread for each in task.varied]),
    }
    about_parameters = {
        "family": ("parameter", [each.family for each in task.varied]),
        "unit": ("parameter", [each.param.unit for each in task.varied]),
    }
    ds = xr.Dataset(variables, {"parameter": names, "day": task.days, **about_parameters})
    found = calibrated(population, ds)
    curves["fresh"] = _fresh(found, task, (seed + 1) % 2**64)
    attributes: dict[str, Any] = {}
    if weights:
        weighed = _weigh(each[kept], task.target)
        # Of a patient that is left out nothing is known, so that it has no weight.
        weight = np.zeros(len(each))
        weight[kept] = weighed["weight"].values
        ds["weight"] = ("patient", weight, weighed["weight"].attrs)
        curves["weighted"] = weight @ np.where(kept[:, None], each, 0.0) / kept.sum()
        attributes |= weighed.attrs
    for name, curve in curves.items():
        ds[name] = ("day", curve, about | {"long_name": f"progression-free survival, {name}"})
        if name != "trial":
            attributes[f"rms_{name}"] = float(np.sqrt(np.mean((curve - task.target) ** 2)))
    return ds.assign_attrs(
        attributes,
        **recorded(population=population, calibrated_population=found, regimen=task.regimen),
        n=len(each),
        patients_missing=int((~kept).sum()),
        seed=str(seed), progression=task.progression, **provenance("calibration"),
    )  # fmt: skip


def _weigh(survival: np.ndarray, target: np.ndarray) -> xr.Dataset:
    """Return the weights that match the curve (day,) on days on which weights can.

    Others are those on which all patients (patient, day) lie on one side of the curve, or on it.
    """
    within = (survival.min(axis=0) < target) & (target < survival.max(axis=0))
    if not within.any():
        warnings.warn(
            "No weights bring the patients nearer to the trial: on every day its curve lies "
            "outside what they show. All weigh the same. Free other parameters, or give more days.",
            VcohortWarning,
            stacklevel=4,
        )
        return entropy_weights(np.ones(len(survival)), 1.0)
    return entropy_weights(survival[:, within], target[within], tolerance=1e-3)


def _fresh(population: Population, task: Task, seed: int) -> np.ndarray:
    """Return the Kaplan-Meier curve of other patients, each with one fate."""
    cohort = population.sample(_JUDGES, seed)
    ds = simulate(
        cohort, "exact", float(task.days[-1]), progression=task.progression, seed=seed,
        regimen=task.regimen, endpoints=[Outcome()], progress=False,
    )  # fmt: skip
    return progression_free_survival(ds, task.days).values
