"""A compartment that others feed, over one step: y' = inflow - loss y, in numbers of cells.

The loss at the start of the step is solved exactly, the rest by the fourth-order method of Cox &
Matthews 2002 (J. Comput. Phys. 176:430): a compartment may be empty, and steps may be long against
its turnover.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number

# Below it the series is used, of so many terms: exact to float64.
_SMALL, _TERMS = 1.0, 18


class Fed(NamedTuple):
    """A compartment at the start of a step: its number and its net rate per cell, ``growth``.

    ``half``, ``whole``: the functions phi of the rate times half the step and all of it.
    """

    number: Number
    growth: Number
    days: Number
    half: Phi
    whole: Phi

    @classmethod
    def of(cls, number: Number, growth: Number, days: Number) -> Fed:
        """Return the compartment at the start of a step of so many ``days``."""
        scaled = growth * days
        return cls(number, growth, days, phi(0.5 * scaled), phi(scaled))

    def source(self, inflow: Number, growth: Number, number: Number) -> Number:
        """Return what the exact part leaves of the slope, per day."""
        return inflow + (growth - self.growth) * number

    def in_the_middle(self, source: Number) -> Number:
        """Return the number half a step on, under a constant source."""
        return self.half.zero * self.number + 0.5 * self.days * self.half.one * source

    def at_the_end(self, middle: Number, first: Number, third: Number) -> Number:
        """Return the number for the last stage, from that of the second and two sources."""
        source = 2.0 * third - first
        number = self.half.zero * middle + 0.5 * self.days * self.half.one * source
        # Where hardly a cell is left and all decays, an extrapolated source may be below nothing.
        return jnp.maximum(number, 0.0)

    def after(self, first: Number, second: Number, third: Number, fourth: Number) -> Number:
        """Return the number at the end of the step, from the sources of its four stages."""
        e = self.whole
        one, three = e.one - 3.0 * e.two + 4.0 * e.three, 4.0 * e.three - e.two
        inner = (2.0 * e.two - 4.0 * e.three) * (second + third)
        number = e.zero * self.number + self.days * (one * first + inner + three * fourth)
        return jnp.maximum(number, 0.0)


class Phi(NamedTuple):
    """phi_0 = e^z, and phi_k+1 = (phi_k - 1 / k!) / z."""

    zero: Number
    one: Number
    two: Number
    three: Number


def phi(z: Number) -> Phi:
    """Return the four functions, with all their digits also where z is small."""
    small = jnp.abs(z) < _SMALL
    near, far = jnp.where(small, z, 0.0), jnp.where(small, 1.0, z)
    series = jnp.zeros_like(z)
    for term in range(_TERMS, -1, -1):
        series = series * near + 1.0 / math.factorial(term + 3)
    two = series * near + 0.5
    one = two * near + 1.0
    exact = jnp.exp(far)
    by_one = (exact - 1.0) / far
    by_two = (by_one - 1.0) / far
    by_three = (by_two - 0.5) / far

    def choose(near_zero: Number, far_off: Number) -> Number:
        return jnp.where(small, near_zero, far_off)

    return Phi(
        choose(one * near + 1.0, exact), choose(one, by_one), choose(two, by_two),
        choose(series, by_three),
    )  # fmt: skip
