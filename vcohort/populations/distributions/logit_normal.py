"""Logit-normal: normal on the scale of the log odds, for shares of something."""

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
class LogitNormal:
    """Share with the given median; ``sigma`` is the standard deviation of its log odds.

    No value leaves 0 … 1. Of a small share the odds are the share, so that it is nearly
    log-normal; what is 1 has no odds, and does not vary.
    """

    family = "logit-normal"
    median: float
    sigma: float

    def __post_init__(self) -> None:
        require(0 < keep(self, "median") <= 1, self, "median", "greater than 0, at most 1")
        require(keep(self, "sigma") >= 0, self, "sigma", "at least 0")

    def quantile(self, u: Floats) -> Floats:
        """Return the share whose odds are those of the median times exp(sigma z(u))."""
        rest = (1.0 - self.median) * np.exp(-self.sigma * scipy.special.ndtri(u))
        return self.median / (self.median + rest)

    def moved_to(self, centre: float) -> LogitNormal:
        """Return it about another median, with the same sigma."""
        return LogitNormal(centre, self.sigma)

    @classmethod
    def from_text(cls, *inside: str) -> LogitNormal:
        """Return it from the texts of its median and sigma."""
        return cls(*in_text(cls.family, inside, 2))

    def hyperparameters(self) -> tuple[float, float]:
        """Return the median and sigma."""
        return self.median, self.sigma

    @classmethod
    def from_hyperparameters(cls, location: float, spread: float) -> LogitNormal:
        """Return it with a median, of 1 at most, and sigma."""
        return cls(min(location, 1.0), spread)

    @staticmethod
    def values(log_location: Array, log_spread: Array, z: Array) -> Array:
        """Return the values at normal deviates ``z``, differentiable."""
        log_median = jnp.minimum(log_location, 0.0)
        rest = -jnp.expm1(log_median) * jnp.exp(-jnp.exp(log_spread) * z)
        return jnp.exp(log_median) / (jnp.exp(log_median) + rest)

    def prior(self, low: float, high: float) -> Any:
        """Return it as NumPyro's distribution, cut to ``low`` … ``high`` (infinite: not cut)."""
        from numpyro import distributions as dist  # noqa: PLC0415 - an extra

        low, high = max(low, 0.0), min(high, 1.0)
        ends: Any = {
            side: float(scipy.special.logit(end))
            for side, end in (("low", low), ("high", high)) if 0.0 < end < 1.0
        }  # fmt: skip
        odds: Any = dist.TruncatedNormal(scipy.special.logit(self.median), self.sigma, **ends)
        share: Any = dist.transforms.SigmoidTransform()
        # Its own is 0 to 1, whatever was cut off before.
        share.codomain = dist.constraints.interval(low, high)
        return dist.TransformedDistribution(odds, share)


FAMILY = LogitNormal
