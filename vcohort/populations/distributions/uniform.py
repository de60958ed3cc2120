"""Uniform between two values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vcohort.errors import VcohortError
from vcohort.populations.distributions.law import Floats, stretch
from vcohort.populations.distributions.numbers import in_text, keep
from vcohort.records import recordable


@recordable
@dataclass(frozen=True)
class Uniform:
    """Uniform between two values."""

    family = "uniform"
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if keep(self, "lower") > keep(self, "upper"):
            raise VcohortError(
                f"Uniform({self.lower!r}, {self.upper!r}): lower must not exceed upper."
            )

    def quantile(self, u: Floats) -> Floats:
        """Return lower + u (upper - lower)."""
        return self.lower + u * (self.upper - self.lower)

    def moved_to(self, centre: float) -> Uniform:
        """Return it with both ends multiplied, so that ``centre`` is in their middle."""
        factor = stretch(self, centre)
        return Uniform(factor * self.lower, factor * self.upper)

    @classmethod
    def from_text(cls, *inside: str) -> Uniform:
        """Return it from the texts of its ends."""
        return cls(*in_text(cls.family, inside, 2))

    def prior(self, low: float, high: float) -> Any:
        """Return it as NumPyro's distribution, cut to ``low`` … ``high``."""
        from numpyro import distributions as dist  # noqa: PLC0415 - an extra

        return dist.Uniform(max(self.lower, low), min(self.upper, high))


FAMILY = Uniform
