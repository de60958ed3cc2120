"""The same value for every patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vcohort.populations.distributions.law import Floats
from vcohort.populations.distributions.numbers import in_text, keep
from vcohort.records import recordable


@recordable
@dataclass(frozen=True)
class Fixed:
    """The same value for every patient, whatever ``sigma`` says."""

    family = "fixed"
    value: float

    def __post_init__(self) -> None:
        keep(self, "value")

    def quantile(self, u: Floats) -> Floats:
        """Return ``value`` for each ``u``."""
        return np.full_like(u, self.value)

    def moved_to(self, centre: float) -> Fixed:
        """Return it at another value."""
        return Fixed(centre)

    @classmethod
    def from_text(cls, *inside: str) -> Fixed:
        """Return it from the text of its value."""
        return cls(*in_text(cls.family, inside, 1))


FAMILY = Fixed
