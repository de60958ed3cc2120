"""Log-normal: normal on the scale of the natural log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from vcohort.late import Array, jnp
from vcohort.populations.distributions.law import Floats
from vcohort.populations.distributions.numbers import in_text, keep, require
from vcohort.records import recordable


@recordable
@dataclass(frozen=True)
class LogNormal:
    """Log-normal with the given median; ``sigma`` is the standard deviation of the natural log."""

    family = "log-normal"
    median: float
    sigma: float

    def __post_init__(self) -> None:
        require(keep(self, "median") > 0, self, "median", "greater than 0")
        require(keep(self, "sigma") >= 0, self, "sigma", "at least 0")

    def quantile(self, u: Floats) -> Floats:
        """Return median exp(sigma z(u))."""
        return self.median * np.exp(self.sigma * scipy.special.ndtri(u))

    def moved_to(self, centre: float) -> LogNormal:
        """Return it about another median, with the same sigma."""
        return LogNormal(centre, self.sigma)

    @classmethod
    def from_text(cls, *inside: str) -> LogNormal:
        """Return it from the texts of its median and sigma."""
        return cls(*in_text(cls.family, inside, 2))

    def hyperparameters(self) -> tuple[float, float]:
        """Return the median and sigma."""
        return self.median, self.sigma

    @classmethod
    def from_hyperparameters(cls, location: float, spread: float) -> LogNormal:
        """Return it with a median and sigma."""
        return cls(location, spread)

    @staticmethod
    def values(log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the values at normal deviates ``z``, differentiable."""
        return jnp.exp(log_location) * jnp.exp(jnp.exp(log_spread) * z)

    def prior(self, low: float, high: float) -> Any:
        """Return it as NumPyro's distribution, cut to ``low`` … ``high`` (infinite: not cut)."""
        from numpyro import distributions as dist  # noqa: PLC0415 - an extra

        ends: dict[str, Any] = {"low": float(np.log(max(low, np.finfo(float).tiny)))}
        ends |= {"high": float(np.log(high))} if np.isfinite(high) else {}
        log: Any = dist.TruncatedNormal(float(np.log(self.median)), self.sigma, **ends)
        return dist.TransformedDistribution(log, dist.transforms.ExpTransform(log.support))


FAMILY = LogNormal
