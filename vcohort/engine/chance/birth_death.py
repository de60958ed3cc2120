"""The linear birth-death process, exactly (Kendall 1948, Ann. Math. Stat. 19:1).

Over a span of time in which a cell is born at rate lambda(t) and dies at rate mu(t),
all that matters of the rates is

    rho = int (mu - lambda) dt      and      J = int mu e^rho dt.

One cell's lineage is extinct with probability J / (1 + J); a surviving lineage counts
1, 2, … cells, geometric with success probability e^rho / (1 + J). Lineages are
independent, so n cells become NegBinomial on top of Binomial(n, 1 / (1 + J)).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike

from vcohort.arrays import Counters, Numbers
from vcohort.engine.chance import sampling
from vcohort.engine.chance.masses import log_binomial_of_any
from vcohort.engine.chance.random import Key, fold, seed_key, uniforms
from vcohort.errors import VcohortError
from vcohort.given import floats, whole


class Lineage(NamedTuple):
    """What becomes of one cell's lineage over a span of time."""

    fall: Numbers
    """rho: the fall of the log of the mean number of cells."""
    log_j: Numbers
    """ln J: the log odds of extinction of one lineage."""

    @property
    def extinct(self) -> Numbers:
        """Probability that the lineage is extinct, J / (1 + J)."""
        return jax.nn.sigmoid(self.log_j)

    @property
    def survives(self) -> Numbers:
        """Probability that the lineage survives, 1 / (1 + J)."""
        return jax.nn.sigmoid(-self.log_j)

    @property
    def single(self) -> Numbers:
        """Probability that a surviving lineage counts one cell, e^rho / (1 + J)."""
        return jnp.exp(self._log_single)

    @property
    def several(self) -> Numbers:
        """Probability that a surviving lineage counts more than one cell, to its last digits."""
        return -jnp.expm1(self._log_single)

    @property
    def mean(self) -> Numbers:
        """Mean number of cells, e^-rho."""
        return jnp.exp(-self.fall)

    @property
    def variance(self) -> Numbers:
        """Variance of the number of cells, e^-rho ((1 + 2 J) e^-rho - 1)."""
        return self.mean * (jnp.expm1(-self.fall) + 2.0 * self.mean * jnp.exp(self.log_j))

    @property
    def _log_single(self) -> Numbers:
        return jnp.minimum(self.fall - jax.nn.softplus(self.log_j), 0.0)


def constant_rates(birth: ArrayLike, death: ArrayLike, days: ArrayLike) -> Lineage:
    """Return the lineage under constant rates (per day) over ``days``; arrays broadcast."""
    given = {"birth": birth, "death": death, "days": days}
    birth, death, days = (_number(name, value) for name, value in given.items())
    fall = (death - birth) * days
    small = jnp.abs(fall) < 1e-4
    safe = jnp.where(small, 1.0, fall)
    # (e^rho - 1) / rho without loss where lambda = mu, without overflow where rho is large.
    log_factor = jnp.where(
        small, 0.5 * fall, jnp.maximum(fall, 0.0) + jnp.log(-jnp.expm1(-jnp.abs(safe)))
        - jnp.log(jnp.abs(safe)),
    )  # fmt: skip
    return Lineage(fall, jnp.log(death * days) + log_factor)


def _number(name: str, value: ArrayLike) -> Numbers:
    """Return numbers, at least 0, in JAX's precision; what is traced cannot be looked at."""
    if isinstance(value, Tracer):
        return jnp.asarray(value, jnp.result_type(float))
    given = floats(name, value)
    if not (np.isfinite(given) & (given >= 0.0)).all():
        raise VcohortError(f"{name} = {value} is impossible: it must be a number, at least 0.")
    return jnp.asarray(given, jnp.result_type(float))


def extinction_probability(cells: ArrayLike, lineage: Lineage) -> Numbers:
    """Return the probability that all ``cells`` lineages are extinct, (J / (1 + J))^n."""
    return jnp.exp(-_number("cells", cells) * jax.nn.softplus(-lineage.log_j))


def log_transition(start: int, end: ArrayLike, lineage: Lineage) -> Numbers:
    """Return ln P(n' = end | n = start): the sum over the number k of surviving lineages.

    ``start``: whole number of cells. ``end``: array (m,) of whole numbers. ``lineage``: of
    scalars. Memory is start * m.
    """
    n = jnp.asarray(float(whole("start", start)))
    k = jnp.arange(1.0, start + 1.0)[:, None]
    m = _number("end", end)[None, :]
    possible = m >= k
    cells = jnp.where(possible, m, k)
    survivors = log_binomial_of_any(k, n, lineage.survives, lineage.extinct)
    # k lineages of m cells: a share k / m of k successes in m trials, of which one is the last.
    sizes = log_binomial_of_any(k, cells, lineage.single, lineage.several) + jnp.log(k / cells)
    alive = logsumexp(jnp.where(possible, survivors + sizes, -jnp.inf), axis=0)
    extinct = -n * jax.nn.softplus(-lineage.log_j)
    return jnp.where(m[0] == 0.0, extinct, alive)


def sample(
    key: Key, counter: Counters, cells: Numbers, lineage: Lineage
) -> tuple[Numbers, Numbers]:
    """Draw the number of cells after the span, for one patient; also a spare uniform number.

    The spare is fresh where the result is 0. Draws depend on (key, counter) alone.
    """
    dtype = cells.dtype
    first, second = uniforms(key, counter, 0, dtype)
    survivors = sampling.binomial(
        first, fold(key, counter, 1), cells, lineage.survives, lineage.extinct
    )
    more = sampling.negative_binomial(
        jnp.where(survivors > 0.0, second, 0.0),
        fold(key, counter, 2),
        jnp.maximum(survivors, 1.0),
        lineage.single,
        lineage.several,
    )
    return jnp.where(survivors > 0.0, survivors + more, 0.0), second


def draw(seed: int, cells: ArrayLike, lineage: Lineage) -> Numbers:
    """Draw the number of cells (n,) after the span, from ``cells`` (n,), each on its own.

    ``lineage`` broadcasts against ``cells``. Draw i depends on (seed, i) alone. float32 holds whole
    numbers up to 1.6e7: larger counts are rounded, and up to 1e9 cells the law is within 0.001 of
    the exact one (the distance of Kolmogorov & Smirnov).

    :raises VcohortError: for a seed, or numbers of cells, that are not whole, or below 0.
    """
    if not isinstance(cells, Tracer):
        _check_whole(floats("cells", cells))
    start = _number("cells", cells)
    each = Lineage(*(jnp.broadcast_to(part, start.shape).astype(start.dtype) for part in lineage))
    index = jnp.arange(start.size, dtype=jnp.uint32)
    keys = fold(seed_key(whole("seed", seed), "birth-death"), jnp.zeros_like(index), index)
    return _draw_each(keys, jnp.uint32(0), start, each)[0]


def _check_whole(cells: np.ndarray) -> None:
    wrong = cells[~(np.isfinite(cells) & (cells >= 0.0) & (cells == np.round(cells)))]
    if wrong.size:
        raise VcohortError(
            f"draw from {wrong[0]:g} cells is impossible: it must be a whole number, 0 or more. "
            "Round them: np.round(cells)."
        )


_draw_each = jax.jit(jax.vmap(sample, (0, None, 0, 0)))
