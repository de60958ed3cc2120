"""What the tumour does in one step: the state, and what a method must return."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import Cubic
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key


class Tumour(NamedTuple):
    """The tumour of one patient: the log of its cells (0 once extinct)."""

    log_cells: Array
    extinct: Array


class TumourStep(NamedTuple):
    """The tumour over one step: its path, and where in the step its last cell died."""

    path: Cubic
    extinct: Array
    extinct_fraction: Array

    @property
    def after(self) -> Tumour:
        """The tumour at the end of the step."""
        return Tumour(self.path.end, self.extinct)


TumourMethod: TypeAlias = Callable[[Passage, Tumour, Array, Key, Array], TumourStep]
"""``step(passage, tumour, threshold, key, index)``: threshold in cells, index of the step."""


class Entry(NamedTuple):
    """Where a patient's tumour is stochastic in this step, from which fraction, how many cells."""

    stochastic: Array
    fraction: Array
    cells: Array


def enter(path: Cubic, tumour: Tumour, threshold: Array) -> Entry:
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


def settle(path: Cubic, log_end: Array, died: Array, fraction: Array) -> TumourStep:
    """Return the step of a stochastic tumour that ends at ``log_end``, or died at ``fraction``."""
    end = jnp.where(died, 0.0, log_end)
    rise = end - path.start
    jump = Cubic(path.start, end, rise, rise)
    return TumourStep(jump, died, jnp.where(died, fraction, jnp.inf))


def undisturbed(path: Cubic, tumour: Tumour) -> TumourStep:
    """Return the step of a tumour that follows its mean; an extinct one stays so."""
    still = Cubic(*(jnp.where(tumour.extinct, 0.0, value) for value in path))
    return TumourStep(still, tumour.extinct, jnp.full_like(path.start, jnp.inf))
