"""What happens to tumour cells along one step: birth and death rates as quadratics."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints import Cubic
from vcohort.endpoints.accrual import Accrual
from vcohort.endpoints.quadratic import Quadratic
from vcohort.engine.chance.birth_death import Lineage


class TumourRates(NamedTuple):
    """One step of one patient, as its tumour cells see it. Rates are per cell and day."""

    days: Number
    birth: Quadratic
    death: Quadratic

    def path(self, log_start: Number) -> Cubic:
        """Return the log of the mean number of cells along the step."""
        first = self.days * (self.birth.start - self.death.start)
        last = self.days * (self.birth.end - self.death.end)
        rise = self.days * (self.birth.mean() - self.death.mean())
        return Cubic(log_start, log_start + rise, first, last)

    def between(self, first: Number, last: Number) -> TumourRates:
        """Return the part of the step between two fractions."""
        parts = (each.between(first, last) for each in (self.birth, self.death))
        return TumourRates(self.days * (last - first), *parts)

    def accrual(self, path: Cubic) -> Accrual:
        """Return how the integral of death / e^path grows along the step."""
        return Accrual(path, self.death, self.days)

    def lineage(self) -> tuple[Lineage, Accrual]:
        """Return the lineage of one cell over the step, and how its J grows."""
        path = self.path(jnp.zeros_like(self.days))
        grown = self.accrual(path)
        return Lineage(-path.end, grown.log_total()), grown
