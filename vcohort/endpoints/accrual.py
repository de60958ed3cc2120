"""How an integral grows within a step whose integrand rises or falls as an exponential.

The killing of one step, times its days, may well be 20: the engine's integrals of it then grow by
e^20, and no polynomial follows them. The exponential is taken out and integrated exactly; what is
left of the integrand is smooth, and taken as a quadratic (Filon 1930, Proc. R. Soc. Edinb. 49:38).
Where rates are constant all is exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Numbers
from vcohort.endpoints.quadratic import Quadratic
from vcohort.endpoints.segment import Cubic

# Below this exponent moments come from a series, above from closed forms: both then lose no more
# than the last digit or two. Terms that each precision needs.
_SMALL = 0.5
_TERMS = {"float32": 7, "float64": 13}

# e^60 is far beyond any W that still leaves a doubt about cure, and its sums are finite in float32.
_LARGEST_EXPONENT = 60.0

_NEWTON_STEPS, _LEAST_FRACTION = 5, 1e-6


class Accrual(NamedTuple):
    """The integral of rate / e^path over a step of so many ``days``, by the fraction 0 … 1.

    ``path``: the log of the mean number of cells, ``rate``: their death.
    """

    path: Cubic
    rate: Quadratic
    days: Numbers

    def _scaled(self) -> tuple[Numbers, Numbers]:
        """Return the integral over the step as (log of a scale, multiple of it)."""
        path, rate = self.path, self.rate
        bulge = 0.5 * (path.start + path.end) - path.at(0.5)
        middle = rate.middle * jnp.exp(bulge)
        rises = path.end < path.start
        near = jnp.where(rises, rate.end, rate.start)
        far = jnp.where(rises, rate.start, rate.end)
        moments = _moments(-jnp.abs(path.end - path.start))
        slope, bend = Quadratic(near, middle, far).slope_and_bend()
        multiple = near * moments[0] + slope * moments[1] + bend * moments[2]
        return jnp.maximum(-path.start, -path.end), self.days * multiple

    def total(self) -> Numbers:
        """Return the integral over the step; its scale is e^60 at most."""
        log_scale, multiple = self._scaled()
        return jnp.exp(jnp.minimum(log_scale, _LARGEST_EXPONENT)) * multiple

    def log_total(self) -> Numbers:
        """Return the log of the integral over the step; of none, the smallest log there is."""
        log_scale, multiple = self._scaled()
        return log_scale + jnp.log(jnp.maximum(multiple, _tiny(multiple)))

    def until(self, fraction: Numbers) -> Accrual:
        """Return the part of the integral up to a fraction of the step."""
        return Accrual(self.path.until(fraction), self.rate.until(fraction), fraction * self.days)

    def reaching(self, log_value: Numbers) -> Numbers:
        """Return the fraction at which the log of the integral is ``log_value``.

        Newton's method on the log of the integral, which is concave: after one turn it closes in
        from below.
        """
        tiny = _tiny(log_value)
        first, last = (jnp.log(jnp.maximum(x, tiny)) for x in (self.rate.start, self.rate.end))
        growth = self.path.start - self.path.end + last - first
        # The first guess takes the whole integrand as an exponential.
        u = _inverted(jnp.minimum(log_value - self.log_total(), 0.0), growth)
        for _ in range(_NEWTON_STEPS):
            u = jnp.maximum(u, _LEAST_FRACTION)
            log_part = self.until(u).log_total()
            log_rate = jnp.log(jnp.maximum(self.days * self.rate.at(u), tiny)) - self.path.at(u)
            u = jnp.clip(u + (log_value - log_part) * jnp.exp(log_part - log_rate), 0.0, 1.0)
        return u


def _tiny(like: Numbers) -> float:
    return float(jnp.finfo(like.dtype).tiny)


def _inverted(log_share: Numbers, growth: Numbers) -> Numbers:
    """Solve (e^(g v) - 1) / (e^g - 1) = share for v in 0 … 1."""
    flat = jnp.abs(growth) < 1e-3
    safe = jnp.where(flat, 1.0, growth)
    # With e^g beyond all numbers v is 1 + ln(share) / g.
    curved = jnp.log1p(jnp.exp(log_share) * jnp.expm1(jnp.minimum(safe, _LARGEST_EXPONENT))) / safe
    curved = jnp.where(safe > _LARGEST_EXPONENT, 1.0 + log_share / safe, curved)
    return jnp.clip(jnp.where(flat, jnp.exp(log_share), curved), 0.0, 1.0)


def _moments(x: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return the integrals of v^k e^(x v) over 0 … 1 for k = 0, 1, 2; ``x`` is at most 0."""
    small = x > -_SMALL
    grown = jnp.exp(x)
    over = 1.0 / jnp.where(small, -1.0, x)
    first = (grown - 1.0) * over
    second = (grown - first) * over
    closed = (grown - 2.0 * second) * over
    near = jnp.where(small, x, 0.0)
    series = jnp.zeros_like(x)
    for n in reversed(range(_TERMS[x.dtype.name])):
        series = series * near + 1.0 / (math.factorial(n) * (n + 3))
    third = jnp.where(small, series, closed)
    # Downwards no digit is lost where x is small.
    second = jnp.where(small, 0.5 * (grown - x * third), second)
    return jnp.where(small, grown - x * second, first), second, third
