"""Make a virtual population's survival that of a trial: location and spread of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike
from scipy.optimize import least_squares
from scipy.special import ndtri

from vcohort.analysis.entropy import entropy_weights
from vcohort.analysis.measures import keep_followed
from vcohort.analysis.memo import Both, remember_last
from vcohort.cohort import Cohort
from vcohort.dataset import provenance
from vcohort.designs import uniforms
from vcohort.distributions import FLOOR, Distribution, Fixed, LogNormal, Normal, median_of
from vcohort.endpoints import Outcome
from vcohort.errors import VcohortError
from vcohort.models import Param
from vcohort.population import Population
from vcohort.probability import progression_free_probability
from vcohort.progress import progress_bar
from vcohort.regimen import Regimen
from vcohort.simulate import simulate
from vcohort.survival import progression_free_survival

# The normal error of ln(tumour) that gives the survival curve its derivatives, from coarse to
# fine: the last moves a progression by less than a day.
_BLURS = (0.05, 0.02)

# Relative spreads that are looked at, and the one that a parameter starts from that had none.
_SPREADS, _FIRST_SPREAD = (0.01, 1.0), 0.3

# Steps of least squares for each start, and for the best of them at each blur.
_SCOUTING, _STEPS = 12, 40

# Fresh patients that judge the result.
_JUDGES = 20_000


@dataclass(frozen=True)
class _Hyper:
    """One free parameter: the distribution's family, and where it starts."""

    param: Param
    normal: bool
    location: float
    spread: float

    def law(self, location: float, spread: float) -> Distribution:
        """Return the distribution of a location and a relative spread."""
        if self.normal:
            return Normal(location, spread * location)
        return LogNormal(location, spread)

    def values(self, log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the patients' values at normal deviates ``z``, differentiable."""
        location, spread = jnp.exp(log_location), jnp.exp(log_spread)
        if self.normal:
            return location * jnp.maximum(1.0 + spread * z, FLOOR)
        return location * jnp.exp(spread * z)


class _Task(NamedTuple):
    """What is matched: the curve of a cohort on fixed random numbers, on some days."""

    cohort: Cohort
    hypers: tuple[_Hyper, ...]
    deviates: np.ndarray
    days: np.ndarray
    target: np.ndarray
    progression: float
    regimen: Regimen | None


def calibrate(
    population: Population,
    trial: xr.DataArray,
    free: Sequence[str],
    *,
    days: ArrayLike | None = None,
    n: int = 4096,
    starts: int = 4,
    weights: bool = False,
    progression: float = 1.2,
    regimen: Regimen | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit location and spread of parameters so that progression-free survival is a trial's.

    The curve is the mean of each patient's exact probability, on fixed random numbers; its
    derivatives lead least squares, from several starts. A parameter that the population draws
    from :class:`Normal` stays normal; any other becomes log-normal (median, standard deviation
    of the log). Use the result by :func:`vcohort.calibrated`.

    :param trial: survival (day,); each value holds until the next day.
    :param free: names of the parameters; location and spread of each are free.
    :param days: where curves are compared; by default every 10 days to day 400, or to the last
        day of the trial.
    :param n: patients, a Sobol' design.
    :param starts: of the search; the first is the population as it is.
    :param weights: also find the patients' weights of greatest entropy that match the curve.
    :param progression: tumour size, relative to the first, that counts as progression.
    :return: ``location``, ``spread`` and their first values (parameter,); over ``day``: ``trial``,
        ``before``, ``calibrated`` and ``fresh`` (Kaplan-Meier of 20,000 other patients, drawn by
        Monte Carlo), with ``weights`` ``weighted`` and ``weight`` (patient,); root-mean-square
        distances to the trial as attributes ``rms_…``.
        Patients that cannot be followed are left out of every mean, with a warning.
    :raises VcohortError: for a curve that is no survival, days outside it, unknown parameters, and
        where no patient can be followed.
    """
    at, target = _target(trial, days)
    if not 1 <= starts <= 1000:
        raise VcohortError(f"starts = {starts} is impossible: it must be 1 to 1000.")
    hypers = _hypers(population, free)
    cohort = population.sample(n, seed, design="sobol")
    deviates = _deviates(population, hypers, n, seed)
    task = _Task(cohort, hypers, deviates, at, target, progression, regimen)
    best = _search(task, starts, seed, progress)
    return _dataset(population, task, best, weights, seed)


def calibrated(population: Population, calibration: xr.Dataset) -> Population:
    """Return the population with the distributions that :func:`vcohort.calibrate` found."""
    names = [str(name) for name in calibration["parameter"].values]
    hypers = _hypers(population, names)
    laws: dict[str, Any] = {
        hyper.param.name: hyper.law(
            *(
                float(calibration[part].sel(parameter=hyper.param.name))
                for part in ("location", "spread")
            )
        )
        for hyper in hypers
    }
    return population.replace(**laws)


def _target(trial: xr.DataArray, days: ArrayLike | None) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(trial, xr.DataArray) or trial.dims != ("day",) or not trial.size:
        raise VcohortError(
            "trial must be a DataArray over 'day', such as vc.data.progression_free_survival()."
        )
    curve, given = trial.values.astype(float), trial["day"].values.astype(float)
    if not (np.isfinite(curve).all() and np.isfinite(given).all()):
        raise VcohortError("The trial's survival holds values that are not finite.")
    if (curve < 0).any() or (curve > 1).any() or (np.diff(curve) > 1e-9).any():
        raise VcohortError("The trial's survival must fall from at most 1 to at least 0.")
    if (np.diff(given) <= 0).any() or given[0] < 0:
        raise VcohortError("The trial's days must increase, from day 0 on.")
    at = np.arange(0.0, min(400.0, given[-1]) + 1e-9, 10.0) if days is None else days
    at = np.atleast_1d(np.asarray(at, float))
    if at.ndim != 1 or at.size < 2 or (np.diff(at) <= 0).any() or at[0] < 0 or at[-1] > given[-1]:
        raise VcohortError(
            f"days must increase, at least two of them, from 0 to the trial's last day, "
            f"{given[-1]:g}."
        )
    place = np.searchsorted(given, at, side="right") - 1
    return at, np.where(place < 0, 1.0, curve[place])


def _hypers(population: Population, free: Sequence[str]) -> tuple[_Hyper, ...]:
    if isinstance(free, str) or not len(free):
        raise VcohortError(f"free = {free!r} is no list of parameters. Try ['r_B', 'K_C'].")
    if population.joint is not None:
        raise VcohortError(
            f"calibrate fits parameters that vary independently; {population.joint!r} ties some "
            "together. Leave joint out."
        )
    return tuple(_hyper(population, name) for name in dict.fromkeys(free))


def _hyper(population: Population, name: str) -> _Hyper:
    param = population.model.param(name)
    match population.distributions[name]:
        case Normal(mean, sd) if name in population.overrides:
            return _Hyper(param, True, mean, _inside(sd / mean))
        case Normal(mean, _) | Fixed(mean):
            return _Hyper(param, False, mean, _FIRST_SPREAD)
        case LogNormal(median, sigma):
            return _Hyper(param, False, median, _inside(sigma))
        case law:
            return _Hyper(param, False, median_of(law), _FIRST_SPREAD)


def _inside(spread: float) -> float:
    return float(np.clip(spread, *_SPREADS))


def _deviates(population: Population, hypers: tuple[_Hyper, ...], n: int, seed: int) -> np.ndarray:
    """Return the normal deviates (patient, hyper) that the cohort's own draws rest on."""
    names = list(population.distributions)
    points = uniforms("sobol", seed, first=0, count=n, columns=len(names), total=n)
    return ndtri(points[:, [names.index(hyper.param.name) for hyper in hypers]])


def _search(task: _Task, starts: int, seed: int, progress: bool | None) -> np.ndarray:
    """Return the best logs of locations and spreads (2, hyper)."""
    k = len(task.hypers)
    usual = np.log([hyper.param.usual for hyper in task.hypers])
    low = np.concatenate([usual[:, 0], np.full(k, np.log(_SPREADS[0]))])
    high = np.concatenate([usual[:, 1], np.full(k, np.log(_SPREADS[1]))])
    own = np.log([*(each.location for each in task.hypers), *(each.spread for each in task.hypers)])
    nearby = uniforms("latin-hypercube", seed, first=0, count=starts, columns=2 * k, total=starts)
    first = own + np.concatenate([np.zeros((1, 2 * k)), 2.0 * nearby[1:] - 1.0])
    fit = _curves(task)

    def solve(start: np.ndarray, blur: float, steps: int) -> tuple[float, np.ndarray]:
        edge = 1e-6 * (high - low)

        def residual(at: np.ndarray) -> np.ndarray:
            return fit(at, blur)[0] - task.target

        def jacobian(at: np.ndarray) -> np.ndarray:
            return fit(at, blur)[1]

        inside = np.clip(start, low + edge, high - edge)
        solver: Any = least_squares  # Its stubs know no function as jac.
        found = solver(residual, inside, jacobian, (low, high), max_nfev=steps)
        return float(found.cost), found.x

    with progress_bar("calibrate, stages", starts + len(_BLURS), progress) as advance:
        tried: list[tuple[float, np.ndarray]] = []
        for start in first:
            tried.append(solve(start, _BLURS[0], _SCOUTING))
            advance(1)
        best = min(tried, key=lambda each: each[0])[1]
        for blur in _BLURS:
            best = solve(best, blur, _STEPS)[1]
            advance(1)
    return best.reshape(2, k)


def _curves(task: _Task) -> Callable[..., Both]:
    """Return a function of (logs, blur): the curve (day,) and its Jacobian (day, hyper)."""
    deviates = jnp.asarray(task.deviates, jnp.float32)

    @jax.jit
    def both(logs: Array, blur: Array) -> tuple[Array, Array]:
        def each(logs: Array) -> tuple[Array, Array]:
            cohort = _moved(task, logs, deviates)
            found = progression_free_probability(
                cohort, task.days, progression=task.progression, regimen=task.regimen, blur=blur
            )
            return found, found

        slopes, found = jax.jacfwd(each, has_aux=True)(logs)
        kept = jnp.isfinite(found).all(axis=1) & jnp.isfinite(slopes).all(axis=(1, 2))
        return _mean(found, kept), _mean(slopes, kept)

    def curve(logs: np.ndarray, blur: float) -> Both:
        # In single precision, whatever the program asks of JAX.
        with jax.enable_x64(False):
            found = both(jnp.asarray(logs, jnp.float32), jnp.asarray(blur, jnp.float32))
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
    k = len(task.hypers)
    moved = {
        hyper.param.name: hyper.values(logs[index], logs[k + index], deviates[:, index])
        for index, hyper in enumerate(task.hypers)
    }
    return task.cohort.replace(**moved)


def _dataset(
    population: Population, task: _Task, best: np.ndarray, weights: bool, seed: int
) -> xr.Dataset:
    location, spread = np.exp(best)
    names = [hyper.param.name for hyper in task.hypers]
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
        "first_location": ("parameter", [each.location for each in task.hypers]),
        "first_spread": ("parameter", [each.spread for each in task.hypers]),
    }
    ds = xr.Dataset(variables, {"parameter": names, "day": task.days})
    found = calibrated(population, ds)
    curves["fresh"] = _fresh(found, task, seed + 1)
    attributes: dict[str, Any] = {}
    if weights:
        # On days on which all patients are alike, weights cannot matter.
        some = each[kept]
        open_days = (some.min(axis=0) < task.target) & (task.target < some.max(axis=0))
        weighed = entropy_weights(some[:, open_days], task.target[open_days], tolerance=1e-3)
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
    families = ["normal" if hyper.normal else "log-normal" for hyper in task.hypers]
    units = [hyper.param.unit for hyper in task.hypers]
    ds = ds.assign_coords(family=("parameter", families), unit=("parameter", units))
    return ds.assign_attrs(
        attributes, population=repr(population), calibrated_population=repr(found), n=len(each),
        patients_missing=int((~kept).sum()),
        seed=str(seed), progression=task.progression, **provenance(),
    )  # fmt: skip


def _fresh(population: Population, task: _Task, seed: int) -> np.ndarray:
    """Return the Kaplan-Meier curve of other patients, each with one fate."""
    cohort = population.sample(_JUDGES, seed)
    ds = simulate(
        cohort, "exact", float(task.days[-1]), progression=task.progression, seed=seed,
        regimen=task.regimen, endpoints=[Outcome()], progress=False,
    )  # fmt: skip
    return progression_free_survival(ds, task.days).values
