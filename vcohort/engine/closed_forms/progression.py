"""Progression-free survival of each patient, without a random number.

The lineages that are left of a tumour are Poisson(Lambda) many, and each counts an exponential
number of cells; on the deterministic path their sum has the mean B. So with y = Lambda x / B

    P(tumour < x) = e^-Lambda (1 + sum over k >= 1 of Lambda^k / k! P(Gamma(k) < y)),

a non-central chi-square probability with zero degrees of freedom (Siegel 1979, Biometrika
66:381). Few lineages are summed; for many the saddle point is within 1e-4 (Barndorff-Nielsen
1986, Biometrika 73:307).

Probabilities are carried as normal deviates z, P = Phi(z): a tumour of many lineages passes a
size within hours, and z, unlike P, then still says when.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import i0e, i1e, ndtr, ndtri

from vcohort.engine.closed_forms.path import Path, path
from vcohort.engine.integrator.grid import Grid, grid_points
from vcohort.engine.integrator.path_state import log_lambda
from vcohort.engine.integrator.treatment import Schedule
from vcohort.models import Model

# From here on the saddle point is used. Below, so many terms are enough.
_MANY, _TERMS = 25.0, 72

# Below e^-16 lineages none is left, and no derivative either.
_LEAST_LOG, _LARGEST_LOG_Y = -16.0, 4.5

# So near to certainty the saddle point still says how far, where a tenth of a lineage is left.
_DOUBT, _ONE_IN_TEN = 1e-5, 0.1

# The nearest to certainty that float32 can tell.
_LEAST = 1e-7

# Of a tumour that is followed without error.
_NO_NOISE = 1e-7


@partial(jax.jit, static_argnames=("model",))
def probabilities(
    model: Model,
    values: dict[str, Array],
    schedule: Schedule | None,
    grid: Grid,
    days: Array,
    progression: Array,
    noise: Array,
) -> tuple[Array, Array, Array]:
    """Return what a block's patients may expect, of the tumour's law.

    P(no cell left at the end) (patient,), and P(no progression so far) (patient, day), on days
    that the grid holds, NaN for patients that could not be followed to the end; and their strain
    (patient,), as of ``Outcomes``.
    """
    found = path(model, values, schedule, grid)
    level = jnp.log(values["B0"]) + jnp.log(progression)
    points = grid_points(grid, days)
    # A treatment may hide a progression from the days asked for.
    looked = points if schedule is None else jnp.arange(found.w.shape[0])[:, None]
    z = progression_free(found, level, looked, noise)
    free = ndtr(z if schedule is None else _at(z, points)).T
    cured, free = (jnp.where(found.lost, jnp.nan, each.T).T for each in (found.cured, free))
    return cured, free, found.strain


def progression_free(
    path: Path, log_level: Array, points: Array, noise: Array | float, straight: bool = False
) -> Array:
    """Return z (time, patient) of P(no progression so far) at grid ``points``, in their order.

    Progression is a tumour of ``log_level`` (patient,): one that grows so far before its nadir, or
    regrows so far after it. Of the regrown tumour's law only the ends of steps are looked at,
    which without treatment changes nothing. ``noise``: standard deviation of a normal error of the
    log of the measured tumour, which gives the step that many lineages make a slope, for
    derivatives; 0 is the exact law.
    """
    courses = Courses(path.log_tumour, path.w, path.largest)
    late, early = courses.deviates(log_level, points, noise, straight=straight)
    return jnp.minimum(late, early)


class Courses(NamedTuple):
    """ln B, W and the largest ln B since the point before, (time, patient), from day 0 on."""

    log_tumour: Array
    w: Array
    largest: Array

    def deviates(
        self, log_level: Array, points: Array | None, noise: Array | float, *, straight: bool
    ) -> tuple[Array, Array]:
        """Return z of P(not regrown so far) and of P(not grown before the nadir), (time, patient).

        At ``points``, by default at all.
        """
        log_start, nadir = self.log_tumour[0], jnp.argmin(self.log_tumour, axis=0)
        points = jnp.arange(self.w.shape[0])[:, None] if points is None else points
        at = _at(self.log_tumour, points), _at(self.w, points)
        late = deviate(*at, log_start, log_level, noise, straight)
        largest = _at(jax.lax.cummax(self.largest), jnp.minimum(points, nadir))
        early = (log_level - largest) / jnp.maximum(noise, _NO_NOISE)
        return jax.lax.cummin(late), jax.lax.cummin(early)


def _at(course: Array, points: Array) -> Array:
    return jnp.take_along_axis(course, points, axis=0)


def deviate(
    log_tumour: Array,
    w: Array,
    log_start: Array,
    log_level: Array,
    noise: Array | float,
    straight: bool = False,
) -> Array:
    """Return z of P(tumour < level), from ln B and W of the deterministic path.

    ``straight``: where lineages are many, a z that is linear in ln B, with the right mean of ln B.
    """
    log_integral = log_lambda(w, log_start)
    log_y = log_level + log_integral - log_tumour
    many = log_integral > jnp.log(_MANY)
    few = _sum(
        jnp.clip(jnp.where(many, 0.0, log_integral), _LEAST_LOG, None),
        jnp.clip(jnp.where(many, 0.0, log_y), _LEAST_LOG, _LARGEST_LOG_Y),
    )
    # Certain because the tumour is small yet, not because no lineage is left.
    certain = (few > 1.0 - _DOUBT) & (log_integral > jnp.log(_ONE_IN_TEN))
    used = many | certain
    z = ndtri(jnp.clip(jnp.where(used, 0.5, few), _LEAST, 1.0 - _LEAST))
    saddle = _saddle_point(log_integral, log_y, used, noise, many if straight else None)
    return jnp.where(used, saddle, z)


def _saddle_point(
    log_integral: Array, log_y: Array, used: Array, noise: Array | float, straight: Array | None
) -> Array:
    """Return w + ln(y / Lambda) / (4 w), w = sqrt(2) (sqrt(y) - sqrt(Lambda))."""
    log_ratio = jnp.clip(jnp.where(used, log_y - log_integral, 0.0), -20.0, 20.0)
    root = jnp.exp(0.5 * jnp.where(used, log_integral, jnp.log(_MANY)))
    half = 0.5 * log_ratio
    rise = jnp.expm1(half)
    near = jnp.abs(log_ratio) < 1e-3
    ratio = jnp.where(near, 1.0, log_ratio) / jnp.where(near, 1.0, jnp.expm1(half))
    shift = jnp.where(near, 2.0 - half, ratio) / 8.0
    if straight is not None:
        # The log of the tumour then has its mean, which is 1 / Lambda below the log of B.
        rise, shift = jnp.where(straight, half, rise), jnp.where(straight, 0.5, shift)
    distance = jnp.sqrt(2.0) * (root * rise + shift / root)
    spread = 1.0 + 0.5 * noise**2 * jnp.maximum(root**2 - _MANY, 0.0)
    return distance / jnp.sqrt(spread)


@jax.custom_jvp
def _sum(log_integral: Array, log_y: Array) -> Array:
    """Sum over the number of lineages; arguments are logs."""
    integral, y = jnp.exp(log_integral), jnp.exp(log_y)

    def add(k: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        lineages, fewer, tail, total = carry
        number = k.astype(y.dtype)
        lineages = lineages * integral / number
        tail = tail + fewer
        return lineages, fewer * y / number, tail, total + lineages * jnp.maximum(1.0 - tail, 0.0)

    none = jnp.exp(-integral)
    first = (none, jnp.exp(-y), jnp.zeros_like(y), none)
    return jnp.minimum(jax.lax.fori_loop(1, _TERMS, add, first)[-1], 1.0)


@_sum.defjvp
def _slopes(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Differentiate: minus Lambda times the density of Q_1, y times that of the sum."""
    log_integral, log_y = primals
    roots = jnp.exp(0.5 * log_integral), jnp.exp(0.5 * log_y)
    product = roots[0] * roots[1]
    density = jnp.exp(-((roots[0] - roots[1]) ** 2))
    by_hazard = -(roots[0] ** 2) * density * i0e(2.0 * product)
    by_y = product * density * i1e(2.0 * product)
    return _sum(*primals), by_hazard * tangents[0] + by_y * tangents[1]
