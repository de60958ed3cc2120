"""The log of a compartment that grows by itself, along one step: how far it has risen.

Whichever T cells dominate return fast to their capacity: x' = f(x) with f' near -L. This part,
x' = f(x_0) - L (x - x_0), is solved exactly.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.engine.integrator.exponential import Exponential


class Lawson(NamedTuple):
    """What remains goes by the classical method under e^(L t) (Lawson 1967).

    (SIAM J. Numer. Anal. 4:372.) It asks for no more than one exponential, and is as good as any
    where what remains dies away.
    """

    rate: Number
    slope: Number
    decay: Number
    half: Number
    whole: Number
    days: Number

    @classmethod
    def of(cls, slope: Number, rate: Number, days: Number) -> Lawson:
        """Return decay and rise of the exact part over half a step, and its rise over all of it."""
        scaled = 0.5 * days * rate
        tiny = scaled < 1e-6
        # e^-x - 1, in half the time that expm1 takes.
        slow = jnp.tanh(0.5 * scaled)
        lost = -2.0 * slow / (1.0 + slow)
        mean_decay = jnp.where(tiny, 1.0 - 0.5 * scaled, -lost / jnp.where(tiny, 1.0, scaled))
        half = 0.5 * days * mean_decay * slope
        return cls(rate, slope, 1.0 + lost, half, half * (2.0 + lost), days)

    def source(self, slope: Number, rise: Number) -> Number:
        """Return what the exact part leaves of a slope, at a rise since the start."""
        return slope - self.slope + self.rate * rise

    def at_first(self) -> Number:
        """Return the rise in the middle of the step, of the exact part alone."""
        return self.half

    def in_the_middle(self, source: Number) -> Number:
        """Return the rise in the middle of the step."""
        return self.half + 0.5 * self.days * source

    def at_the_end(self, third: Number) -> Number:
        """Return the rise for the last stage."""
        return self.whole + self.days * self.decay * third

    def after(self, second: Number, third: Number, fourth: Number) -> Number:
        """Return the rise over the step."""
        sixth = self.days / 6.0
        return self.whole + sixth * (2.0 * self.decay * (second + third) + fourth)


class CoxMatthews(NamedTuple):
    """What remains goes along exactly as far as it is constant (``exponential``).

    Where compartments feed one another they follow each other for good, and what remains of a log
    that returns fast never dies away.
    """

    slope: Number
    rise: Exponential

    @classmethod
    def of(cls, slope: Number, rate: Number, days: Number) -> CoxMatthews:
        """Return the rise at the start of the step, none."""
        return cls(slope, Exponential.of(jnp.zeros_like(slope), -rate, days))

    def source(self, slope: Number, rise: Number) -> Number:
        """Return what the return to capacity leaves of a slope, at a rise since the start."""
        return slope - self.rise.rate * rise

    def at_first(self) -> Number:
        """Return the rise in the middle of the step, as the slope at its start has it."""
        return self.rise.in_the_middle(self.slope)

    def in_the_middle(self, source: Number) -> Number:
        """Return the rise in the middle of the step."""
        return self.rise.in_the_middle(source)

    def at_the_end(self, third: Number) -> Number:
        """Return the rise for the last stage."""
        return self.rise.at_the_end(self.at_first(), self.slope, third)

    def after(self, second: Number, third: Number, fourth: Number) -> Number:
        """Return the rise over the step."""
        return self.rise.after(self.slope, second, third, fourth)


OwnPath: TypeAlias = Lawson | CoxMatthews
