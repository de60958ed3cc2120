"""Visual predictive checks: quantiles of what was seen, beside those of replicates of the trial."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

QUANTILES = (0.05, 0.5, 0.95)

# Ends of the interval of replicates.
_ENDS = (0.05, 0.5, 0.95)

# As many days as may be a bin each; other days are put into so many bins of equal counts.
_MOST_DAYS, _BINS = 12, 8


class Check(NamedTuple):
    """Of one observable, arrays with the bin last.

    ``day``: the median of each bin; ``number``: of its data; ``below``: share below the limit, and
    both ends of that of replicates (3,); ``seen`` (quantile,); ``drawn`` (low, middle and high,
    quantile). A quantile that lies below the limit is NaN.
    """

    day: np.ndarray
    number: np.ndarray
    below: np.ndarray
    seen: np.ndarray
    drawn: np.ndarray


def bins_of(day: np.ndarray) -> np.ndarray:
    """Return the bin (row,) of each day (row,)."""
    days = np.unique(day)
    if len(days) <= _MOST_DAYS:
        return np.searchsorted(days, day)
    edges = np.unique(np.quantile(day, np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.searchsorted(edges, day, side="right")


def check(
    day: np.ndarray, value: np.ndarray, is_below: np.ndarray, drawn: np.ndarray,
    drawn_below: np.ndarray,
) -> Check:  # fmt: skip
    """Return the check of values (row,) against replicates (replicate, row)."""
    place = bins_of(day)
    parts = []
    for each in np.unique(place):
        rows = place == each
        seen = _quantiles(np.where(is_below, -np.inf, value)[rows][None])[0]
        of_drawn = _quantiles(np.where(drawn_below, -np.inf, drawn)[:, rows])
        with np.errstate(invalid="ignore"):
            ends = np.quantile(of_drawn, _ENDS, axis=0, method="closest_observation")
        shares = drawn_below[:, rows].mean(axis=1)
        low, high = np.quantile(shares, (_ENDS[0], _ENDS[-1]))
        below = np.array([is_below[rows].mean(), low, high])
        parts.append((np.median(day[rows]), rows.sum(), below, seen, ends))
    stacked = [np.stack([part[number] for part in parts], axis=-1) for number in range(5)]
    return Check(*(np.where(np.isfinite(each), each, np.nan) for each in stacked))


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Return quantiles (…, quantile) over the last axis; -inf where they lie below the limit."""
    ordered = np.sort(values, axis=-1)
    at = np.array(QUANTILES) * (values.shape[-1] - 1)
    low, high = ordered[..., np.floor(at).astype(int)], ordered[..., np.ceil(at).astype(int)]
    with np.errstate(invalid="ignore"):
        between = low + (at - np.floor(at)) * (high - low)
    return np.where(np.isfinite(low), between, -np.inf)
