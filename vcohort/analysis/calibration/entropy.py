"""Weights of patients that match given statistics and say as little else as possible."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from vcohort.analysis.calibration.statistics import Match, match
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import number
from vcohort.simulation.dataset import provenance

# A statistic that is missed by more than this share of its spread is not matched.
_MISSED = 0.02


def entropy_weights(
    statistics: ArrayLike, targets: ArrayLike, *, tolerance: float = 1e-4
) -> xr.Dataset:
    """Return patient weights of least divergence from uniform that match statistics.

    Of all weights with the weighted means ``targets`` they have the greatest entropy (Jaynes 1957,
    Phys. Rev. 106:620): w = exp(lambda . f) / Z, lambda by Newton's method on the convex dual.
    A target that only the patients with the least (or the largest) value reach gives all weight to
    them.

    :param statistics: of each patient, (patient, k): any function of theirs; of truth values the
        share that is true. An array, a data frame or a dataset, a DataArray with the dimension
        ``patient``, columns by name.
    :param targets: what the weighted means should be, (k,). By name where statistics and targets
        both have names (a series, a dict, a DataArray with a coordinate), else in order.
    :param tolerance: weight of the squared multipliers, which lets statistics that contradict
        each other be missed a little.
    :return: ``weight`` (patient,), mean 1; ``target``, ``unweighted``, ``weighted`` (statistic,),
        with the statistics' names if they have any; attributes ``effective_patients`` (Kish) and
        ``divergence`` from uniform, in nats.
    :raises VcohortError: for shapes or names that do not fit, values that are not finite numbers,
        and targets outside what any patient shows.
    """
    tolerance = number("tolerance", tolerance)
    if not 0 <= tolerance < np.inf:
        raise VcohortError(f"tolerance = {tolerance:g} is impossible: it must be at least 0.")
    asked = match(statistics, targets)
    found, wanted = asked.statistics, asked.targets
    eligible = _eligible(asked)
    weight = np.zeros(len(found))
    weight[eligible] = _solve(_gaps(found[eligible], wanted), tolerance) / eligible.mean()
    weighted = weight @ found / len(weight)
    missed = np.abs(weighted - wanted) / _spread(found)
    if missed.max() > _MISSED:
        worst = int(missed.argmax())
        warnings.warn(
            f"Statistic {asked.names[worst]} is missed by {missed[worst]:.2g} of its spread: the "
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
        coords={"statistic": list(asked.names)} if asked.is_named else None,
        attrs={
            "effective_patients": float(weight.sum() ** 2 / (weight**2).sum()),
            "divergence": float(np.mean(weight * np.log(np.maximum(weight, 1e-300)))),
            **provenance("entropy_weights"),
        },
    )


def _eligible(asked: Match) -> np.ndarray:
    """Return which patients (patient,) may have weight.

    A mean at the edge of what patients show is reached only by those on the edge: the others'
    weights tend to 0 as the target tends there.
    """
    eligible = np.ones(len(asked.statistics), bool)
    before = 0
    while eligible.sum() != before:
        before = eligible.sum()
        for name, values, target in zip(
            asked.names, asked.statistics.T, asked.targets, strict=True
        ):
            low, high = values[eligible].min(), values[eligible].max()
            # A mean of equal numbers is rounded.
            slack = 1e-12 * max(abs(low), abs(high))
            if not low - slack <= target <= high + slack:
                raise VcohortError(
                    f"Target {name} is {target:g}, but no patient is outside {low:g} … {high:g}: "
                    "no weights reach it. Widen the population."
                )
            if not low + slack < target < high - slack:
                edge = low if target <= low + slack else high
                eligible &= np.abs(values - edge) <= slack
    return eligible


def _spread(found: np.ndarray) -> np.ndarray:
    """Return the standard deviations (statistic,), 1 where nothing varies."""
    varies = found.min(axis=0) < found.max(axis=0)
    return np.where(varies, found.std(axis=0), 1.0)


def _gaps(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return distances to the targets (patient, statistic) in spreads, 0 where nothing varies."""
    varies = found.min(axis=0) < found.max(axis=0)
    return np.where(varies, (found - wanted) / _spread(found), 0.0)


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

    # In a few more steps than by default the means are met to eight digits.
    found = minimize(dual, np.zeros(gap.shape[1]), jac=slope, hess=curvature,
                     method="trust-exact", options={"gtol": 1e-8})  # fmt: skip
    return weigh(found.x)[0]
