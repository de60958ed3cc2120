"""How well data tell parameters: the inverse of the Fisher information."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# An eigenvalue of less than this share of the largest is one of a direction that nothing tells; of
# such a direction a parameter holds a part by its squared component.
_LEAST, _PART = 1e-14, 1e-7


class Told(NamedTuple):
    """Eigenvalues (…, direction) and directions (…, direction, parameter) of an information.

    Of a Jacobian, the largest first.
    """

    worth: np.ndarray
    axes: np.ndarray

    @classmethod
    def by(cls, jacobian: np.ndarray) -> Told:
        """Return that of residuals, each in its error, by their Jacobian (datum, parameter).

        By its singular values: J'J would lose half of the digits.
        """
        lacking = max(0, jacobian.shape[1] - jacobian.shape[0])
        square = np.pad(jacobian, ((0, lacking), (0, 0)))
        _, singular, axes = np.linalg.svd(square, full_matrices=False)
        return cls(singular**2, axes)

    @classmethod
    def of(cls, information: np.ndarray) -> Told:
        """Return that of symmetric matrices (…, parameter, parameter)."""
        worth, axes = np.linalg.eigh(information)
        return cls(worth, np.swapaxes(axes, -1, -2))

    @property
    def condition_number(self) -> float:
        """Largest to least singular value of the residuals' Jacobian."""
        least = self.worth.min()
        return float(np.sqrt(self.worth.max() / least)) if least > 0 else float("inf")

    def covariance(self, least: float = _LEAST) -> np.ndarray:
        """Return the covariance (…, parameter, parameter) of the estimates.

        NaN for parameters that take part in a direction that nothing tells: one of less than the
        share ``least`` of the largest eigenvalue, which is rounding.
        """
        told = self.worth > least * self.worth.max(axis=-1, keepdims=True)
        variance = np.where(told, 1.0 / np.where(told, self.worth, 1.0), 0.0)
        found = np.einsum("...dp,...d,...dq->...pq", self.axes, variance, self.axes)
        lost = np.einsum("...dp,...d->...p", self.axes**2, ~told) > _PART
        return np.where(lost[..., :, None] | lost[..., None, :], np.nan, found)

    def standard_errors(self) -> np.ndarray:
        """Return the standard errors (…, parameter) of the estimates; NaN as in the covariance."""
        return np.sqrt(np.einsum("...pp->...p", self.covariance()))


def correlation_of(covariance: np.ndarray) -> np.ndarray:
    """Return correlations (…, parameter, parameter)."""
    deviation = np.sqrt(np.einsum("...pp->...p", covariance))
    return covariance / deviation[..., :, None] / deviation[..., None, :]
