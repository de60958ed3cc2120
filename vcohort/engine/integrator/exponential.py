"""y' = rate y + source over one step, the rate solved exactly: Cox & Matthews 2002, order four.

(J. Comput. Phys. 176:430.) A step may be long against what returns at the rate, and follows a
source that changes slowly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number

# Below it the series is used, of so many terms: exact to float64.
_SMALL, _TERMS = 1.0, 18


class Exponential(NamedTuple):
    """An equation at the start of a step.

    ``half``, ``whole``: the functions phi of the rate times half the step and all of it.
    """

    start: Number
    rate: Number
    days: Number
    half: Phi
    whole: Phi

    @classmethod
    def of(cls, start: Number, rate: Number, days: Number) -> Exponential:
        """Return the equation of what is ``start`` at first, over so many ``days``."""
        scaled = rate * days
        return cls(start, rate, days, phi(0.5 * scaled), phi(scaled))

    def in_the_middle(self, source: Number) -> Number:
        """Return y half a step on, under a constant source."""
        return self.half.zero * self.start + 0.5 * self.days * self.half.one * source

    def at_the_end(self, middle: Number, first: Number, third: Number) -> Number:
        """Return y for the last stage, from that of the second and the sources of two."""
        source = 2.0 * third - first
        return self.half.zero * middle + 0.5 * self.days * self.half.one * source

    def after(self, first: Number, second: Number, third: Number, fourth: Number) -> Number:
        """Return y at the end of the step, from the sources of its four stages."""
        e = self.whole
        one, three = e.one - 3.0 * e.two + 4.0 * e.three, 4.0 * e.three - e.two
        inner = (2.0 * e.two - 4.0 * e.three) * (second + third)
        return e.zero * self.start + self.days * (one * first + inner + three * fourth)


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
