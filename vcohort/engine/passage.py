"""What happens to tumour cells along one step: birth and death rates as quadratics."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import Cubic
from vcohort.engine.birth_death import Lineage


class Quadratic(NamedTuple):
    """A quadratic on the fraction 0 … 1 of a step, by its values at 0, 1/2 and 1."""

    start: Array
    middle: Array
    end: Array

    def at(self, u: Array) -> Array:
        """Return the value at the fraction ``u``."""
        slope = 4.0 * self.middle - 3.0 * self.start - self.end
        bend = 2.0 * (self.start - 2.0 * self.middle + self.end)
        return self.start + u * (slope + u * bend)

    def mean(self) -> Array:
        """Return the mean over the step (Simpson's rule, exact for a quadratic)."""
        return (self.start + 4.0 * self.middle + self.end) / 6.0

    def largest(self) -> Array:
        """Return an upper bound on the step: no parabola bulges over its chord by more."""
        bulge = self.middle - 0.5 * (self.start + self.end)
        return jnp.maximum(self.start, self.end) + jnp.maximum(bulge, 0.0)


class Passage(NamedTuple):
    """One step of one patient, as its tumour cells see it. Rates are per cell and day."""

    days: Array
    birth: Quadratic
    death: Quadratic

    def path(self, log_start: Array) -> Cubic:
        """Return the log of the mean number of cells along the step."""
        first = self.days * (self.birth.start - self.death.start)
        last = self.days * (self.birth.end - self.death.end)
        rise = self.days * (self.birth.mean() - self.death.mean())
        return Cubic(log_start, log_start + rise, first, last)

    def lineage(self, fraction: Array) -> Lineage:
        """Return the lineage of one cell from ``fraction`` to the end of the step.

        J by Simpson's rule, its largest exponential taken out so that it cannot overflow.
        """
        path = self.path(jnp.zeros_like(self.days))
        half = 0.5 * (fraction + 1.0)
        at_start = path.at(fraction)
        fall_half, fall = at_start - path.at(half), at_start - path.end
        most = jnp.maximum(jnp.maximum(fall_half, fall), 0.0)
        scaled = (
            self.death.at(fraction) * jnp.exp(-most)
            + 4.0 * self.death.at(half) * jnp.exp(fall_half - most)
            + self.death.end * jnp.exp(fall - most)
        )
        return Lineage(fall, most + jnp.log(scaled * (1.0 - fraction) * self.days / 6.0))

    def extinction_fraction(self, share: Array, fraction: Array) -> Array:
        """Return where J, counted from ``fraction``, has reached a ``share`` of its end value.

        The integrand of J is taken as exponential between its end values.
        """
        path = self.path(jnp.zeros_like(self.days))
        first, last = self.death.at(fraction), self.death.end
        smallest = jnp.finfo(share.dtype).tiny
        growth = path.at(fraction) - path.end
        growth = growth + jnp.log(jnp.maximum(last, smallest) / jnp.maximum(first, smallest))
        return fraction + (1.0 - fraction) * _invert_exponential(share, growth)


def _invert_exponential(share: Array, growth: Array) -> Array:
    """Solve (e^(g v) - 1) / (e^g - 1) = share for v in (0, 1]."""
    flat = jnp.abs(growth) < 1e-3
    safe = jnp.clip(jnp.where(flat, 1.0, growth), -80.0, 80.0)
    curved = jnp.log1p(share * jnp.expm1(safe)) / safe
    return jnp.clip(jnp.where(flat, share, curved), 0.0, 1.0)
