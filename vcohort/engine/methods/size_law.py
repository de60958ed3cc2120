"""The law of a tumour's size: the probability that it is smaller than a level, on its path.

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
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero
from jax.scipy.special import i0e, i1e, ndtri

from vcohort.engine.integrator.path_state import log_lambda

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


def deviate_of_largest(log_largest: Array, log_level: Array, noise: Array | float) -> Array:
    """Return z of P(not grown to a level so far), of a tumour of so many cells that none is chance.

    ``log_largest``: of all sizes so far.
    """
    return (log_level - log_largest) / jnp.maximum(noise, _NO_NOISE)


@partial(jax.custom_jvp, nondiff_argnums=(5,))
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
    return _deviate(log_tumour, w, log_start, log_level, noise, straight=straight)


def _deviate(
    log_tumour: Array,
    w: Array,
    log_start: Array,
    log_level: Array,
    noise: Array | float,
    *,
    straight: bool,
) -> Array:
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
    z = _normal_deviate(jnp.clip(jnp.where(used, 0.5, few), _LEAST, 1.0 - _LEAST))
    saddle = _saddle_point(log_integral, log_y, used, noise, many if straight else None)
    return jnp.where(used, saddle, z)


def _by_its_slopes(
    straight: bool, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Array, Array]:
    """Differentiate by its slopes, found once whatever the number of directions."""
    of = partial(_deviate, straight=straight)
    z, back = jax.vjp(of, *jnp.broadcast_arrays(*primals))
    z, slopes = jax.lax.optimization_barrier((z, back(jnp.ones_like(z))))
    # What does not move has no part, even where its slope is no number.
    moved = [slope * way for slope, way in zip(slopes, tangents, strict=True)
             if not isinstance(way, SymbolicZero)]  # fmt: skip
    return z, sum(moved, jnp.zeros_like(z))


deviate.defjvp(_by_its_slopes, symbolic_zeros=True)


@jax.custom_jvp
def _normal_deviate(probability: Array) -> Array:
    return ndtri(probability)


@_normal_deviate.defjvp
def _by_density(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Differentiate by the normal density: a line, where that of ndtri's polynomials is a page."""
    z = _normal_deviate(*primals)
    return z, jnp.sqrt(2.0 * jnp.pi) * jnp.exp(0.5 * z**2) * tangents[0]


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
