"""Make a virtual population's survival that of a trial: location and spread of its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from vcohort.analysis.cache import Both, remember_last
from vcohort.analysis.calibration.entropy import entropy_weights
from vcohort.analysis.calibration.varied import SPREADS, Varied, deviates_of, find_varied, law_of
from vcohort.analysis.sensitivity.outputs import keep_followed
from vcohort.endpoints import Outcome
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import truth, whole
from vcohort.populations.cohort import Cohort
from vcohort.populations.designs import uniforms
from vcohort.populations.population import Population, check_population
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.results.needed import need
from vcohort.results.survival import progression_free_survival
from vcohort.results.trial import Trial, read_curve
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.probability import progression_free_probability
from vcohort.simulation.run import Run, settle
from vcohort.simulation.simulate import simulate
from vcohort.tables.days import in_days

# The normal error of ln(tumour) that gives the survival curve its derivatives, from coarse to
# fine: the last moves a progression by less than a day.
_NOISES = (0.05, 0.02)

# Steps of least squares for each start, and for the best of them at each noise.
_SCOUTING, _STEPS = 12, 40

# Fresh patients that judge the result.
_JUDGES = 20_000


class _Task(NamedTuple):
    """What is matched: the curve of a cohort on fixed random numbers, on some days."""

    cohort: Cohort
    varied: tuple[Varied, ...]
    deviates: np.ndarray
    days: np.ndarray
    target: np.ndarray
    progression: float
    regimen: Regimen


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
    task = _Task(cohort, varied, deviates, at, target, run.progression, run.regimen)
    best = _search(task, starts, run.seed, progress)
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


def _search(task: _Task, starts: int, seed: int, progress: bool | None) -> np.ndarray:
    """Return the best logs of locations and spreads (2, parameter)."""
    k = len(task.varied)
    usual = np.log([each.param.usual for each in task.varied])
    here = np.log([each.location for each in task.varied])
    low = np.concatenate([np.minimum(usual[:, 0], here), np.full(k, np.log(SPREADS[0]))])
    high = np.concatenate([np.maximum(usual[:, 1], here), np.full(k, np.log(SPREADS[1]))])
    own = np.log([*(each.location for each in task.varied), *(each.spread for each in task.varied)])
    nearby = uniforms("latin-hypercube", seed, first=0, count=starts, columns=2 * k, total=starts)
    first = own + np.concatenate([np.zeros((1, 2 * k)), 2.0 * nearby[1:] - 1.0])
    fit = _curves(task)

    def solve(start: np.ndarray, noise: float, steps: int) -> tuple[float, np.ndarray]:
        edge = 1e-6 * (high - low)

        def residual(at: np.ndarray) -> np.ndarray:
            return fit(at, noise)[0] - task.target

        def jacobian(at: np.ndarray) -> np.ndarray:
            return fit(at, noise)[1]

        inside = np.clip(start, low + edge, high - edge)
        solver: Any = least_squares  # Its stubs know no function as jac.
        found = solver(residual, inside, jacobian, (low, high), max_nfev=steps)
        return float(found.cost), found.x

    with progress_bar("calibrate, stages", starts + len(_NOISES), progress) as advance:
        tried: list[tuple[float, np.ndarray]] = []
        for start in first:
            tried.append(solve(start, _NOISES[0], _SCOUTING))
            advance(1)
        best = min(tried, key=lambda each: each[0])[1]
        for noise in _NOISES:
            best = solve(best, noise, _STEPS)[1]
            advance(1)
    return best.reshape(2, k)


def _curves(task: _Task) -> Callable[..., Both]:
    """Return a function of (logs, noise): the curve (day,) and its Jacobian (day, parameter)."""
    numbers = jax.tree.map(np.float32, (dict(task.cohort.values), task.deviates))

    # The cohort's numbers are handed over: one program, kept on the disk, serves all cohorts.
    @jax.jit
    def both(
        logs: Array, noise: Array, values: dict[str, Array], deviates: Array
    ) -> tuple[Array, Array]:
        here = task._replace(cohort=task.cohort.replace(**values))

        def each(logs: Array) -> tuple[Array, Array]:
            found = progression_free_probability(
                _moved(here, logs, deviates), task.days, progression=task.progression,
                regimen=task.regimen, noise=noise,
            )  # fmt: skip
            return found, found

        slopes, found = jax.jacfwd(each, has_aux=True)(logs)
        kept = jnp.isfinite(found).all(axis=1) & jnp.isfinite(slopes).all(axis=(1, 2))
        return _mean(found, kept), _mean(slopes, kept)

    def curve(logs: np.ndarray, noise: float) -> Both:
        # In single precision, whatever the program asks of JAX.
        with jax.enable_x64(False):
            found = both(np.float32(logs), np.float32(noise), *numbers)
        value, slope = (np.asarray(part, np.float64) for part in found)
        if not np.isfinite(value).all():
            raise VcohortError(
                "The search came to where no patient can be followed: a rate is too fast for the "
                "steps. Free other parameters, or start from a narrower population."
            )
        return value, slope

    return remember_last(curve)


def _mean(values: Array, kept: Array) -> Array:
    """Return the mean over the patients (patient, …) that are kept; NaN where none is."""
    inside = jnp.where(kept.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)
    return inside.sum(axis=0) / kept.sum()


def _moved(task: _Task, logs: Any, deviates: Any) -> Cohort:
    k = len(task.varied)
    moved = {
        each.param.name: each.values(logs[index], logs[k + index], deviates[:, index])
        for index, each in enumerate(task.varied)
    }
    return task.cohort.replace(**moved)


def _dataset(
    population: Population, task: _Task, best: np.ndarray, weights: bool, seed: int
) -> xr.Dataset:
    location, spread = np.exp(best)
    names = [each.param.name for each in task.varied]
    about = {"units": "1", "long_name": "progression-free survival"}
    survive = partial(
        progression_free_probability, days=task.days, progression=task.progression,
        regimen=task.regimen,
    )  # fmt: skip
    moved = _moved(task, best.reshape(-1), task.deviates)
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


def _fresh(population: Population, task: _Task, seed: int) -> np.ndarray:
    """Return the Kaplan-Meier curve of other patients, each with one fate."""
    cohort = population.sample(_JUDGES, seed)
    ds = simulate(
        cohort, "exact", float(task.days[-1]), progression=task.progression, seed=seed,
        regimen=task.regimen, endpoints=[Outcome()], progress=False,
    )  # fmt: skip
    return progression_free_survival(ds, task.days).values
