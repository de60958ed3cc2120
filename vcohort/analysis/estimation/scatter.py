"""How measurements scatter about predictions: the width of the scatter, and its tails.

A residual r has the width s w(f), s its ``scale``, f the prediction; z = r / (s w) has the law of
the tails. What is only known to lie below a limit has the probability that this law has below minus
the z of the limit (Beal 2001, J. Pharmacokinet. Pharmacodyn. 28:481, method M3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import log_ndtr, ndtr

# Degrees of freedom of the robust law (Lange, Little & Taylor 1989, J. Am. Stat. Assoc. 84:881).
_FREEDOM = 4.0

# Below this the surprise of a robust residual is its square, to rounding.
_SMALL = 1e-8


@dataclass(frozen=True)
class Tails:
    """A law of z, symmetric about 0.

    ``surprise``: -2 ln of its density, 0 at 0, and there ``bend`` z^2; ``log_below``: ln of the
    probability of less than -z; ``log_peak``: ln of the density at 0; ``place`` and ``scale``: the
    Fisher information of a datum on the place and on the log of the scale; ``deviation``: the
    standard deviation.
    """

    name: str
    surprise: Callable[[Array], Array]
    log_below: Callable[[Array], Array]
    bend: float
    log_peak: float
    place: float
    scale: float
    deviation: float

    def root(self, z: Array) -> Array:
        """Return the root of the surprise, with the sign of z, smooth at 0."""
        square = z**2
        is_small = square < _SMALL
        safe = jnp.where(is_small, 1.0, square)
        ratio = jnp.where(is_small, self.bend, self.surprise(jnp.sqrt(safe)) / safe)
        return z * jnp.sqrt(ratio)


def _normal_below(z: Array) -> Array:
    """Return ln Phi(-z), to rounding on both sides."""
    # Not minimum and maximum: at 0 these have half the slope.
    likely, unlikely = jnp.where(z < 0.0, z, 0.0), jnp.where(z < 0.0, 0.0, z)
    return jnp.where(z < 0.0, jnp.log1p(-ndtr(likely)), log_ndtr(-unlikely))


def _student_surprise(z: Array) -> Array:
    return (_FREEDOM + 1.0) * jnp.log1p(z**2 / _FREEDOM)


def _student_below(z: Array) -> Array:
    """Return ln F(-z) of Student's t with 4 degrees of freedom, to rounding on both sides.

    F = (1 + s)^2 (2 - s) / 4 with s = -z / sqrt(4 + z^2); 1 + s, where it is small, from 1 - s^2.
    """
    s = -z / jnp.sqrt(_FREEDOM + z**2)
    # Both sides of a choice are traced: neither may divide by 0.
    rest = _FREEDOM / (_FREEDOM + z**2) / jnp.where(s < 0.0, 1.0 - s, 1.0)
    return 2.0 * jnp.log(jnp.where(s < 0.0, rest, 1.0 + s)) + jnp.log((2.0 - s) / 4.0)


NORMAL = Tails(
    "normal", jnp.square, _normal_below, 1.0, -0.5 * math.log(2.0 * math.pi), 1.0, 2.0, 1.0
)

# Information: (v + 1) / (v + 3) and 2 v / (v + 3) (Lange, Little & Taylor 1989).
STUDENT = Tails(
    "student_t", _student_surprise, _student_below, (_FREEDOM + 1.0) / _FREEDOM, math.log(0.375),
    (_FREEDOM + 1.0) / (_FREEDOM + 3.0), 2.0 * _FREEDOM / (_FREEDOM + 3.0),
    math.sqrt(_FREEDOM / (_FREEDOM - 2.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Scatter:
    """The width of a residual, in units of its scale, and its tails.

    ``proportional``: it grows with the prediction; ``floor``: and has a constant part, of the size
    ``ratio`` in the unit of the prediction (Pinheiro & Bates 2000, Mixed-Effects Models in S and
    S-PLUS, section 5.2).
    """

    tails: Tails = NORMAL
    proportional: bool = False
    floor: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether residuals are normal with one width for all."""
        return self.tails == NORMAL and not self.proportional

    @property
    def scales(self) -> int:
        """How many numbers tell the widths."""
        return 2 if self.floor else 1

    def width(self, predicted: Array, ratio: Array | float = 0.0) -> Array:
        """Return w (row,) of predictions (row,)."""
        if not self.proportional:
            return jnp.ones_like(predicted)
        return jnp.sqrt(predicted**2 + ratio**2) if self.floor else jnp.abs(predicted)

    def log_likelihood(
        self, residual: Array, predicted: Array, observed: Array, limit: Array,
        scale: Array, ratio: Array | float = 0.0,
    ) -> Array:  # fmt: skip
        """Return the log likelihood (row,): of what was observed, or of limits, else 0.

        Less the constant ``log_peak`` for each row that was observed.
        """
        is_told = observed | limit
        width = scale * self.width(jnp.where(is_told, predicted, 1.0), ratio)
        z = jnp.where(is_told, residual, 0.0) / width
        seen = -0.5 * self.tails.surprise(jnp.where(observed, z, 0.0)) - jnp.log(width)
        # A limit far above the prediction tells nothing; so far out slopes are lost in rounding.
        below = self.tails.log_below(jnp.where(limit, jnp.maximum(z, _CLEAR[self.tails.name]), 0.0))
        return jnp.where(observed, seen, jnp.where(limit, below, 0.0))


# Widths from which on a limit tells nothing (to 1e-197; of the longer tails, to 1e-16).
_CLEAR = {"normal": -30.0, "student_t": -1e4}

PLAIN = Scatter()


def likeliest_by_halving(surprise: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return the log of a scale, between two, where the slope of its ``surprise`` changes sign."""

    def step(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        falls = jax.grad(surprise)(middle) < 0
        return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

    low, high = jax.lax.fori_loop(0, 60, step, (low, high))
    return 0.5 * (low + high)
