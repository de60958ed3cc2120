"""What an endpoint sees of a step: the states at both ends and the cubic between them."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Flags, Numbers


class Cubic(NamedTuple):
    """A cubic Hermite interpolant on the fraction 0 … 1 of a step; slopes are per step."""

    start: Numbers
    end: Numbers
    slope_start: Numbers
    slope_end: Numbers

    def _coefficients(self) -> tuple[Numbers, Numbers]:
        rise = self.end - self.start
        bend = 3.0 * rise - 2.0 * self.slope_start - self.slope_end
        twist = self.slope_start + self.slope_end - 2.0 * rise
        return bend, twist

    def at(self, u: Numbers | float) -> Numbers:
        """Return the value at the fraction ``u``."""
        bend, twist = self._coefficients()
        return self.start + u * (self.slope_start + u * (bend + u * twist))

    def slope(self, u: Numbers | float) -> Numbers:
        """Return the derivative at the fraction ``u``, per step."""
        bend, twist = self._coefficients()
        return self.slope_start + u * (2.0 * bend + u * 3.0 * twist)

    def until(self, u: Numbers) -> Cubic:
        """Return the cubic on the step up to the fraction ``u``."""
        # A whole step ends where the next one begins, to the last bit.
        end = jnp.where(u == 1.0, self.end, self.at(u))
        return Cubic(self.start, end, u * self.slope_start, u * self.slope(u))

    def above(self, level: Numbers) -> Cubic:
        """Return the height over ``level``."""
        return self._replace(start=self.start - level, end=self.end - level)

    def crossing(self, level: Numbers | float, turns: int = 4) -> Numbers:
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

    def extremum(self, sign: float) -> Numbers:
        """Return the fraction of the minimum (``sign`` 1) or maximum (-1).

        Inside the step where the slope changes its sign, else the better end; no step is so long
        that a path turns twice in it.
        """
        bend, twist = (sign * each for each in self._coefficients())
        first, last = sign * self.slope_start, sign * self.slope_end
        inside = (first < 0.0) & (last > 0.0)
        # The root of slope + 2 bend u + 3 twist u^2 = 0 at which the slope rises. What digits the
        # sum loses where bend is negative do not matter: there the path is flat.
        square = jnp.where(inside, bend * bend - 3.0 * first * twist, 1.0)
        total = bend + jnp.sqrt(jnp.maximum(square, jnp.finfo(square.dtype).tiny))
        vertex = jnp.clip(-first / jnp.where(inside & (total > 0.0), total, 1.0), 0.0, 1.0)
        at_end = sign * self.end < sign * self.start
        return jnp.where(inside, vertex, jnp.where(at_end, 1.0, 0.0))


class TCellSegment(NamedTuple):
    """The T cells of one patient over one step, from ``day`` to ``end``; logs of cells."""

    day: Numbers
    end: Numbers
    log_normal: Cubic
    log_car: Cubic


class TumourSegment(NamedTuple):
    """The tumour of one patient over one step, from ``day`` to ``end``; log of cells.

    ``extinct``: no cell is left at the end. ``extinct_day``: when the last one died, in
    the step in which it did, else infinite. ``progressed``: whether the tumour has its
    progression size at some moment of the step; ``progression``: from when on. ``log_antigen``: log
    of the cells that carry the antigen, those of the first clone.
    """

    day: Numbers
    end: Numbers
    log_cells: Cubic
    extinct: Flags
    extinct_day: Numbers
    progressed: Flags
    progression: Crossing
    log_antigen: Cubic


def day_of(segment: TCellSegment | TumourSegment, fraction: Numbers) -> Numbers:
    """Return the day at a fraction of the step."""
    return segment.day + fraction * (segment.end - segment.day)


class Crossing(NamedTuple):
    """A step in which a patient's path passes a level: its days, the path's height over the level.

    It is passed before the fraction ``until``. The step is kept in the loop, which is cheap; the
    day inside it is found once, at the end.
    """

    day: Numbers
    end: Numbers
    height: Cubic
    until: Numbers

    @classmethod
    def none(cls, like: Numbers) -> Crossing:
        """Return one that stands for no step so far."""
        zero = jnp.zeros_like(like)
        return cls(zero, zero, Cubic(zero, zero, zero, zero), zero)

    def or_else(self, taken: Flags, other: Crossing) -> Crossing:
        """Return this one where it is ``taken``, else the other."""
        return jax.tree.map(lambda new, old: jnp.where(taken, new, old), self, other)

    def crossing_day(self) -> Numbers:
        """Return the day on which the level is passed."""
        fraction = self.until * self.height.until(self.until).crossing(0.0, 8)
        return self.day + fraction * (self.end - self.day)


class Reach(NamedTuple):
    """Whether a path reaches a level from below in a step, its height over it, and where it ends.

    Up to the fraction ``until`` the path rises to its highest point.
    """

    reached: Flags
    height: Cubic
    until: Numbers

    @classmethod
    def of(cls, path: Cubic, level: Numbers) -> Reach:
        """Find where a path is highest."""
        peak, height = path.extremum(-1.0), path.above(level)
        highest = jnp.where(peak == 1.0, height.end, height.at(peak))
        return cls(highest >= 0.0, height, peak)

    @classmethod
    def on(cls, reached: Flags, fraction: Numbers) -> Reach:
        """Return one that is reached at a known fraction."""
        one = jnp.ones_like(fraction)
        return cls(reached, Cubic(-fraction, one - fraction, one, one), one)

    def crossing(self, day: Numbers, end: Numbers) -> Crossing:
        """Return it on the days of the step."""
        return Crossing(day, end, self.height, self.until)
