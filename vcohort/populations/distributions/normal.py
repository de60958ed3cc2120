"""Normal: the paper's patient variability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from vcohort.late import Array, jnp
from vcohort.populations.distributions.law import Floats
from vcohort.populations.distributions.numbers import in_text, keep, require
from vcohort.records import recordable

# The paper floors its varied parameters just above zero; this is how far above.
FLOOR = 1e-6


@recordable
@dataclass(frozen=True)
class Normal:
    """Normal, floored at a millionth of its mean: the paper's patient variability.

    ``sd`` is in the unit of ``mean``.
    """

    family = "normal"
    mean: float
    sd: float

    def __post_init__(self) -> None:
        require(keep(self, "mean") > 0, self, "mean", "greater than 0")
        require(keep(self, "sd") >= 0, self, "sd", "at least 0")

    def quantile(self, u: Floats) -> Floats:
        """Return mean + sd z(u), floored."""
        return np.maximum(self.mean + self.sd * scipy.special.ndtri(u), FLOOR * self.mean)

    def moved_to(self, centre: float) -> Normal:
        """Return it about another mean, with the same sd / mean."""
        return Normal(centre, self.sd / self.mean * abs(centre))

    @classmethod
    def from_text(cls, *inside: str) -> Normal:
        """Return it from the texts of its mean and standard deviation."""
        return cls(*in_text(cls.family, inside, 2))

    def hyperparameters(self) -> tuple[float, float]:
        """Return the mean, and sd / mean."""
        return self.mean, self.sd / self.mean

    @classmethod
    def from_hyperparameters(cls, location: float, spread: float) -> Normal:
        """Return it with a mean and sd / mean."""
        return cls(location, spread * location)

    @staticmethod
    def values(log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the values at normal deviates ``z``, differentiable."""
        return jnp.exp(log_location) * jnp.maximum(1.0 + jnp.exp(log_spread) * z, FLOOR)

    def prior(self, low: float, high: float) -> Any:
        """Return it as NumPyro's distribution, cut to ``low`` … ``high`` (infinite: not cut)."""
        from numpyro import distributions as dist  # noqa: PLC0415 - an extra

        ends: dict[str, Any] = {"low": low, "high": high}
        finite: Any = {side: float(end) for side, end in ends.items() if np.isfinite(end)}
        return dist.TruncatedNormal(self.mean, self.sd, **finite)


FAMILY = Normal
