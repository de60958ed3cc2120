"""The time grid that all patients share: fine after an infusion, coarse later."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Steps grow in proportion to the time since infusion plus this many days. Against powers
# t = T (k/n)^p, p = 2 to 6, such a grid has a fifth of the error at the same number of steps.
_SCALE = 2.0

LADDER = (32, 48, 64, 80, 96, 112, 128, 160, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Numbers of steps in use: few of them, so that few programs are compiled."""


def time_grid(horizon: float, steps: int, knots: Iterable[float] = ()) -> Floats:
    """Return the days (steps + 1,) from 0 to ``horizon``, every knot among them.

    ``steps`` are spread over the intervals between knots in proportion to the plain
    grid's density, at least one each; at least as many are taken as there are intervals.
    """
    inside = [day for day in knots if 0.0 < day < horizon]
    edges = np.unique(np.array([0.0, *inside, horizon]))
    marks = np.log1p(edges / _SCALE)
    counts = _apportion(np.diff(marks), max(steps, edges.size - 1))
    pieces = [
        _SCALE * np.expm1(np.linspace(marks[i], marks[i + 1], count, endpoint=False))
        for i, count in enumerate(counts)
    ]
    days = np.concatenate([*pieces, [horizon]])
    days[np.concatenate([[0], np.cumsum(counts)])] = edges
    return days


def _apportion(shares: Floats, total: int) -> np.ndarray:
    """Split ``total`` in proportion to ``shares``, at least one each (largest remainders)."""
    ideal = shares / shares.sum() * total
    counts = np.maximum(np.floor(ideal), 1.0)
    while counts.sum() < total:
        counts[np.argmax(ideal - counts)] += 1.0
    while counts.sum() > total:
        counts[np.argmax(np.where(counts > 1.0, counts - ideal, -np.inf))] -= 1.0
    return counts.astype(np.int64)
