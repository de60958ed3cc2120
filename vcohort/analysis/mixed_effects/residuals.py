"""Residuals of a trial's measurements against a fitted population."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm


def conditional_residuals(
    value: np.ndarray, predicted: np.ndarray, slopes: np.ndarray, random: np.ndarray,
    covariance: np.ndarray, width: np.ndarray, seen: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return conditional weighted residuals (patient, row), NaN where nothing was observed.

    The course is taken as linear about each patient's likeliest random effects: measurements have
    the mean f - J eta and the covariance J Omega J' + W^2 (Hooker, Staatz & Karlsson 2007, Pharm.
    Res. 24:2187). ``slopes`` (…, row, random); ``width`` (…, row).
    """
    found = np.full(value.shape, np.nan)
    for patient in range(len(value)):
        rows = seen[patient]
        if not rows.any():
            continue
        along = slopes[patient][rows]
        left = value[patient, rows] - (predicted[patient, rows] - along @ random[patient])
        total = along @ covariance @ along.T + np.diag(width[patient, rows] ** 2)
        worth, axes = np.linalg.eigh(total)
        found[patient, rows] = axes @ ((axes.T @ left) / np.sqrt(worth))
    return found


def prediction_errors(value: np.ndarray, drawn: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return normalised prediction distribution errors (patient, row), NaN where nothing was seen.

    Each patient's measurements, and those of replicates ``drawn`` (replicate, …), are uncorrelated
    by the replicates' mean and covariance; the share of replicates below is standard normal after
    the quantile function, if the model is right (Brendel et al. 2006, Pharm. Res. 23:2036).
    """
    found, count = np.full(value.shape, np.nan), len(drawn)
    for patient in range(len(value)):
        rows = seen[patient]
        if not rows.any():
            continue
        own = drawn[:, patient, rows]
        mean = own.mean(axis=0)
        root = np.linalg.cholesky(np.cov(own, rowvar=False).reshape(len(mean), len(mean)))
        freed = np.linalg.solve(root, (own - mean).T)
        here = np.linalg.solve(root, value[patient, rows] - mean)
        share = (freed < here[:, None]).mean(axis=1)
        found[patient, rows] = norm.ppf(np.clip(share, 0.5 / count, 1.0 - 0.5 / count))
    return found
