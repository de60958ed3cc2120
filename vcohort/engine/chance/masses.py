"""Logs of probabilities of counts, without differences of large numbers.

ln Gamma of a million is a million times what float32 can tell apart. Written with the deviance
and with Stirling's error, every term is about as large as the result (Loader 2000, "Fast and
accurate computation of binomial probabilities").
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax.scipy.special import gammaln, xlog1py, xlogy

from vcohort.arrays import Numbers

COUNTED = 7.0
"""Counts from which ``log_binomial`` is right, to 1e-10."""

# Below this relative distance the series of the deviance is exact to 1e-9.
_NEAR = 0.03


def log_binomial(count: Numbers, n: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Return ln P(count) of Binomial(n, p), q = 1 - p, where both outcomes are COUNTED or more.

    ``p`` is to be the smaller one: the distance from the mean is n times as wrong as it.
    """
    return _log_binomial(count, n, p, q, _stirling_error)


def log_binomial_of_any(count: Numbers, n: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Return ln P(count) of Binomial(n, p), q = 1 - p, for every count of 0 … n; n is 1 or more."""
    rarer = p <= q
    few, many = jnp.minimum(p, q), jnp.maximum(p, q)
    count = jnp.where(rarer, count, n - count)
    inner = (count > 0.0) & (count < n)
    shown, of = jnp.where(inner, count, 1.0), jnp.where(inner, n, 2.0)
    found = _log_binomial(shown, of, few, many, _any_stirling_error)
    found = jnp.where(few > 0.0, found, -jnp.inf)
    return jnp.where(inner, found, xlogy(count, few) + xlog1py(n - count, -few))


def _log_binomial(
    count: Numbers, n: Numbers, p: Numbers, q: Numbers, stirling_error: Callable[[Numbers], Numbers]
) -> Numbers:
    rest, mean = n - count, n * p
    distance = count - mean
    errors = stirling_error(n) - stirling_error(count) - stirling_error(rest)
    deviances = _deviance(distance, mean) + _deviance(-distance, n * q)
    return errors - deviances - 0.5 * jnp.log(2.0 * jnp.pi * count * (rest / n))


def _stirling_error(count: Numbers) -> Numbers:
    """Return ln(count!) less Stirling's formula for it."""
    inverse = 1.0 / count
    square = inverse**2
    return inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))


def _any_stirling_error(count: Numbers) -> Numbers:
    """Return the same of any count from 1 on: while it is small, nothing is lost."""
    small = jnp.minimum(count, COUNTED)
    formula = (small + 0.5) * jnp.log(small) - small + 0.5 * jnp.log(2.0 * jnp.pi)
    return jnp.where(count < COUNTED, gammaln(small + 1.0) - formula, _stirling_error(count))


def _deviance(distance: Numbers, mean: Numbers) -> Numbers:
    """Return count ln(count / mean) + mean - count, for a count at a distance from the mean."""
    x = distance / mean
    near = x**2 * (0.5 - x * (1 / 6 - x * (1 / 12 - x * (1 / 20 - x / 30))))
    far = (1.0 + x) * jnp.log1p(x) - x
    return mean * jnp.where(jnp.abs(x) < _NEAR, near, far)
