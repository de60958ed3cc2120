"""Optimisers ask for value and slope at one place in two calls: the second is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Both: TypeAlias = tuple[np.ndarray, np.ndarray]
"""A value and its Jacobian."""


def remember_last(function: Callable[..., Both]) -> Callable[..., Both]:
    """Return ``function(position, *more)`` that computes nothing anew where it was called last."""
    seen: dict[tuple[bytes, tuple[float, ...]], Both] = {}

    def remembered(position: np.ndarray, *more: float) -> Both:
        key = (np.asarray(position, float).tobytes(), more)
        if key not in seen:
            seen.clear()
            seen[key] = function(position, *more)
        return seen[key]

    return remembered
