"""Information criteria, and the weights that they give to models."""

from __future__ import annotations

import numpy as np


def criteria(
    deviance: np.ndarray, number: np.ndarray, counted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return AIC, AICc and BIC (patient, model).

    Of -2 ln likelihood (patient, model), numbers of data (patient, 1), and of parameters that are
    counted (model,).
    """
    aic = deviance + 2 * counted
    spare = number - counted - 1
    more = 2 * counted * (counted + 1) / np.where(spare > 0, spare, 1)
    aicc = np.where(spare > 0, aic + more, np.inf)
    return aic, aicc, deviance + counted * np.log(number)


def weights_of(criterion: np.ndarray) -> np.ndarray:
    """Return exp(-difference / 2), normalised; NaN where no model has a criterion."""
    least = criterion.min(axis=1, keepdims=True)
    raw = np.exp(-0.5 * (criterion - np.where(np.isfinite(least), least, np.nan)))
    return raw / raw.sum(axis=1, keepdims=True)
