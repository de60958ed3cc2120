"""A quadratic along a step."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Numbers


class Quadratic(NamedTuple):
    """A quadratic on the fraction 0 … 1 of a step, by its values at 0, 1/2 and 1."""

    start: Numbers
    middle: Numbers
    end: Numbers

    def slope_and_bend(self) -> tuple[Numbers, Numbers]:
        """Return the coefficients of the fraction and of its square."""
        slope = 4.0 * self.middle - 3.0 * self.start - self.end
        return slope, 2.0 * (self.start - 2.0 * self.middle + self.end)

    def at(self, u: Numbers) -> Numbers:
        """Return the value at the fraction ``u``."""
        slope, bend = self.slope_and_bend()
        return self.start + u * (slope + u * bend)

    def between(self, first: Numbers, last: Numbers) -> Quadratic:
        """Return the quadratic on the part of the step between two fractions."""
        return Quadratic(self.at(first), self.at(0.5 * (first + last)), self.at(last))

    def until(self, u: Numbers) -> Quadratic:
        """Return the quadratic on the step up to the fraction ``u``."""
        return Quadratic(self.start, self.at(0.5 * u), self.at(u))

    def mean(self) -> Numbers:
        """Return the mean over the step (Simpson's rule, exact for a quadratic)."""
        return (self.start + 4.0 * self.middle + self.end) / 6.0

    def largest(self) -> Numbers:
        """Return an upper bound on the step: no parabola bulges over its chord by more."""
        bulge = self.middle - 0.5 * (self.start + self.end)
        return jnp.maximum(self.start, self.end) + jnp.maximum(bulge, 0.0)
