"""Samples by rejection, for laws too wide to be searched; one patient.

Proposals come from a key and the number of the turn.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from vcohort.arrays import Counters, Flags, Numbers
from vcohort.engine.chance.masses import COUNTED, log_binomial
from vcohort.engine.chance.random import Key, normal, uniforms

# Below this distance the series of what a cube leaves of ln(1 + y) is exact to 1e-9.
_NEAR = 0.1

_TURNS = 1000

# A proposal: its value, and whether it is accepted.
Proposal = Callable[[Numbers, Numbers], tuple[Numbers, Flags]]


def gamma(key: Key, shape: Numbers) -> Numbers:
    """Draw a Gamma number of a shape of 1 or more and scale 1.

    Marsaglia & Tsang 2000, ACM Trans. Math. Softw. 26:363; nearly every proposal is accepted. Their
    v is (1 + y)^3, and what they compare with ln u is written without its large parts.
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / (3.0 * jnp.sqrt(d))

    def propose(u: Numbers, w: Numbers) -> tuple[Numbers, Flags]:
        y = jnp.maximum(c * normal(w), -1.0)
        value = d + d * y * (3.0 + y * (3.0 + y))
        return value, jnp.log(u) < 3.0 * d * _log_less_cubic(y)

    return _first_accepted(key, propose, shape)


def _log_less_cubic(y: Numbers) -> Numbers:
    """Return ln(1 + y) - y + y^2 / 2 - y^3 / 3."""
    near = -(y**4) * (1 / 4 - y * (1 / 5 - y * (1 / 6 - y * (1 / 7 - y / 8))))
    far = jnp.log1p(y) - y * (1.0 - y * (1 / 2 - y / 3))
    return jnp.where(jnp.abs(y) < _NEAR, near, far)


def binomial(key: Key, n: Numbers, p: Numbers, q: Numbers) -> Numbers:
    """Draw Binomial(n, p), q = 1 - p, for a variance of 1000 or more.

    Transformed rejection: Hörmann 1993, J. Stat. Comput. Simul. 46:101.
    """
    few, many = jnp.minimum(p, q), jnp.maximum(p, q)
    deviation = jnp.sqrt(n * few * many)
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * few
    scale = (2.83 + 5.1 / b) * deviation
    at_mode = log_binomial(jnp.floor((n + 1.0) * few), n, few, many)

    def propose(u: Numbers, v: Numbers) -> tuple[Numbers, Flags]:
        count, log_hat = _transform(u, a, b, n * few + 0.5)
        possible = (count >= COUNTED) & (count <= n - COUNTED)
        ratio = log_binomial(jnp.clip(count, COUNTED, n - COUNTED), n, few, many) - at_mode
        return count, possible & (jnp.log(v * scale) + log_hat <= ratio)

    found = _first_accepted(key, propose, n)
    return jnp.where(p > q, n - found, found)


def _transform(u: Numbers, a: Numbers, b: Numbers, centre: Numbers) -> tuple[Numbers, Numbers]:
    """Return a proposed count, and minus the log of the hat's height there."""
    u = u - 0.5
    room = 0.5 - jnp.abs(u)
    return jnp.floor((2.0 * a / room + b) * u + centre), -jnp.log(a / room**2 + b)


def _first_accepted(key: Key, propose: Proposal, like: Numbers) -> Numbers:
    """Return the first proposal that is accepted, from turn 0 on."""

    def turn(carry: tuple[Counters, Numbers, Flags]) -> tuple[Counters, Numbers, Flags]:
        number, _, _ = carry
        value, accepted = propose(*uniforms(key, number, 0, like.dtype))
        return number + 1, value, accepted

    start = (jnp.uint32(0), jnp.zeros_like(like), jnp.asarray(False))
    # Nine in ten are accepted; a law of NaN never is.
    return jax.lax.while_loop(lambda carry: ~carry[2] & (carry[0] < _TURNS), turn, start)[1]
