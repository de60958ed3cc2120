"""Whether a tumour is below a size: the law of a regrown tumour, without a random number.

The lineages that are left are Poisson(Lambda) many, and each counts an exponential number of
cells; on the deterministic path their mean is B. So with y = Lambda x / B

    P(tumour < x) = e^-Lambda (1 + sum over k >= 1 of Lambda^k / k! P(Gamma(k) < y)),

a non-central chi-square probability with zero degrees of freedom (Siegel 1979, Biometrika
66:381). Few lineages are summed; for many the saddle point is within 1e-4
(Barndorff-Nielsen 1986, Biometrika 73:307).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import i0e, i1e, ndtr

from vcohort.engine.hazard import log_lambda

# From here on the saddle point is used: its error is below 1e-4. Below, so many terms are enough.
_MANY, _TERMS = 25.0, 72

# Below e^-16 lineages none is left, and no derivative either.
_LEAST_LOG, _LARGEST_LOG_Y = -16.0, 4.5


def below(log_tumour: Array, w: Array, log_start: Array, log_level: Array, blur: float) -> Array:
    """Return P(tumour < level), from ln B and W of the deterministic path.

    ``blur``: standard deviation of a normal error of the log of the measured tumour. It
    makes the step that many lineages leave a slope, for derivatives; 0 is the exact law.
    """
    log_hazard = log_lambda(w, log_start)
    log_y = log_level + log_hazard - log_tumour
    many = log_hazard > jnp.log(_MANY)
    few = _sum(
        jnp.clip(jnp.where(many, 0.0, log_hazard), _LEAST_LOG, None),
        jnp.clip(jnp.where(many, 0.0, log_y), _LEAST_LOG, _LARGEST_LOG_Y),
    )
    return jnp.where(many, _saddle_point(log_hazard, log_y, many, blur), few)


def _saddle_point(log_hazard: Array, log_y: Array, many: Array, blur: float) -> Array:
    """Return Phi(w + ln(y / Lambda) / (4 w)), w = sqrt(2) (sqrt(y) - sqrt(Lambda))."""
    log_ratio = jnp.clip(jnp.where(many, log_y - log_hazard, 0.0), -20.0, 20.0)
    root = jnp.exp(0.5 * jnp.where(many, log_hazard, jnp.log(_MANY)))
    distance = jnp.sqrt(2.0) * root * jnp.expm1(0.5 * log_ratio)
    near = jnp.abs(log_ratio) < 1e-3
    ratio = jnp.where(near, 1.0, log_ratio) / jnp.where(near, 1.0, jnp.expm1(0.5 * log_ratio))
    shift = jnp.where(near, 2.0 - 0.5 * log_ratio, ratio) / (4.0 * jnp.sqrt(2.0) * root)
    spread = 1.0 + 0.5 * blur**2 * (root**2 - _MANY)
    return ndtr((distance + shift) / jnp.sqrt(spread))


@jax.custom_jvp
def _sum(log_hazard: Array, log_y: Array) -> Array:
    """Sum over the number of lineages; arguments are logs."""
    hazard, y = jnp.exp(log_hazard), jnp.exp(log_y)

    def add(k: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        lineages, fewer, tail, total = carry
        number = k.astype(y.dtype)
        lineages = lineages * hazard / number
        tail = tail + fewer
        return lineages, fewer * y / number, tail, total + lineages * jnp.maximum(1.0 - tail, 0.0)

    none = jnp.exp(-hazard)
    first = (none, jnp.exp(-y), jnp.zeros_like(y), none)
    return jnp.minimum(jax.lax.fori_loop(1, _TERMS, add, first)[-1], 1.0)


@_sum.defjvp
def _slopes(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """Differentiate: minus Lambda times the density of Q_1, y times that of the sum."""
    log_hazard, log_y = primals
    roots = jnp.exp(0.5 * log_hazard), jnp.exp(0.5 * log_y)
    product = roots[0] * roots[1]
    density = jnp.exp(-((roots[0] - roots[1]) ** 2))
    by_hazard = -(roots[0] ** 2) * density * i0e(2.0 * product)
    by_y = product * density * i1e(2.0 * product)
    return _sum(*primals), by_hazard * tangents[0] + by_y * tangents[1]
