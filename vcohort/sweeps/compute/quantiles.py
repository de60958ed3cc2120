"""Quantiles of many cells: by sorting, or by histograms that can be added up.

Written once for ``numpy`` and ``jax.numpy``: on a CPU the first sorts ten times as fast, on an
accelerator the second sorts where the numbers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# A bin is 2^-10 of its value wide, from 2^-20 to 2^64: days and cells alike. The first bin is for
# what is negative, the second for 0 and what is smaller, the last for what is larger.
_DIGITS, _LOWEST, _HIGHEST = 10, -20, 64
_BIAS = 127
_FIRST_BIN = (_LOWEST + _BIAS) << _DIGITS
BINS = ((_HIGHEST - _LOWEST) << _DIGITS) + 3


def sorted_quantiles(xp: Any, values: Any, inside: Any, levels: Sequence[float]) -> Any:
    """Return the quantiles (cell, level) of values (cell, patient) where ``inside``.

    Linear between order statistics (Hyndman & Fan 1996, type 7, as ``numpy.quantile``); NaN
    where a cell has none.
    """
    count = xp.sum(inside, axis=1)[:, None]
    ordered = xp.sort(xp.where(inside, values, xp.inf), axis=1)
    place = xp.asarray(levels)[None] * (count - 1)
    lower = xp.maximum(xp.floor(place), 0).astype("int64")
    upper = xp.minimum(lower + 1, xp.maximum(count - 1, 0))
    at_lower, at_upper = (
        xp.where(count > 0, xp.take_along_axis(ordered, index, axis=1).astype("float64"), xp.nan)
        for index in (lower, upper)
    )
    return at_lower + (at_upper - at_lower) * (place - lower)


def histogram(xp: Any, values: Any, inside: Any) -> Any:
    """Return how many of the values (patient,) that are ``inside`` fall in each bin (bin,).

    A bin is a range of float32's own digits.
    """
    values = xp.asarray(values).astype("float32")
    bits = xp.where(values > 0, values, 0).view("int32") >> (23 - _DIGITS)
    number = xp.where(values < 0, 0, xp.clip(bits - _FIRST_BIN + 2, 1, BINS - 1))
    # JAX wants to know the size of the result, whatever the values.
    size = {"minlength": BINS + 1} if xp is np else {"length": BINS + 1}
    return xp.bincount(xp.where(inside, number, BINS), **size)[:BINS]


def histogram_quantiles(counts: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the quantiles (level,) that a histogram tells: within a thousandth of their value.

    NaN where they lie outside its range.
    """
    total = int(counts.sum())
    if not total:
        return np.full(len(levels), np.nan)
    reached = np.cumsum(counts)
    place = np.asarray(levels) * (total - 1)
    number = np.searchsorted(reached, place, side="right")
    before = reached[number] - counts[number]
    share = (place - before + 0.5) / counts[number]
    edges = ((np.arange(BINS - 2) + _FIRST_BIN) << (23 - _DIGITS)).astype(np.int32)
    edges = np.concatenate([[np.nan, 0.0], edges.view(np.float32).astype(np.float64), [np.nan]])
    low, high = edges[number], edges[number + 1]
    # Of the second bin all but nothing is 0: a cured tumour's cells.
    return np.where(number == 1, 0.0, low + (high - low) * np.clip(share, 0.0, 1.0))
