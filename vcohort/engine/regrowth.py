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
from jax import Array

from vcohort.control import when
from vcohort.engine import rejection, sampling
from vcohort.engine.hazard import log_lambda
from vcohort.engine.random import Key, fold, normal, uniforms

# Above this mean a Poisson number is normal, and so, to within 0.02 days of regrowth, is a sum of
# lineages.
_MANY = 1024.0

# From here on a binomial number with a mean of at most _MANY is a Poisson number.
_POISSON = 4096.0

# Larger tumours have no fractions of a cell to round, in float32.
_LOG_COUNTED = 16.0

_CURE, _OTHERS, _SIZES, _COUNTS = 0, 1, 2, 3


class End(NamedTuple):
    """The end of a course, as far as it is not random, and its draw E.

    ``hazard``: Lambda. ``mean``: expected lineages. ``log_survival``: ln s. ``log_single``: ln p.
    """

    log_start: Array
    draw: Array
    hazard: Array
    mean: Array
    log_survival: Array
    log_single: Array


def exponential(key: Key, course: Array, dtype: jnp.dtype) -> Array:
    """Draw E of one patient for a course."""
    first, _ = uniforms(key, _CURE, course, dtype)
    return -jnp.log(first)


def end_of(w: Array, log_tumour: Array, log_start: Array, draw: Array) -> End:
    """Return the end of a course, from W and the deterministic tumour there."""
    log_j = jnp.log(jnp.maximum(w, jnp.finfo(w.dtype).tiny)) + log_start
    log_survival = -jax.nn.softplus(log_j)
    log_single = jnp.minimum(log_start - log_tumour + log_survival, 0.0)
    mean = jnp.exp(log_start + log_survival)
    return End(log_start, draw, jnp.exp(log_lambda(w, log_start)), mean, log_survival, log_single)


def log_factor(key: Key, course: Array, end: End, alive: Array) -> Array:
    """Draw ln(B / deterministic B) of one patient, whose tumour is large by now."""
    u, w = uniforms(key, _OTHERS, course, end.draw.dtype)

    def few(key: Key, course: Array, u: Array, end: End) -> Array:
        sizes = rejection.log_gamma(fold(key, _SIZES, course), _lineages(u, end))
        return sizes - (end.log_start + end.log_survival)

    needed = alive & (end.mean <= _MANY)
    return when(needed, few, _spread(end, w), key, course, u, end)


def log_cells(key: Key, course: Array, end: End, alive: Array) -> Array:
    """Draw ln B of one patient: of a whole number of cells, 1 or more."""
    u, w = uniforms(key, _OTHERS, course, end.draw.dtype)
    many = end.log_start + end.log_survival - end.log_single + _spread(end, w)

    def few(key: Key, course: Array, u: Array, end: End) -> Array:
        lineages = _lineages(u, end)
        sizes = rejection.log_gamma(fold(key, _SIZES, course), lineages) - end.log_single
        return _log_count(key, course, end, lineages, sizes)

    found = when(alive & (end.mean <= _MANY), few, many, key, course, u, end)
    counted = jnp.maximum(jnp.round(jnp.exp(jnp.minimum(found, _LOG_COUNTED))), 1.0)
    return jnp.where(found < _LOG_COUNTED, jnp.log(counted), found)


def _log_count(key: Key, course: Array, end: End, lineages: Array, sizes: Array) -> Array:
    """Draw the log of a sum of geometric numbers, whose exponential limit has the log ``sizes``.

    Each is 1 and a Poisson number, its mean Gamma distributed: that of the limit times 1 - p.
    """
    u, _ = uniforms(key, _COUNTS, course, sizes.dtype)
    mean = jnp.exp(jnp.minimum(sizes, _LOG_COUNTED)) * -jnp.expm1(end.log_single)
    more = sampling.poisson(u, mean)
    return jnp.where(sizes < _LOG_COUNTED, jnp.log(lineages + more), sizes)


def _lineages(u: Array, end: End) -> Array:
    """Draw the number of lineages, given that one survives."""
    start = jnp.exp(end.log_start)
    rest = jnp.maximum(end.hazard - end.draw, 0.0)
    few_cells = start <= _POISSON

    def of_few(u: Array, start: Array, rest: Array) -> Array:
        each, others = rest / start, jnp.round(start) - 1.0
        return sampling.narrow_binomial(u, others, -jnp.expm1(-each), jnp.exp(-each))

    of_many = sampling.poisson(u, jnp.where(few_cells, 0.0, rest))
    law = jnp.where(few_cells, start, 1.0), jnp.where(few_cells, rest, 0.0)
    return 1.0 + when(few_cells, of_few, of_many, u, *law)


def _spread(end: End, w: Array) -> Array:
    """Draw the relative deviation of a sum of many lineages: their number's and their sizes'."""
    survival, single = jnp.exp(end.log_survival), jnp.exp(end.log_single)
    variance = (2.0 - survival - single) / end.mean
    return jnp.sqrt(variance) * normal(w)
