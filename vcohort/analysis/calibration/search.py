"""The search of a calibration: least squares along derivatives, from several starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import least_squares

from vcohort.analysis.cache import Both, remember_last
from vcohort.analysis.calibration.varied import SPREADS, Varied
from vcohort.errors import VcohortError
from vcohort.populations.cohort import Cohort
from vcohort.populations.designs import uniforms
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.probability import progression_free_probability

# The normal error of ln(tumour) that gives the survival curve its derivatives, from coarse to
# fine: the last moves a progression by less than a day.
_NOISES = (0.05, 0.02)

# Steps of least squares for each start, and for the best of them at each noise.
_SCOUTING, _STEPS = 12, 40


class Task(NamedTuple):
    """What is matched: the curve of a cohort on fixed random numbers, on some days."""

    cohort: Cohort
    varied: tuple[Varied, ...]
    deviates: np.ndarray
    days: np.ndarray
    target: np.ndarray
    progression: float
    regimen: Regimen


def search(task: Task, starts: int, seed: int, progress: bool | None) -> np.ndarray:
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


def _curves(task: Task) -> Callable[..., Both]:
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
                moved_to(here, logs, deviates), task.days, progression=task.progression,
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


def moved_to(task: Task, logs: Any, deviates: Any) -> Cohort:
    """Return the cohort at logs of locations, then of spreads (2 parameter,), on its deviates."""
    k = len(task.varied)
    moved = {
        each.param.name: each.values(logs[index], logs[k + index], deviates[:, index])
        for index, each in enumerate(task.varied)
    }
    return task.cohort.replace(**moved)
