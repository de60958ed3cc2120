"""The scale on which a parameter varies normally between patients."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.errors import VcohortError

KINDS = ("log", "logit", "linear")


@dataclass(frozen=True)
class Scale:
    """``"log"``: log-normal; ``"logit"``: between ``low`` and ``high``; ``"linear"``: normal.

    ``unit``: of places on a linear scale, so that a step of 1 is a large one on every scale.
    """

    kind: str = "log"
    low: float = 0.0
    high: float = 1.0
    unit: float = 1.0

    def place(self, name: str, value: float) -> float:
        """Return where a value lies on the scale.

        :raises VcohortError: for one that the scale does not have.
        """
        if self.kind == "log":
            is_on, place = value > 0, np.log(value) if value > 0 else 0.0
        elif self.kind == "logit":
            share = (value - self.low) / (self.high - self.low)
            is_on, place = 0 < share < 1, np.log(share / (1 - share)) if 0 < share < 1 else 0.0
        else:
            is_on, place = True, value / self.unit
        if not is_on or not np.isfinite(value):
            where = "above 0" if self.kind == "log" else f"between {self.low:g} and {self.high:g}"
            raise VcohortError(
                f"{name} = {value:g} cannot start a fit: on the scale {self.kind!r} it must be "
                f"{where}. Give another value, or another scale: scales={{{name!r}: 'linear'}}."
            )
        return float(place)

    def value(self, place: Array) -> Array:
        """Return values at places on the scale, of any shape."""
        if self.kind == "log":
            return jnp.exp(place)
        if self.kind == "logit":
            return self.low + (self.high - self.low) * jax.nn.sigmoid(place)
        return place * self.unit

    def slope(self, value: np.ndarray) -> np.ndarray:
        """Return how fast a value changes along the scale."""
        if self.kind == "log":
            return value
        if self.kind == "logit":
            return (value - self.low) * (self.high - value) / (self.high - self.low)
        return np.full_like(value, self.unit)

    def values(self, place: np.ndarray) -> np.ndarray:
        """Return values at places, of numpy arrays."""
        with jax.enable_x64(True):
            return np.asarray(self.value(jnp.asarray(place, float)))
