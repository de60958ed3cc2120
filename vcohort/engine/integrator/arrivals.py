"""What others hand over to a compartment that grows by itself, over one step.

Its log is its own path x plus the log of 1 + int inflow e^-x dt. Late, few effectors are held up by
what memory cells become, and follow them within days, however long the step: a relaxation of the
log, but a linear equation in numbers. So growth at the start of the step is solved exactly, and so
is the ``drift`` of the inflow, the rate at which its givers dwindle: the integral is that of
y' = (growth - drift) y + inflow e^(growth t - drift t - x), and e^(drift t) y those who arrived.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.engine.integrator.exponential import Exponential

# Of fewer cells than e^-30 none has been there for long, and float32 still counts in their units.
_LEAST_LOG = -30.0


class Arrivals(NamedTuple):
    """Those who arrived since the start of a step, in units of who was there.

    ``added``: the equation of y.
    """

    each: Number
    added: Exponential

    @classmethod
    def of(cls, log_cells: Number, growth: Number, drift: Number, days: Number) -> Arrivals:
        """Return that nobody has arrived yet."""
        return cls(
            per_cell(log_cells), Exponential.of(jnp.zeros_like(log_cells), growth - drift, days)
        )

    def source(self, inflow: Number, rise: Number, passed: Number) -> Number:
        """Return what is added to y per day; ``rise``: of the own path, in the days that passed."""
        return inflow * self.each * jnp.exp(self.added.rate * passed - rise)

    def gain(self, number: Number, passed: Number) -> Number:
        """Return by how much those of a y have raised the log."""
        some = jnp.maximum(number, jnp.finfo(number.dtype).tiny)
        return jnp.logaddexp(0.0, jnp.log(some) - self.added.rate * passed)


def per_cell(log_cells: Number) -> Number:
    """Return what one cell that arrives is to who is there."""
    return jnp.exp(-jnp.maximum(log_cells, _LEAST_LOG))
