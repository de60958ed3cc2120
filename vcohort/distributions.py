"""How one parameter varies between patients.

A distribution maps uniform numbers of the open interval (0, 1) to values, by its
quantile function; so every design (random, Sobol, Latin hypercube) can drive it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from vcohort.errors import VcohortError

Floats = NDArray[np.float64]

# The paper floors its varied parameters just above zero; this is how far above.
FLOOR = 1e-6


@runtime_checkable
class Distribution(Protocol):
    """Anything that turns uniform numbers into values."""

    def quantile(self, u: Floats) -> Floats:
        """Return the values at the probabilities ``u``, of the same shape."""
        ...


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise VcohortError(message)


@dataclass(frozen=True)
class Fixed:
    """The same value for every patient, whatever ``sigma`` says."""

    value: float

    def quantile(self, u: Floats) -> Floats:
        """Return ``value`` for each ``u``."""
        return np.full_like(u, self.value)


@dataclass(frozen=True)
class Normal:
    """Normal, floored at a millionth of its mean: the paper's patient variability.

    ``sd`` is in the unit of ``mean``.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _require(self.mean > 0, f"Normal(mean={self.mean:g}): the mean must be greater than 0.")
        _require(
            self.sd >= 0, f"Normal(sd={self.sd:g}): the standard deviation must be at least 0."
        )

    def quantile(self, u: Floats) -> Floats:
        """Return mean + sd z(u), floored."""
        return np.maximum(self.mean + self.sd * ndtri(u), FLOOR * self.mean)


@dataclass(frozen=True)
class LogNormal:
    """Log-normal with the given median; ``sigma`` is the standard deviation of the natural log."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        _require(self.median > 0, f"LogNormal(median={self.median:g}): it must be greater than 0.")
        _require(self.sigma >= 0, f"LogNormal(sigma={self.sigma:g}): it must be at least 0.")

    def quantile(self, u: Floats) -> Floats:
        """Return median exp(sigma z(u))."""
        return self.median * np.exp(self.sigma * ndtri(u))


@dataclass(frozen=True)
class Uniform:
    """Uniform between two values."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        _require(
            self.lower <= self.upper,
            f"Uniform({self.lower:g}, {self.upper:g}): lower must not exceed upper.",
        )

    def quantile(self, u: Floats) -> Floats:
        """Return lower + u (upper - lower)."""
        return self.lower + u * (self.upper - self.lower)


@dataclass(frozen=True, eq=False)
class Empirical:
    """Draws, with replacement, from observed values."""

    values: ArrayLike
    _sorted: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = np.sort(np.asarray(self.values, dtype=np.float64).ravel())
        _require(values.size > 0, "Empirical([]): give at least one observed value.")
        _require(bool(np.isfinite(values).all()), "Empirical: every value must be finite.")
        object.__setattr__(self, "_sorted", values)

    def quantile(self, u: Floats) -> Floats:
        """Return the observed value whose share of (0, 1) holds ``u``."""
        return self._sorted[(u * self._sorted.size).astype(np.int64)]

    def __repr__(self) -> str:
        return f"Empirical({self._sorted.size} values)"


class MultivariateNormal:
    """Several parameters that vary together: normal, or log-normal with ``log=True``.

    ``centre`` holds each parameter's mean (with ``log``: its median), ``covariance``
    the (k, k) covariance matrix in the same order (with ``log``: of the natural logs).
    Normal values are floored as those of :class:`Normal`.
    """

    def __init__(
        self, centre: Mapping[str, float], covariance: ArrayLike, *, log: bool = False
    ) -> None:
        self.names = tuple(centre)
        self.centre = np.array(list(centre.values()), dtype=np.float64)
        self.covariance = np.asarray(covariance, dtype=np.float64)
        self.log = log
        k = len(self.names)
        _require(
            self.covariance.shape == (k, k),
            f"MultivariateNormal: {k} parameters need a covariance of shape ({k}, {k}), "
            f"not {self.covariance.shape}.",
        )
        _require(bool((self.centre > 0).all()), "MultivariateNormal: centres must exceed 0.")
        _require(
            bool(np.isfinite(self.covariance).all())
            and np.allclose(self.covariance, self.covariance.T),
            "MultivariateNormal: the covariance must be finite and symmetric.",
        )
        variances, axes = np.linalg.eigh(self.covariance)
        _require(
            bool(variances.min() >= -1e-9 * max(variances.max(), 1e-300)),
            "MultivariateNormal: the covariance has a negative eigenvalue; it is no covariance.",
        )
        self._factor = axes * np.sqrt(np.maximum(variances, 0.0))

    def quantiles(self, u: Floats) -> dict[str, Floats]:
        """Map uniform numbers (patient, k) to values (patient,) of each parameter."""
        shift = ndtri(u) @ self._factor.T
        if self.log:
            values = self.centre * np.exp(shift)
        else:
            values = np.maximum(self.centre + shift, FLOOR * self.centre)
        return {name: values[:, column] for column, name in enumerate(self.names)}

    def __repr__(self) -> str:
        return f"MultivariateNormal({', '.join(self.names)}{', log=True' if self.log else ''})"


def is_distribution(value: Any) -> bool:
    """Whether a value is a distribution, and not a number."""
    # A number is told by its type: to ask for a protocol takes a hundred times as long. A series of
    # numbers can give its own quantiles, and is none.
    if isinstance(value, float | int | np.number) or hasattr(value, "__array__"):
        return False
    return isinstance(value, Distribution)


def median_of(law: Distribution) -> float:
    """Return the value in the middle of a distribution."""
    return float(law.quantile(np.array([0.5]))[0])


def as_distribution(value: Any, sigma: float) -> Distribution:
    """Return a distribution: itself, or a number with the relative deviation ``sigma``.

    Nothing varies by any share of itself.
    """
    if is_distribution(value):
        return value
    centre = float(value)
    return Normal(centre, sigma * centre) if sigma > 0 and centre > 0 else Fixed(centre)
