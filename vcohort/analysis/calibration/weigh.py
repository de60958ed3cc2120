"""Weights that bring a calibrated cohort's survival to a curve."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from vcohort.analysis.calibration.entropy import entropy_weights
from vcohort.errors import VcohortWarning


def weigh(survival: np.ndarray, target: np.ndarray) -> xr.Dataset:
    """Return the weights that match the curve (day,) on days on which weights can.

    Others are those on which all patients (patient, day) lie on one side of the curve, or on it.
    """
    within = (survival.min(axis=0) < target) & (target < survival.max(axis=0))
    if not within.any():
        warnings.warn(
            "No weights bring the patients nearer to the trial: on every day its curve lies "
            "outside what they show. All weigh the same. Free other parameters, or give more days.",
            VcohortWarning,
            stacklevel=4,
        )
        return entropy_weights(np.ones(len(survival)), 1.0)
    return entropy_weights(survival[:, within], target[within], tolerance=1e-3)
