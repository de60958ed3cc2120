"""Draws from observed values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError, unknown
from vcohort.given import floats
from vcohort.populations.distributions.law import Floats, stretch
from vcohort.records import recordable

# Observed values that its representation shows.
_SHOWN = 12


@recordable
@dataclass(frozen=True, eq=False)
class Empirical:
    """Draws, with replacement, from observed values (observation,); kept in increasing order."""

    family = "empirical"
    values: ArrayLike

    def __post_init__(self) -> None:
        values = floats("Empirical: values", self.values)
        if values.ndim != 1 or not values.size:
            raise VcohortError(
                "Empirical: values must be a list of observed values, at least one, not an array "
                f"of shape {values.shape}."
            )
        odd = values[~np.isfinite(values)]
        if odd.size:
            raise VcohortError(
                f"Empirical: {odd.size} of {values.size} values are not finite, the first {odd[0]}."
            )
        values = np.sort(values)
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    def quantile(self, u: Floats) -> Floats:
        """Return the observed value whose share of (0, 1) holds ``u``."""
        values = np.asarray(self.values)
        return values[np.minimum((u * values.size).astype(np.int64), values.size - 1)]

    def moved_to(self, centre: float) -> Empirical:
        """Return it with all values multiplied, so that ``centre`` is their median."""
        return Empirical(stretch(self, centre) * np.asarray(self.values))

    @classmethod
    def from_text(cls, *inside: str) -> Empirical:
        """Return it from the name of a data set."""
        if len(inside) != 1:
            raise VcohortError(
                f"'empirical({', '.join(inside)})': empirical takes 1 data set, not {len(inside)}."
            )
        from vcohort import data  # noqa: PLC0415 - takes long to import

        named = {"zuma1": data.baseline_tumour_cells}
        if inside[0] not in named:
            raise unknown("data set", inside[0], named)
        return cls(named[inside[0]]().values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(np.asarray(self.values).tobytes())

    def __repr__(self) -> str:
        values = np.asarray(self.values)
        if values.size <= _SHOWN:
            return f"Empirical({values.tolist()})"
        return f"Empirical({values.size} values, {values[0]:g} to {values[-1]:g})"


FAMILY = Empirical
