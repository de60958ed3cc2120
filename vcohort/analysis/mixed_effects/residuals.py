"""Residuals of a trial's measurements against a fitted population."""

from __future__ import annotations

import numpy as np
import scipy
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


def prediction_errors(
    value: np.ndarray, drawn: np.ndarray, seen: np.ndarray, limit: np.ndarray, seed: int
) -> np.ndarray:
    """Return normalised prediction distribution errors (patient, row), NaN where there is no row.

    Each patient's measurements, and those of replicates ``drawn`` (replicate, …), are uncorrelated
    by the replicates' mean and covariance; the share of replicates below is standard normal after
    the quantile function, if the model is right (Brendel et al. 2006, Pharm. Res. 23:2036). What
    lies below its ``limit`` (…,; -inf without one), of measurements and of replicates alike, is
    first drawn anew from what the replicates are below it (Nguyen, Comets & Mentré 2012, J.
    Pharmacokinet. Pharmacodyn. 39:499): what was seen alone would be too high.

    :param seen: rows that were measured, those below the limit among them.
    """
    found, random = np.full(value.shape, np.nan), np.random.default_rng(seed)
    for patient in range(len(value)):
        rows = seen[patient]
        if rows.any():
            own = np.concatenate([value[None, patient, rows], drawn[:, patient, rows]])
            found[patient, rows] = _scores(_redrawn(own, limit[patient, rows], random))
    return found


def _redrawn(own: np.ndarray, limit: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return values (1 + replicate, row), those below limits drawn anew from the replicates."""
    is_below = own < limit
    ordered = np.sort(own[1:], axis=0)
    place = random.random(own.shape) * is_below[1:].sum(axis=0)
    drawn = np.take_along_axis(ordered, place.astype(int), axis=0)
    return np.where(is_below, drawn, own)


def _scores(own: np.ndarray) -> np.ndarray:
    """Return normal scores (row,) of the first of (1 + replicate, row) among the others."""
    others = own[1:]
    count = len(others)
    mean = others.mean(axis=0)
    root = np.linalg.cholesky(np.cov(others, rowvar=False).reshape(len(mean), len(mean)))
    freed = scipy.linalg.solve_triangular(root, (own - mean).T, lower=True).T
    # Mean and covariance know the replicates, not the measurements: each is taken as if they did
    # not, by its leverage in the regression on the rows before.
    before = np.cumsum(freed[1:] ** 2, axis=1) - freed[1:] ** 2
    rank = (freed[1:] / (1.0 - 1.0 / count - before / (count - 1.0)) < freed[0]).sum(axis=0)
    return norm.ppf((rank + 0.5) / (count + 1.0))
