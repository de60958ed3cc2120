"""What the tumour does in one step: the state, and what a method must return."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.chance.random import Key
from vcohort.engine.integrator.tumour_rates import TumourRates

# A tumour whose progression size has so few cells is left to chance until it is known whether it
# reaches it: chance decides on that, whatever the threshold.
SMALL = 20_000.0


class Tumour(NamedTuple):
    """The tumour of one patient: the log of its cells (0 once extinct).

    ``undecided``: it has not reached its progression size yet.
    """

    log_cells: Number
    extinct: Flag
    undecided: Flag


class Limits(NamedTuple):
    """Sizes that mean something to one patient's tumour, in cells.

    ``threshold``: below it the tumour is stochastic. ``progression``: a whole number, and
    ``log_progression``, the log of what it is rounded up from.
    """

    threshold: Number
    progression: Number
    log_progression: Number

    @classmethod
    def of(cls, first: Number, progression: Number, threshold: Number) -> Limits:
        """Return the limits of a tumour of ``first`` cells."""
        level = progression * first
        # 1.2 times 5 cells are 6, whatever float32 makes of 1.2.
        return cls(threshold, jnp.ceil(level * (1.0 - 1e-6)), jnp.log(progression) + jnp.log(first))

    def threshold_now(self, undecided: Flag) -> Number:
        """Return the threshold, as long as the tumour is ``undecided`` or not."""
        watched = undecided & (self.progression <= SMALL)
        return jnp.where(watched, jnp.maximum(self.threshold, self.progression), self.threshold)


class TumourStep(NamedTuple):
    """The tumour over one step: its path, where its last cell died, where it progressed."""

    path: Cubic
    extinct: Flag
    extinct_fraction: Number
    reach: Reach

    @property
    def log_first(self) -> Cubic:
        """Log of the cells of the first clone: of all."""
        return self.path

    def after(self, undecided: Flag) -> Tumour:
        """Return the tumour at the end of the step; ``undecided``: at its start."""
        return Tumour(self.path.end, self.extinct, undecided & ~self.reach.reached)


TumourMethod: TypeAlias = Callable[[TumourRates, Tumour, Limits, Key, Counter], TumourStep]
"""``step(rates, tumour, limits, key, index)``: the index is that of the step."""


class Entry(NamedTuple):
    """Where a patient's tumour is stochastic in this step, from which fraction, how many cells."""

    stochastic: Flag
    fraction: Number
    cells: Number


def enter(path: Cubic, tumour: Tumour, threshold: Number) -> Entry:
    """Say which tumours are stochastic: those that start below the threshold, or fall to it.

    A tumour that falls to the threshold enters with that many cells, rounded up.
    """
    level = jnp.log(threshold)
    # A whole number of cells is stored as its log; half a cell forgives the rounding.
    starts_below = tumour.log_cells < jnp.log(threshold + 0.5)
    falls_below = ~starts_below & (path.end <= level)
    stochastic = (starts_below | falls_below) & ~tumour.extinct
    fraction = jnp.where(falls_below, path.crossing(level), 0.0)
    present = jnp.exp(jnp.where(starts_below, tumour.log_cells, 0.0))
    cells = jnp.where(falls_below, jnp.ceil(threshold), jnp.round(present))
    return Entry(stochastic, fraction, jnp.where(stochastic, cells, 1.0))


def settle(path: Cubic, log_end: Number, died: Flag, fraction: Number, reach: Reach) -> TumourStep:
    """Return the step of a stochastic tumour that ends at ``log_end``, or died at ``fraction``."""
    end = jnp.where(died, 0.0, log_end)
    rise = end - path.start
    jump = Cubic(path.start, end, rise, rise)
    return TumourStep(jump, died, jnp.where(died, fraction, jnp.inf), reach)


def undisturbed(path: Cubic, tumour: Tumour, limits: Limits) -> TumourStep:
    """Return the step of a tumour that follows its mean; an extinct one stays so."""
    still = Cubic(*(jnp.where(tumour.extinct, 0.0, value) for value in path))
    reach = Reach.of(still, limits.log_progression)
    reach = reach._replace(reached=reach.reached & ~tumour.extinct)
    return TumourStep(still, tumour.extinct, jnp.full_like(path.start, jnp.inf), reach)
