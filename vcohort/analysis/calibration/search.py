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
from vcohort.analysis.calibration.fates import residuals_of_fates
from vcohort.analysis.calibration.follow import follow
from vcohort.analysis.calibration.targets import Target
from vcohort.analysis.calibration.targets.base import residuals
from vcohort.analysis.calibration.varied import SPREADS, Varied
from vcohort.errors import VcohortError
from vcohort.populations.cohort import Cohort
from vcohort.populations.designs import uniforms
from vcohort.progress import progress_bar
from vcohort.simulation.checks import has_law
from vcohort.simulation.run import Run

# The normal error of ln(tumour) that gives the survival curve its derivatives, from coarse to
# fine: the last moves a progression by less than a day.
_NOISES = (0.05, 0.02)

# The largest inverse hyperbolic tangent of a partial correlation: one of 0.99.
_MOST_ALIKE = 2.65

# Steps of least squares for each start, and for the best of them at each noise.
_SCOUTING, _STEPS = 12, 40

# The least gain or move that counts: what single precision tells, and what fates do.
_ENOUGH, _ENOUGH_OF_FATES = 1e-5, 1e-3


class Task(NamedTuple):
    """What is matched: targets, by a cohort on fixed random numbers.

    ``correlated``: places among ``varied`` of parameters whose correlations are free.
    """

    cohort: Cohort
    varied: tuple[Varied, ...]
    deviates: np.ndarray
    targets: tuple[Target, ...]
    run: Run
    correlated: tuple[int, ...] = ()

    @property
    def pairs(self) -> int:
        """How many correlations are free."""
        return len(self.correlated) * (len(self.correlated) - 1) // 2


class Found(NamedTuple):
    """Where a search ended: logs of locations, then of spreads, then the correlations' numbers.

    ``jacobian`` (number, free): of the residuals, in standard errors.
    """

    at: np.ndarray
    jacobian: np.ndarray
    cost: float


class _Manner(NamedTuple):
    """How a task is searched.

    ``fit``: of (numbers, noise) the residuals (k,) and their Jacobian (k, free). ``noises``: at
    which to search in turn. ``enough``: relative gain, or move, of a step that ends the search.
    """

    fit: Callable[..., Both]
    noises: tuple[float, ...]
    enough: float


def search(task: Task, starts: int, seed: int, progress: bool | None) -> Found:
    """Return the best locations, spreads and correlations."""
    k, pairs = len(task.varied), task.pairs
    usual = np.log([each.param.usual for each in task.varied])
    here = np.log([each.location for each in task.varied])
    low = [*np.minimum(usual[:, 0], here), *[np.log(SPREADS[0])] * k, *[-_MOST_ALIKE] * pairs]
    high = [*np.maximum(usual[:, 1], here), *[np.log(SPREADS[1])] * k, *[_MOST_ALIKE] * pairs]
    low, high = np.array(low), np.array(high)
    own = np.array([*here, *np.log([each.spread for each in task.varied]), *[0.0] * pairs])
    nearby = uniforms(
        "latin-hypercube", seed, first=0, count=starts, columns=own.size, total=starts
    )
    first = own + np.concatenate([np.zeros((1, own.size)), 2.0 * nearby[1:] - 1.0])
    fit, noises, enough = _manner(task)

    def solve(start: np.ndarray, noise: float, steps: int) -> Found:
        edge = 1e-6 * (high - low)
        inside = np.clip(start, low + edge, high - edge)
        solver: Any = least_squares  # Its stubs know no function as jac.
        found = solver(
            lambda at: fit(at, noise)[0], inside, lambda at: fit(at, noise)[1], (low, high),
            max_nfev=steps, ftol=enough, xtol=enough,
        )  # fmt: skip
        return Found(found.x, found.jac, float(found.cost))

    with progress_bar("calibrate, stages", starts + len(noises), progress) as advance:
        tried: list[Found] = []
        for start in first:
            tried.append(solve(start, noises[0], _SCOUTING))
            advance(1)
        best = min(tried, key=lambda each: each.cost)
        for noise in noises:
            best = solve(best.at, noise, _STEPS)
            advance(1)
    return best


def _manner(task: Task) -> _Manner:
    if has_law(task.cohort.model):
        return _Manner(_residuals_of_courses(task), _NOISES, _ENOUGH)

    def moved(at: np.ndarray) -> Cohort:
        return moved_to(task, np.float32(at), np.float32(task.deviates))

    fit = residuals_of_fates(moved, task.targets, task.run)
    return _Manner(remember_last(fit), (0.0,), _ENOUGH_OF_FATES)


def _residuals_of_courses(task: Task) -> Callable[..., Both]:
    """Return a function of (numbers, noise): the residuals (k,) and their Jacobian (k, free)."""
    numbers = jax.tree.map(np.float32, (dict(task.cohort.values), task.deviates))

    # The cohort's numbers are handed over: one program, kept on the disk, serves all cohorts.
    @jax.jit
    def both(
        at: Array, noise: Array, values: dict[str, Array], deviates: Array
    ) -> tuple[Array, Array]:
        here = task._replace(cohort=task.cohort.replace(**values))

        def each(at: Array) -> tuple[Array, Array]:
            course = follow(moved_to(here, at, deviates), task.targets, task.run, noise)
            found = residuals(task.targets, [target.of_course(course) for target in task.targets])
            return found, found

        slopes, found = jax.jacfwd(each, has_aux=True)(at)
        return found, slopes

    def at_once(at: np.ndarray, noise: float) -> Both:
        # In single precision, whatever the program asks of JAX.
        with jax.enable_x64(False):
            found = both(np.float32(at), np.float32(noise), *numbers)
        value, slope = (np.asarray(part, np.float64) for part in found)
        if not (np.isfinite(value).all() and np.isfinite(slope).all()):
            raise VcohortError(
                "The search came to where no patient can be followed: a rate is too fast for the "
                "steps. Free other parameters, or start from a narrower population."
            )
        return value, slope

    return remember_last(at_once)


def moved_to(task: Task, at: Any, deviates: Any) -> Cohort:
    """Return the cohort at locations, spreads and correlations (free,), on its deviates."""
    k = len(task.varied)
    if task.correlated:
        places = np.array(task.correlated)
        together = deviates[:, places] @ cholesky(at[2 * k :], len(places)).T
        deviates = jnp.asarray(deviates).at[:, places].set(together)
    moved = {
        each.param.name: each.values(at[index], at[k + index], deviates[:, index])
        for index, each in enumerate(task.varied)
    }
    return task.cohort.replace(**moved)


def cholesky(numbers: Any, size: int) -> Array:
    """Return the Cholesky factor (size, size) of a matrix of correlations.

    ``numbers``: the partial correlations' inverse hyperbolic tangents, row by row (Lewandowski,
    Kurowicka & Joe 2009, J. Multivar. Anal. 100:1989): any numbers give correlations.
    """
    partial = jnp.tanh(jnp.asarray(numbers))
    rows, taken = [], 0
    for row in range(size):
        left, entries = jnp.ones_like(partial[0]), []
        for column in range(row):
            entries.append(partial[taken + column] * left)
            left = left * jnp.sqrt(1.0 - partial[taken + column] ** 2)
        taken += row
        rows.append(jnp.stack([*entries, left, *[jnp.zeros_like(left)] * (size - row - 1)]))
    return jnp.stack(rows)
