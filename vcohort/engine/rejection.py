"""Samples by rejection, for laws too wide to be searched; one patient.

Proposals come from a key and the number of the turn. Logs of probabilities are written with the
deviance (Loader 2000, "Fast and accurate computation of binomial probabilities"), which in
float32 keeps the digits that differences of ln Gamma lose.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.random import Key, normal, uniforms

_TINY = 1e-30

# Below this relative distance the series of the deviance is exact to 1e-9.
_NEAR = 0.03

_TURNS = 1000

# A proposal: its value, and whether it is accepted.
Proposal = Callable[[Array, Array], tuple[Array, Array]]


def log_gamma(key: Key, shape: Array) -> Array:
    """Draw the log of a Gamma number of a shape of 1 or more and scale 1.

    Marsaglia & Tsang 2000, ACM Trans. Math. Softw. 26:363; nearly every proposal is accepted.
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / (3.0 * jnp.sqrt(d))

    def propose(u: Array, w: Array) -> tuple[Array, Array]:
        x = normal(w)
        v = jnp.maximum(1.0 + c * x, _TINY) ** 3
        accepted = jnp.log(u) < 0.5 * x**2 + d - d * v + d * jnp.log(v)
        return jnp.log(d * v), accepted

    return _first_accepted(key, propose, shape)


def binomial(key: Key, n: Array, p: Array, q: Array) -> Array:
    """Draw Binomial(n, p), q = 1 - p, for a variance of 1000 or more.

    Transformed rejection: Hörmann 1993, J. Stat. Comput. Simul. 46:101.
    """
    few, many = jnp.minimum(p, q), jnp.maximum(p, q)
    deviation = jnp.sqrt(n * few * many)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * few
    scale = (2.83 + 5.1 / b) * deviation
    mode = jnp.floor((n + 1.0) * few)

    def log_p(count: Array) -> Array:
        rest = n - count
        return (
            -_deviance(count, n * few)
            - _deviance(rest, n * many)
            - 0.5 * (jnp.log(count) + jnp.log(rest))
        )

    at_mode = log_p(mode)

    def propose(u: Array, v: Array) -> tuple[Array, Array]:
        count, log_hat = _transform(u, a, b, n * few + 0.5)
        possible = (count >= 0.0) & (count <= n)
        ratio = log_p(jnp.clip(count, 1.0, n - 1.0)) - at_mode
        return count, possible & (jnp.log(v * scale) + log_hat <= ratio)

    found = _first_accepted(key, propose, n)
    return jnp.where(p > q, n - found, found)


def _transform(u: Array, a: Array, b: Array, centre: Array) -> tuple[Array, Array]:
    """Return a proposed count, and minus the log of the hat's height there."""
    u = u - 0.5
    room = 0.5 - jnp.abs(u)
    return jnp.floor((2.0 * a / room + b) * u + centre), -jnp.log(a / room**2 + b)


def _deviance(count: Array, mean: Array) -> Array:
    """Return count ln(count / mean) + mean - count."""
    x = (count - mean) / mean
    near = x**2 * (0.5 - x * (1 / 6 - x * (1 / 12 - x * (1 / 20 - x / 30))))
    far = (1.0 + x) * jnp.log1p(x) - x
    return mean * jnp.where(jnp.abs(x) < _NEAR, near, far)


def _first_accepted(key: Key, propose: Proposal, like: Array) -> Array:
    """Return the first proposal that is accepted, from turn 0 on."""

    def turn(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        number, _, _ = carry
        value, accepted = propose(*uniforms(key, number, 0, like.dtype))
        return number + 1, value, accepted

    start = (jnp.uint32(0), jnp.zeros_like(like), jnp.asarray(False))
    # Nine in ten are accepted; a law of NaN never is.
    return jax.lax.while_loop(lambda carry: ~carry[2] & (carry[0] < _TURNS), turn, start)[1]
