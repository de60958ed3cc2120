"""A tumour of several clones: what a step starts from and leaves, what arises by mutation.

Each clone is left to chance by itself, while others may be large.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number, Numbers
from vcohort.branches import when
from vcohort.endpoints import Cubic, Reach
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.chance import rejection, sampling
from vcohort.engine.chance.random import Key, fold, uniforms
from vcohort.engine.integrator.clones import LOG_NONE, exponential_mean
from vcohort.engine.integrator.tumour_rates import TumourRates

# So many parts of a step in each of which mutants are born at one moment; so many lineages whose
# sizes are drawn one by one.
_MOMENTS, _SINGLY = 8, 8.0

# A lineage that counts one cell so rarely is of 1e30 cells, which float32 still holds.
_RAREST = 1e-30

_COUNT, _SIZES, _MANY = 11, 12, 13


class Clones(NamedTuple):
    """The tumour of one patient: logs of each clone's cells (0 of none), and which have none.

    ``undecided``: it has not reached its progression size yet.
    """

    logs: dict[str, Number]
    empty: dict[str, Flag]
    undecided: Flag

    @property
    def extinct(self) -> Flag:
        """Whether no cell is left."""
        return all_of(self.empty)

    @property
    def total(self) -> Number:
        """Log of all cells; 0 of none."""
        return total_of(self.logs, self.empty)


class ClonesStep(NamedTuple):
    """The tumour over one step: its path, where its last cell died, where it progressed."""

    path: Cubic
    extinct: Flag
    extinct_fraction: Number
    reach: Reach
    log_first: Cubic
    end: Clones

    def after(self, undecided: Flag) -> Clones:
        """Return the tumour at the end of the step; ``undecided``: at its start."""
        return self.end._replace(undecided=undecided & ~self.reach.reached)


def first_clones_of(logs: Mapping[str, Number]) -> Clones:
    """Return the tumour on day 0."""
    empty = {name: log <= 0.5 * LOG_NONE for name, log in logs.items()}
    held = {name: jnp.where(empty[name], 0.0, log) for name, log in logs.items()}
    some = next(iter(empty.values()))
    return Clones(held, empty, jnp.ones_like(some))


def all_of(flags: Mapping[str, Flag]) -> Flag:
    """Return whether all are true."""
    return reduce(and_, flags.values())


def total_of(logs: Mapping[str, Number], empty: Mapping[str, Flag]) -> Number:
    """Return the log of all cells; 0 of none."""
    held = (jnp.where(empty[name], LOG_NONE, log) for name, log in logs.items())
    return jnp.maximum(reduce(jnp.logaddexp, held), 0.0)


def close(
    first: str, before: Clones, end: Clones, died: Number, reached: Flag, at: Number
) -> ClonesStep:
    """Return the step of a tumour from its ends and what happened on the way.

    ``first``: the clone with the antigen, by name: JAX hands mappings back with their keys sorted.
    """
    start, after = before.total, end.total
    rise = after - start
    gone = end.extinct & ~before.extinct
    antigen = [jnp.where(each.empty[first], LOG_NONE, each.logs[first]) for each in (before, end)]
    climb = antigen[1] - antigen[0]
    return ClonesStep(
        Cubic(start, after, rise, rise),
        end.extinct,
        jnp.where(gone, jnp.minimum(died, 1.0), jnp.inf),
        Reach.on(reached, jnp.minimum(at, 1.0)),
        Cubic(antigen[0], antigen[1], climb, climb),
        end,
    )


class Source(NamedTuple):
    """Cells of another clone along a span, their log, and how many mutants each bears a day."""

    log_cells: Cubic
    rate: Quadratic

    def between(self, first: Number, last: Number) -> Source:
        """Return the part between two fractions of the span."""
        start, end = self.log_cells.at(first), self.log_cells.at(last)
        share = last - first
        slopes = (self.log_cells.slope(each) * share for each in (first, last))
        return Source(Cubic(start, end, *slopes), self.rate.between(first, last))

    def at(self, fraction: Numbers) -> Numbers:
        """Return how many mutants are born a day."""
        return self._rate_at(fraction) * self._cells_at(fraction)

    def daily(self, edges: Numbers) -> Numbers:
        """Return how many are born a day between each fraction and the next, on average.

        Cells that die fast are many where such a part begins, and few where it ends.
        """
        cells = self._cells_at(edges)
        rate = self._rate_at(0.5 * (edges[:-1] + edges[1:]))
        return rate * exponential_mean(cells[:-1], cells[1:])

    def _cells_at(self, fraction: Numbers) -> Numbers:
        return jnp.exp(jnp.minimum(self.log_cells.at(fraction), 80.0))

    def _rate_at(self, fraction: Numbers) -> Numbers:
        return jnp.maximum(self.rate.at(fraction), 0.0)


def newcomers(own: TumourRates, sources: list[Source], key: Key, index: Counter) -> Number:
    """Draw how many cells of a clone there are at the end of a span from mutants born in it.

    Mutations are a Poisson process; so are those whose lineages survive. Each surviving lineage
    counts a geometric number of cells, of its moment of birth.
    """
    if not sources:
        return jnp.zeros_like(own.days)
    dtype = own.days.dtype
    edges = jnp.arange(_MOMENTS + 1, dtype=dtype) / _MOMENTS
    moments = 0.5 * (edges[:-1] + edges[1:])
    born = sum((each.daily(edges) for each in sources), jnp.zeros_like(moments))
    born = born * (own.days / _MOMENTS)
    lineages = jax.vmap(lambda moment: own.between(moment, jnp.ones_like(moment)).lineage()[0])(
        moments
    )
    surviving = born * lineages.survives
    expected = jnp.sum(surviving)
    u, spare = uniforms(key, index, _COUNT, dtype)
    count = jnp.where(expected > 0.0, sampling.poisson(u, jnp.maximum(expected, 1e-30)), 0.0)
    mean = jnp.sum(born * lineages.mean) / jnp.maximum(expected, jnp.finfo(dtype).tiny)
    few, many = (count > 0.0) & (count <= _SINGLY), count > _SINGLY
    # A loop over patients turns for all of them: who is not meant gets a harmless number.
    one_by_one = jnp.where(few, count, 0.0)
    together = jnp.where(many, count, _SINGLY)
    shares = jnp.cumsum(surviving)
    cells = when(few, _one_by_one, count, one_by_one, shares, lineages.single, key, index)
    return when(many, _together, cells, together, mean, spare, key, index)


def _one_by_one(
    count: Number, shares: Numbers, single: Numbers, key: Key, index: Counter
) -> Number:
    """Draw the sizes of a few lineages, each of its own moment."""
    own = fold(key, index, _SIZES)

    def add(carry: tuple[Counter, Number]) -> tuple[Counter, Number]:
        number, cells = carry
        u, v = uniforms(own, number, 0, count.dtype)
        moment = jnp.minimum(jnp.sum((shares < u * shares[-1]).astype(jnp.int32)), _MOMENTS - 1)
        several = jnp.log1p(-jnp.clip(single[moment], _RAREST, 1.0 - 1e-7))
        size = 1.0 + jnp.floor(jnp.log(v) / several)
        return number + 1, cells + size

    begun = jnp.uint32(0), jnp.zeros_like(count)
    return jax.lax.while_loop(lambda carry: carry[0] < count.astype(jnp.uint32), add, begun)[1]


def _together(count: Number, mean: Number, u: Number, key: Key, index: Counter) -> Number:
    """Draw the sum of the sizes of many lineages, of one mean size."""
    more = rejection.gamma(fold(key, index, _MANY), count) * jnp.maximum(mean - 1.0, 0.0)
    return count + sampling.poisson(u, jnp.maximum(more, 1e-30))
