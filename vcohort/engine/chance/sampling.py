"""Exact samples of binomial, negative binomial and Poisson numbers, for one patient.

Inversion outwards from a likely count: one uniform number, about one deviation's worth of
multiplications, where all patients of a block wait for the widest law: wide ones go to
``rejection``. All counts are floats that hold whole numbers: up to 2^24 in float32, beyond it
rounded ones. What is rarer than the last digit of a uniform number (1e-7 in float32) never comes.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from vcohort.arrays import Flags, Numbers
from vcohort.branches import when
from vcohort.engine.chance import rejection
from vcohort.engine.chance.masses import log_binomial
from vcohort.engine.chance.random import Key, fold, normal, uniforms

# Variances from which binomial and negative binomial numbers are drawn by rejection.
_WIDE, _LESS_WIDE = 64.0**2, 64.0

# Mean from which a Poisson number is drawn by expansion.
_MANY = 16.0

# The search of a law with a lower mean than this begins at 0, whose probability is a power.
_LOW = 8.0

# Keeps 0 out of the odds of a law that is certain.
_TINY = 1e-30

# A tail whose next terms are smaller is spent.
_NEGLIGIBLE = 1e-12

_GOLDEN = 0.6180339887

Ratio = Callable[[Numbers], Numbers]


def binomial(u: Numbers, key: Key, n: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Draw Binomial(n, p). ``q`` is 1 - p, given apart so that neither loses its digits."""
    wide = n * p * q > _WIDE
    narrow = narrow_binomial(jnp.where(wide, 0.0, u), n, p, q)

    # Laws that are not wide are not for rejection: theirs are replaced by one that is.
    law = (jnp.where(wide, part, other) for part, other in ((n, 1e5), (p, 0.5), (q, 0.5)))
    return when(wide, rejection.binomial, narrow, key, *law)


def narrow_binomial(u: Numbers, n: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Draw Binomial(n, p) of a small deviation, by ``u`` alone, counting the rarer outcome."""
    few, many = jnp.minimum(p, q), jnp.maximum(p, q)
    mean, odds = n * few, few / many
    low = mean < _LOW
    start = jnp.where(low, 0.0, jnp.floor(mean))
    count, whole = jnp.where(low, _LOW, start), jnp.where(low, 2.0 * _LOW, n)
    found = _outwards(
        u,
        start,
        jnp.where(low, n * jnp.log1p(-few), log_binomial(count, whole, few, many)),
        lambda x: (n - x) * odds / (x + 1.0),
        lambda x: x / ((n - x + 1.0) * odds),
    )
    return jnp.where(p > q, n - found, found)


def poisson(u: Numbers, mean: Numbers) -> Numbers:
    """Draw Poisson(mean), by ``u`` alone."""
    many = mean > _MANY
    few = jnp.where(many, 0.0, mean)
    found = _outwards(
        jnp.where(many, 0.0, u),
        jnp.zeros_like(few),
        -few,
        lambda x: few / (x + 1.0),
        lambda x: x / few,
    )
    return jnp.where(many, _poisson_of_many(u, jnp.where(many, mean, _MANY)), found)


def _poisson_of_many(u: Numbers, mean: Numbers) -> Numbers:
    """Invert the Poisson law by its asymptotic expansion, the number's error below 0.001.

    Giles 2016, ACM Trans. Math. Softw. 42:7, eq. 6.
    """
    w, root = normal(u), jnp.sqrt(mean)
    shift = (2.0 + w**2) / 6.0 - w * (2.0 + w**2) / (72.0 * root)
    shift = shift + (w**2 * (3.0 * w**2 + 7.0) - 16.0) / (810.0 * mean)
    return jnp.maximum(jnp.floor(mean + root * w + shift), 0.0)


def negative_binomial(u: Numbers, key: Key, k: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Draw the failures before the k-th success (k >= 1), success ``p``, failure ``q`` = 1 - p.

    A wide law is drawn as Poisson with a gamma distributed mean.
    """
    p = jnp.maximum(p, _TINY)
    wide = k * q > _LESS_WIDE * p**2
    narrow = _narrow_negative_binomial(jnp.where(wide, 0.0, u), k, p, q)

    def mixture(key: Key, k: Numbers, odds: Numbers) -> Numbers:
        v, _ = uniforms(key, 1, 0, k.dtype)
        return poisson(v, rejection.gamma(fold(key, 0, 0), k) * odds)

    return when(wide, mixture, narrow, key, k, jnp.where(wide, q / p, 1.0))


def _narrow_negative_binomial(u: Numbers, k: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Draw it by ``u`` alone. x failures are k / (k + x) times as likely as x of k + x trials."""
    mode = jnp.floor((k - 1.0) * q / p)
    low = jnp.minimum(k, mode) < _LOW
    start = jnp.where(low, 0.0, mode)
    count, whole = jnp.where(low, _LOW, start), jnp.where(low, 2.0 * _LOW, k + start)
    log_start = log_binomial(count, whole, q, p) - jnp.log1p(start / k)
    return _outwards(
        u,
        start,
        jnp.where(low, k * jnp.log1p(-q), log_start),
        lambda x: (k + x) * q / (x + 1.0),
        lambda x: x / ((k + x - 1.0) * q),
    )


def _outwards(u: Numbers, start: Numbers, log_start: Numbers, up: Ratio, down: Ratio) -> Numbers:
    """Invert a unimodal law on 0, 1, …, spending ``u`` on a count and then on both its sides.

    ``up(x)`` and ``down(x)`` are p(x + 1) / p(x) and p(x - 1) / p(x).
    """
    at_start = jnp.exp(log_start)

    def unspent(carry: tuple[Numbers, ...]) -> Flags:
        left, _, _, p_low, p_high, _ = carry
        return (left > 0.0) & (p_low + p_high > _NEGLIGIBLE)

    def search(carry: tuple[Numbers, ...]) -> tuple[Numbers, ...]:
        left, low, high, p_low, p_high, found = carry
        p_high = p_high * up(high)
        p_low = jnp.where(low > 0.0, p_low * down(low), 0.0)
        high, low = high + 1.0, low - 1.0
        after_high = left - p_high
        found = jnp.where(after_high <= 0.0, high, low)
        left = after_high - jnp.where(after_high <= 0.0, 0.0, p_low)
        return left, low, high, p_low, p_high, found

    def spend(u: Numbers, at_start: Numbers, start: Numbers) -> tuple[Numbers, Numbers]:
        begin = (u - at_start, start, start, at_start, at_start, start)
        left, *_, found = jax.lax.while_loop(unspent, search, begin)
        return left, found

    left, found = spend(u, at_start, start)
    # Rounding may leave the last few values of u unspent (5e-7 of them in float32). Multiples of
    # the golden ratio are spread evenly, and are spent once more.
    again = left / jnp.finfo(u.dtype).eps * _GOLDEN
    again = again - jnp.floor(again)
    return when(left > 0.0, lambda *law: spend(*law)[1], found, again, at_start, start)
