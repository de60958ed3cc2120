"""What may happen to small clones, event by event: proposed at a bound, and thinned."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.endpoints import Cubic
from vcohort.engine.chance.random import Key, uniforms
from vcohort.engine.integrator.clones import CloneRates
from vcohort.engine.methods.clones import Source

# exp of this is finite in float32.
_LARGEST_LOG = 80.0


class Clock(NamedTuple):
    """Small clones' cells at a fraction of the step, after ``events`` proposals."""

    cells: dict[str, Number]
    fraction: Number
    reached: Number
    events: Counter


class Hazards(NamedTuple):
    """Rates of all events from a fraction ``now`` of the step on, and what they never exceed.

    ``bounds``: of a clone's own events, per cell and day. ``inflows``: mutants that large clones
    bear, ``most_inflow`` so many a day, by (parent, child).
    """

    rates: CloneRates
    large: dict[str, Flag]
    now: Number
    bounds: dict[str, Number]
    inflows: dict[tuple[str, str], Source]
    most_inflow: dict[tuple[str, str], Number]

    @classmethod
    def of(
        cls, rates: CloneRates, large: dict[str, Flag], paths: dict[str, Cubic], now: Number
    ) -> Hazards:
        """Return what may happen, some clones being large and on their paths."""
        nothing, one = jnp.zeros_like(now), jnp.ones_like(now)
        bounds = {
            name: own.birth.largest() + own.death.largest()
            + sum((each.largest() for (parent, _), each in rates.mutation.items()
                   if parent == name), nothing)
            for name, own in rates.own.items()
        }  # fmt: skip
        inflows = {
            pair: Source(paths[pair[0]], each.between(now, one))
            for pair, each in rates.mutation.items()
        }
        most_inflow = {
            (parent, child): jnp.where(
                large[parent] & ~large[child],
                rates.mutation[parent, child].largest() * _largest(source.log_cells),
                0.0,
            )
            for (parent, child), source in inflows.items()
        }
        return cls(rates, large, now, bounds, inflows, most_inflow)

    def bound(self, cells: dict[str, Number]) -> Number:
        """Return a number of events per day that is not exceeded."""
        nothing = jnp.zeros_like(self.now)
        own = sum((cells[name] * self.bounds[name] for name in self.rates.own), nothing)
        return own + sum(self.most_inflow.values(), nothing)

    def happenings(
        self, cells: dict[str, Number], moment: Number
    ) -> Iterator[tuple[Number, str, float]]:
        """Return what may happen at a moment: its rate per day, whose number it changes, how."""
        for name, own in self.rates.own.items():
            yield cells[name] * own.birth.at(moment), name, 1.0
            yield cells[name] * own.death.at(moment), name, -1.0
        for (parent, child), rate in self.rates.mutation.items():
            # A clone that is large does not feel a single cell.
            small = jnp.where(self.large[child], 0.0, 1.0)
            yield small * cells[parent] * rate.at(moment), child, 1.0
        passed = share_of_rest(self.now, moment)
        for pair, source in self.inflows.items():
            borne = jnp.where(self.most_inflow[pair] > 0.0, source.at(passed), 0.0)
            yield borne, pair[1], 1.0

    def propose(self, key: Key, clock: Clock, stop: Number) -> tuple[Number, dict[str, Number]]:
        """Return the next moment, ``stop`` at the latest, and the cells then."""
        first, second = uniforms(key, clock.events, 1, self.now.dtype)
        days = next(iter(self.rates.own.values())).days
        bound = self.bound(clock.cells)
        moment = clock.fraction - jnp.log(first) / (bound * days)
        happens = moment < stop
        moment = jnp.minimum(moment, stop)
        mark, before = second * bound, jnp.zeros_like(bound)
        cells = dict(clock.cells)
        for rate, name, change in self.happenings(clock.cells, moment):
            upto = before + jnp.maximum(rate, 0.0)
            hit = happens & (mark >= before) & (mark < upto)
            cells[name] = cells[name] + jnp.where(hit, change, 0.0)
            before = upto
        return moment, cells


def share_of_rest(now: Number, moment: Number) -> Number:
    """Return which share of what is left of the step has passed at a moment."""
    return (moment - now) / jnp.maximum(1.0 - now, jnp.finfo(now.dtype).tiny)


def any_of(flags: dict[str, Flag]) -> Flag:
    """Whether any is true."""
    return reduce(or_, flags.values())


def _largest(log_cells: Cubic) -> Number:
    return jnp.exp(jnp.minimum(log_cells.at(log_cells.extremum(-1.0)), _LARGEST_LOG))
