"""Exact samples of binomial, negative binomial and Poisson numbers, for one patient.

Inversion from the mode outwards: one uniform number, about one deviation's worth of
multiplications, where all patients of a block wait for the widest law: wide ones go to
``rejection``. All counts are floats that hold whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln, xlogy

from vcohort.control import when
from vcohort.engine import rejection
from vcohort.engine.random import Key, fold, normal, uniforms

# Variances from which binomial and negative binomial numbers are drawn by rejection.
_WIDE, _LESS_WIDE = 64.0**2, 64.0

# Mean from which a Poisson number is drawn by expansion.
_MANY = 16.0

# Keeps 0 / 0 out of the ratios of a law that is certain.
_TINY = 1e-30

# A tail whose next terms are smaller is spent.
_NEGLIGIBLE = 1e-12

Ratio = Callable[[Array], Array]


def binomial(u: Array, key: Key, n: Array, p: Array, q: Array) -> Array:
    """Draw Binomial(n, p). ``q`` is 1 - p, given apart so that neither loses its digits."""
    wide = n * p * q > _WIDE
    narrow = narrow_binomial(jnp.where(wide, 0.0, u), n, p, q)

    # Laws that are not wide are not for rejection: theirs are replaced by one that is.
    law = (jnp.where(wide, part, other) for part, other in ((n, 1e5), (p, 0.5), (q, 0.5)))
    return when(wide, rejection.binomial, narrow, key, *law)


def narrow_binomial(u: Array, n: Array, p: Array, q: Array) -> Array:
    """Draw Binomial(n, p) of a small deviation, by ``u`` alone."""
    p, q = jnp.maximum(p, _TINY), jnp.maximum(q, _TINY)
    mode = jnp.minimum(jnp.floor((n + 1.0) * p), n)
    log_mode = (
        gammaln(n + 1.0)
        - gammaln(mode + 1.0)
        - gammaln(n - mode + 1.0)
        + xlogy(mode, p)
        + xlogy(n - mode, q)
    )
    return _from_mode(
        u,
        mode,
        log_mode,
        lambda x: (n - x) * p / ((x + 1.0) * q),
        lambda x: x * q / ((n - x + 1.0) * p),
    )


def poisson(u: Array, mean: Array) -> Array:
    """Draw Poisson(mean), by ``u`` alone."""
    many = mean > _MANY
    few = jnp.where(many, 0.0, mean)
    mode = jnp.floor(few)
    found = _from_mode(
        jnp.where(many, 0.0, u),
        mode,
        xlogy(mode, few) - few - gammaln(mode + 1.0),
        lambda x: few / (x + 1.0),
        lambda x: x / few,
    )
    return jnp.where(many, _poisson_of_many(u, jnp.where(many, mean, _MANY)), found)


def _poisson_of_many(u: Array, mean: Array) -> Array:
    """Invert the Poisson law by its asymptotic expansion, the number's error below 0.001.

    Giles 2016, ACM Trans. Math. Softw. 42:7, eq. 6.
    """
    w, root = normal(u), jnp.sqrt(mean)
    shift = (2.0 + w**2) / 6.0 - w * (2.0 + w**2) / (72.0 * root)
    shift = shift + (w**2 * (3.0 * w**2 + 7.0) - 16.0) / (810.0 * mean)
    return jnp.maximum(jnp.floor(mean + root * w + shift), 0.0)


def negative_binomial(u: Array, key: Key, k: Array, p: Array, q: Array) -> Array:
    """Draw the failures before the k-th success (k >= 1), success ``p``, failure ``q`` = 1 - p.

    A wide law is drawn as Poisson with a gamma distributed mean.
    """
    p, q = jnp.maximum(p, _TINY), jnp.maximum(q, _TINY)
    mode = jnp.floor((k - 1.0) * q / p)
    wide = k * q > _LESS_WIDE * p**2
    mode = jnp.where(wide, 0.0, mode)
    log_mode = gammaln(k + mode) - gammaln(k) - gammaln(mode + 1.0) + xlogy(k, p) + xlogy(mode, q)
    narrow = _from_mode(
        jnp.where(wide, 0.0, u),
        mode,
        log_mode,
        lambda x: (k + x) * q / (x + 1.0),
        lambda x: x / ((k + x - 1.0) * q),
    )

    def mixture(key: Key, k: Array, p: Array, q: Array) -> Array:
        log_mean = rejection.log_gamma(fold(key, 0, 0), k) + jnp.log(q) - jnp.log(p)
        v, _ = uniforms(key, 1, 0, k.dtype)
        return poisson(v, jnp.exp(log_mean))

    return when(wide, mixture, narrow, key, k, p, q)


def _from_mode(u: Array, mode: Array, log_mode: Array, up: Ratio, down: Ratio) -> Array:
    """Invert a unimodal law on 0, 1, …, spending ``u`` on the mode and then on both sides.

    ``up(x)`` and ``down(x)`` are p(x + 1) / p(x) and p(x - 1) / p(x).
    """
    at_mode = jnp.exp(log_mode)

    def unspent(carry: tuple[Array, ...]) -> Array:
        left, _, _, p_low, p_high, _ = carry
        return (left > 0.0) & (p_low + p_high > _NEGLIGIBLE)

    def outwards(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        left, low, high, p_low, p_high, found = carry
        p_high = p_high * up(high)
        p_low = jnp.where(low > 0.0, p_low * down(low), 0.0)
        high, low = high + 1.0, low - 1.0
        after_high = left - p_high
        found = jnp.where(after_high <= 0.0, high, low)
        left = after_high - jnp.where(after_high <= 0.0, 0.0, p_low)
        return left, low, high, p_low, p_high, found

    start = (u - at_mode, mode, mode, at_mode, at_mode, mode)
    left, *_, found = jax.lax.while_loop(unspent, outwards, start)
    # What rounding leaves unspent (about 1e-5 in float32) goes to the mode.
    return jnp.where(left > 0.0, mode, found)
