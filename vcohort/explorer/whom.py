"""Whom an arm helps: the change of P(cure) of patients with low and with high values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vcohort.explorer.outlook import Outlook

# Parameters that part those who gain from those who do not.
_MOST = 5


def gains(first: Outlook, other: Outlook) -> pd.DataFrame:
    """Return the mean change of P(cure) between two arms of the same patients, by their values.

    A row per parameter, those first that part the patients most: percentage points of the third
    with the lowest values in the first arm, of the middle, and of the third with the highest.
    """
    change = 100.0 * (other.chances - first.chances)
    means = {name: _of_thirds(values, change) for name, values in first.values.items()
             if np.ptp(values) > 0.0}  # fmt: skip
    order = sorted(means, key=lambda name: -float(np.ptp(means[name])))[:_MOST]
    columns = ("lowest third", "middle", "highest third")
    return pd.DataFrame([
        {"parameter": name, **{column: f"{mean:+.1f}" for column, mean in
                               zip(columns, means[name], strict=True)}}
        for name in order
    ])  # fmt: skip


def _of_thirds(values: np.ndarray, change: np.ndarray) -> list[float]:
    thirds = np.array_split(np.argsort(values, kind="stable"), 3)
    return [float(np.nanmean(change[part])) for part in thirds]
