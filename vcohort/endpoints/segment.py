"""What an endpoint sees of a step: the states at both ends and the cubic between them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Cubic(NamedTuple):
    """A cubic Hermite interpolant on the fraction 0 … 1 of a step; slopes are per step."""

    start: Array
    end: Array
    slope_start: Array
    slope_end: Array

    def _coefficients(self) -> tuple[Array, Array]:
        rise = self.end - self.start
        bend = 3.0 * rise - 2.0 * self.slope_start - self.slope_end
        twist = self.slope_start + self.slope_end - 2.0 * rise
        return bend, twist

    def at(self, u: Array | float) -> Array:
        """Return the value at the fraction ``u``."""
        bend, twist = self._coefficients()
        return self.start + u * (self.slope_start + u * (bend + u * twist))

    def slope(self, u: Array | float) -> Array:
        """Return the derivative at the fraction ``u``, per step."""
        bend, twist = self._coefficients()
        return self.slope_start + u * (2.0 * bend + u * 3.0 * twist)

    def until(self, u: Array) -> Cubic:
        """Return the cubic on the step up to the fraction ``u``."""
        # A whole step ends where the next one begins, to the last bit.
        end = jnp.where(u == 1.0, self.end, self.at(u))
        return Cubic(self.start, end, u * self.slope_start, u * self.slope(u))

    def above(self, level: Array) -> Cubic:
        """Return the height over ``level``."""
        return self._replace(start=self.start - level, end=self.end - level)

    def crossing(self, level: Array | float, turns: int = 4) -> Array:
        """Return the fraction at which the cubic, which crosses ``level`` once, does so.

        By so many ``turns`` of Newton's method; more where the level lies near an extremum.
        """
        rise = self.end - self.start
        chord = jnp.where(rise == 0.0, 1.0, rise)
        u = jnp.clip((level - self.start) / chord, 0.0, 1.0)
        for _ in range(turns):
            slope = self.slope(u)
            # A slope against the chord would throw Newton's step out of the bracket.
            slope = jnp.where(slope * chord > 0.0, slope, chord)
            u = jnp.clip(u - (self.at(u) - level) / slope, 0.0, 1.0)
        return u

    def turn(self, sign: float) -> Array:
        """Return the fraction of the minimum (``sign`` 1) or maximum (-1), inside or at an end."""
        bend, twist = self._coefficients()
        # Both roots of slope + 2 bend u + 3 twist u^2 = 0, neither a difference of near numbers.
        square = bend * bend - 3.0 * self.slope_start * twist
        root = jnp.sqrt(jnp.where(square > 0.0, square, 1.0))
        rising = bend >= 0.0
        far = jnp.where(rising, -bend - root, root - bend)
        by_twist = far / jnp.where(twist == 0.0, 1.0, 3.0 * twist)
        by_slope = self.slope_start / jnp.where(far == 0.0, 1.0, far)
        first = rising if sign > 0.0 else ~rising
        vertex = jnp.where(first, by_slope, by_twist)
        exists = jnp.where(first, far != 0.0, twist != 0.0) & (square > 0.0)
        at_end = sign * self.end < sign * self.start
        edge, value = jnp.where(at_end, 1.0, 0.0), jnp.where(at_end, self.end, self.start)
        inside = exists & (vertex > 0.0) & (vertex < 1.0)
        safe = jnp.where(inside, vertex, 0.5)
        return jnp.where(inside & (sign * self.at(safe) < sign * value), safe, edge)


class TCellSegment(NamedTuple):
    """The T cells of one patient over one step, from ``day`` to ``end``; logs of cells."""

    day: Array
    end: Array
    log_normal: Cubic
    log_car: Cubic


class TumourSegment(NamedTuple):
    """The tumour of one patient over one step, from ``day`` to ``end``; log of cells.

    ``extinct``: no cell is left at the end. ``extinct_day``: when the last one died, in
    the step in which it did, else infinite. ``progressed``: whether the tumour has its
    progression size at some moment of the step; ``progression``: from when on.
    """

    day: Array
    end: Array
    log_cells: Cubic
    extinct: Array
    extinct_day: Array
    progressed: Array
    progression: Passing


def day_of(segment: TCellSegment | TumourSegment, fraction: Array) -> Array:
    """Return the day at a fraction of the step."""
    return segment.day + fraction * (segment.end - segment.day)


class Passing(NamedTuple):
    """A step in which a patient's path passes a level: its days, the path's height over the level.

    The step is kept in the loop, which is cheap; the day inside it is found once, at the end.
    """

    day: Array
    end: Array
    height: Cubic

    @classmethod
    def none(cls, like: Array) -> Passing:
        """Return one that stands for no step so far."""
        zero = jnp.zeros_like(like)
        return cls(zero, zero, Cubic(zero, zero, zero, zero))

    def or_else(self, taken: Array, other: Passing) -> Passing:
        """Return this one where it is ``taken``, else the other."""
        return jax.tree.map(lambda new, old: jnp.where(taken, new, old), self, other)

    def found(self) -> Array:
        """Return the day on which the level is passed."""
        return self.day + self.height.crossing(0.0, 8) * (self.end - self.day)


class Reach(NamedTuple):
    """Whether a path reaches a level from below in a step, and up to which fraction it rises to it.

    ``height``: over the level, up to that fraction.
    """

    reached: Array
    until: Array
    height: Cubic

    @classmethod
    def of(cls, path: Cubic, level: Array) -> Reach:
        """Find where a path is highest."""
        peak = path.turn(-1.0)
        height = path.until(peak)
        return cls(height.end >= level, peak, height.above(level))

    @classmethod
    def on(cls, reached: Array, fraction: Array) -> Reach:
        """Return one that is reached at a known fraction."""
        one = jnp.ones_like(fraction)
        return cls(reached, one, Cubic(-fraction, one - fraction, one, one))

    def or_else(self, taken: Array, other: Reach) -> Reach:
        """Return this one where it is ``taken``, else the other."""
        return jax.tree.map(lambda new, old: jnp.where(taken, new, old), self, other)

    def passing(self, day: Array, end: Array) -> Passing:
        """Return it on the days of the step."""
        return Passing(day, day + self.until * (end - day), self.height)
