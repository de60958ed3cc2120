"""A compartment that others feed, over one step, in numbers of cells: it may be empty."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.engine.integrator.exponential import Exponential


class Fed(NamedTuple):
    """Its number, by the net rate per cell at the start of the step and what remains."""

    number: Exponential

    @classmethod
    def of(cls, number: Number, growth: Number, days: Number) -> Fed:
        """Return the compartment at the start of a step of so many ``days``."""
        return cls(Exponential.of(number, growth, days))

    def source(self, inflow: Number, growth: Number, number: Number) -> Number:
        """Return what the exact part leaves of the slope, per day."""
        return inflow + (growth - self.number.rate) * number

    def in_the_middle(self, source: Number) -> Number:
        """Return the number half a step on."""
        return self.number.in_the_middle(source)

    def at_the_end(self, middle: Number, first: Number, third: Number) -> Number:
        """Return the number for the last stage."""
        # Where hardly a cell is left and all decays, an extrapolated source may be below nothing.
        return jnp.maximum(self.number.at_the_end(middle, first, third), 0.0)

    def after(self, first: Number, second: Number, third: Number, fourth: Number) -> Number:
        """Return the number at the end of the step."""
        return jnp.maximum(self.number.after(first, second, third, fourth), 0.0)
