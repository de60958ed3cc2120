"""Weights of patients that match given statistics and say as little else as possible."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from vcohort.dataset import provenance
from vcohort.errors import VcohortError, VcohortWarning

# A statistic that is missed by more than this share of its spread is not matched.
_MISSED = 0.02


def entropy_weights(
    statistics: ArrayLike, targets: ArrayLike, *, tolerance: float = 1e-4
) -> xr.Dataset:
    """Return patient weights of least divergence from uniform that match statistics.

    Of all weights with the weighted means ``targets`` they have the greatest entropy (Jaynes 1957,
    Phys. Rev. 106:620): w = exp(lambda . f) / Z, lambda by Newton's method on the convex dual.

    :param statistics: of each patient, (patient, k): any function of theirs.
    :param targets: what the weighted means should be, (k,).
    :param tolerance: weight of the squared multipliers, which lets statistics that contradict
        each other be missed a little.
    :return: ``weight`` (patient,), mean 1; ``target``, ``unweighted``, ``weighted`` (statistic,);
        attributes ``effective_patients`` (Kish) and ``divergence`` from uniform, in nats.
    :raises VcohortError: for shapes that do not fit, values that are not finite, and targets
        outside what any patient shows.
    """
    found, wanted = np.asarray(statistics, float), np.atleast_1d(np.asarray(targets, float))
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or wanted.shape != (found.shape[1],):
        raise VcohortError(
            f"statistics of shape {found.shape} need as many targets as columns, not "
            f"{wanted.shape}: give (patient, k) and (k,)."
        )
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise VcohortError("statistics and targets must be finite numbers.")
    for column, (low, high) in enumerate(zip(found.min(axis=0), found.max(axis=0), strict=True)):
        if not low <= wanted[column] <= high:
            raise VcohortError(
                f"Target {column} is {wanted[column]:g}, but no patient is outside {low:g} … "
                f"{high:g}: no weights reach it. Widen the population."
            )
    spread = np.maximum(found.std(axis=0), 1e-12)
    weight = _solve((found - wanted) / spread, tolerance)
    weighted = weight @ found / len(weight)
    missed = np.abs(weighted - wanted) / spread
    if missed.max() > _MISSED:
        warnings.warn(
            f"Statistic {int(missed.argmax())} is missed by {missed.max():.2g} of its spread: the "
            "targets cannot all be met. Widen the population, or match fewer statistics.",
            VcohortWarning,
            stacklevel=2,
        )
    about = {"units": "1"}
    return xr.Dataset(
        {
            "weight": ("patient", weight, about | {"long_name": "weight of the patient, mean 1"}),
            "target": ("statistic", wanted, about | {"long_name": "wanted"}),
            "unweighted": ("statistic", found.mean(axis=0), about | {"long_name": "plain mean"}),
            "weighted": ("statistic", weighted, about | {"long_name": "weighted mean"}),
        },
        attrs={
            "effective_patients": float(weight.sum() ** 2 / (weight**2).sum()),
            "divergence": float(np.mean(weight * np.log(np.maximum(weight, 1e-300)))),
            **provenance("entropy_weights"),
        },
    )


def _solve(gap: np.ndarray, tolerance: float) -> np.ndarray:
    """Return weights (patient,), mean 1, from standardised distances to the targets."""

    def weigh(multipliers: np.ndarray) -> tuple[np.ndarray, float]:
        exponent = gap @ multipliers
        top = exponent.max()
        raw = np.exp(exponent - top)
        return raw / raw.mean(), float(top + np.log(raw.mean()))

    def dual(multipliers: np.ndarray) -> float:
        return weigh(multipliers)[1] + 0.5 * tolerance * float(multipliers @ multipliers)

    def slope(multipliers: np.ndarray) -> np.ndarray:
        return weigh(multipliers)[0] @ gap / len(gap) + tolerance * multipliers

    def curvature(multipliers: np.ndarray) -> np.ndarray:
        weight = weigh(multipliers)[0]
        mean = weight @ gap / len(gap)
        second = (gap * weight[:, None]).T @ gap / len(gap)
        return second - np.outer(mean, mean) + tolerance * np.eye(gap.shape[1])

    found = minimize(dual, np.zeros(gap.shape[1]), jac=slope, hess=curvature, method="trust-exact")
    return weigh(found.x)[0]
