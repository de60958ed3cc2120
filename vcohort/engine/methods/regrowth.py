"""How many tumour cells there are after a course that did not end in cure.

From n cells, each lineage survives with probability s = 1 / (1 + J) and then counts a
geometric number of cells, mean 1 / p (``birth_death``). The exponential number E that
decides on cure is the time, on the scale of Lambda, of the last lineage's extinction: given
that Lambda > E, that lineage survives, and each other one with probability
1 - exp(-(Lambda - E) / n) (Kendall 1948; the theory page derives it).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.branches import when
from vcohort.engine.chance import rejection, sampling
from vcohort.engine.chance.random import Key, fold, uniforms
from vcohort.engine.integrator.path_state import log_lambda

# Chance moves the ninth digit of e^40 lineages: more are as many as expected. A lineage of more
# than e^40 cells is drawn as one of so many, and scaled: float32 holds e^88.
_MANY_LOG, _LARGEST_LOG = 40.0, 88.0

_CURE, _COUNTS, _LINEAGES, _SIZES = 0, 1, 2, 3


class End(NamedTuple):
    """The end of a course, as far as it is not random, and its draw E.

    ``cure_integral``: Lambda. ``log_survival``: ln s. ``log_single``: ln p.
    """

    log_start: Number
    draw: Number
    cure_integral: Number
    log_survival: Number
    log_single: Number


def exponential(key: Key, course: Counter, dtype: jnp.dtype) -> Number:
    """Draw E of one patient for a course."""
    first, _ = uniforms(key, _CURE, course, dtype)
    return -jnp.log(first)


def end_of(w: Number, log_tumour: Number, log_start: Number, draw: Number) -> End:
    """Return the end of a course, from W and the deterministic tumour there."""
    log_j = jnp.log(jnp.maximum(w, jnp.finfo(w.dtype).tiny)) + log_start
    log_survival = -jax.nn.softplus(log_j)
    log_single = jnp.minimum(log_start - log_tumour + log_survival, 0.0)
    return End(log_start, draw, jnp.exp(log_lambda(w, log_start)), log_survival, log_single)


def log_factor(key: Key, course: Counter, end: End, alive: Flag) -> Number:
    """Draw ln(B / deterministic B) of one patient."""
    return log_cells(key, course, end, alive) - (_log_mean(end) - end.log_single)


def log_cells(key: Key, course: Counter, end: End, alive: Flag) -> Number:
    """Draw ln B of one patient: of a whole number of cells, 1 or more."""
    log_lineages = _log_mean(end)
    by_chance = alive & (log_lineages < _MANY_LOG)
    return when(by_chance, _log_sum, log_lineages - end.log_single, key, course, end)


def _log_mean(end: End) -> Number:
    """Return the log of the expected number of lineages."""
    return end.log_start + end.log_survival


def _log_sum(key: Key, course: Counter, end: End) -> Number:
    """Draw the log of a sum of geometric numbers, one for each lineage.

    Each is 1 and a Poisson number, whose mean is exponential: (1 - p) / p on average.
    """
    u, v = uniforms(key, _COUNTS, course, end.log_start.dtype)
    lineages = _lineages(u, fold(key, _LINEAGES, course), end)
    log_single = jnp.maximum(end.log_single, -_MANY_LOG)
    mean = rejection.gamma(fold(key, _SIZES, course), lineages) * jnp.expm1(-log_single)
    return jnp.log(lineages + sampling.poisson(v, mean)) + (log_single - end.log_single)


def _lineages(u: Number, key: Key, end: End) -> Number:
    """Draw the number of lineages, given that one survives."""
    start = jnp.round(jnp.exp(jnp.minimum(end.log_start, _LARGEST_LOG)))
    each = jnp.maximum(end.cure_integral - end.draw, 0.0) / start
    return 1.0 + sampling.binomial(u, key, start - 1.0, -jnp.expm1(-each), jnp.exp(-each))
