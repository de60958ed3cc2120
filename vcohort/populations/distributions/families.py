"""How one parameter varies between patients.

Each family has ``moved_to``: itself about another centre, with its relative spread kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from vcohort.errors import VcohortError
from vcohort.given import floats
from vcohort.populations.distributions.law import (
    FLOOR,
    Distribution,
    Floats,
    is_distribution,
    number_of,
    stretch,
)
from vcohort.records import recordable

# Observed values that a text of them shows.
_SHOWN = 12


@recordable
@dataclass(frozen=True)
class Fixed:
    """The same value for every patient, whatever ``sigma`` says."""

    value: float

    def __post_init__(self) -> None:
        _keep(self, "value")

    def quantile(self, u: Floats) -> Floats:
        """Return ``value`` for each ``u``."""
        return np.full_like(u, self.value)

    def moved_to(self, centre: float) -> Fixed:
        """Return it at another value."""
        return Fixed(centre)


@recordable
@dataclass(frozen=True)
class Normal:
    """Normal, floored at a millionth of its mean: the paper's patient variability.

    ``sd`` is in the unit of ``mean``.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _require(_keep(self, "mean") > 0, self, "mean", "greater than 0")
        _require(_keep(self, "sd") >= 0, self, "sd", "at least 0")

    def quantile(self, u: Floats) -> Floats:
        """Return mean + sd z(u), floored."""
        return np.maximum(self.mean + self.sd * ndtri(u), FLOOR * self.mean)

    def moved_to(self, centre: float) -> Normal:
        """Return it about another mean, with the same sd / mean."""
        return Normal(centre, self.sd / self.mean * abs(centre))


@recordable
@dataclass(frozen=True)
class LogNormal:
    """Log-normal with the given median; ``sigma`` is the standard deviation of the natural log."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        _require(_keep(self, "median") > 0, self, "median", "greater than 0")
        _require(_keep(self, "sigma") >= 0, self, "sigma", "at least 0")

    def quantile(self, u: Floats) -> Floats:
        """Return median exp(sigma z(u))."""
        return self.median * np.exp(self.sigma * ndtri(u))

    def moved_to(self, centre: float) -> LogNormal:
        """Return it about another median, with the same sigma."""
        return LogNormal(centre, self.sigma)


@recordable
@dataclass(frozen=True)
class Uniform:
    """Uniform between two values."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if _keep(self, "lower") > _keep(self, "upper"):
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


@recordable
@dataclass(frozen=True, eq=False)
class Empirical:
    """Draws, with replacement, from observed values (observation,); kept in increasing order."""

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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(np.asarray(self.values).tobytes())

    def __repr__(self) -> str:
        values = np.asarray(self.values)
        if values.size <= _SHOWN:
            return f"Empirical({values.tolist()})"
        return f"Empirical({values.size} values, {values[0]:g} to {values[-1]:g})"


FAMILIES = (Fixed, Normal, LogNormal, Uniform, Empirical)


def as_distribution(value: Any, sigma: float) -> Distribution:
    """Return a distribution: itself, or a number with the relative deviation ``sigma``.

    Nothing varies by any share of itself.
    """
    if is_distribution(value):
        return value
    centre = float(value)
    return Normal(centre, sigma * centre) if sigma > 0 and centre > 0 else Fixed(centre)


def _keep(law: Any, name: str) -> float:
    """Keep a number that was given as a float."""
    given = number_of(f"{type(law).__name__}: {name}", getattr(law, name))
    object.__setattr__(law, name, given)
    return given


def _require(condition: bool, law: Any, name: str, bound: str) -> None:
    if not condition:
        raise VcohortError(
            f"{type(law).__name__}: {name} = {getattr(law, name)!r} is impossible: it must be "
            f"{bound}."
        )
