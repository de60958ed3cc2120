"""Numbers as users give them: of any kind, made float64 before any work."""

from __future__ import annotations

import reprlib
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcohort.errors import VcohortError


def floats(name: str, value: Any) -> NDArray[np.float64]:
    """Return a number, or a list, array or series of numbers by position, as float64.

    Of JAX's whole numbers only 32 bits are kept: 1e11 cells among them would become another number.

    :raises VcohortError: for texts, truth values, complex numbers, what is masked or no number.
    """
    try:
        found = np.asarray(value)
    except (TypeError, ValueError):
        found = np.asarray(None)
    if np.ma.is_masked(value) or not _are_numbers(found):
        raise VcohortError(
            f"{name} = {reprlib.repr(value)} is impossible: it must be a number, or an array of "
            "numbers."
        )
    return found.astype(np.float64, copy=False)


def number(name: str, value: Any) -> float:
    """Return one number; refuse all else, as :func:`floats` does."""
    found = floats(name, value)
    if found.ndim:
        raise VcohortError(f"{name} = {reprlib.repr(value)} is impossible: it must be one number.")
    return float(found)


def whole(name: str, value: Any, below: int = 2**64, least: int = 0) -> int:
    """Return a whole number, of Python or numpy, from ``least`` to ``below``; refuse all else."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (is_whole and least <= value < below):
        raise VcohortError(
            f"{name} = {value!r} is impossible: it must be a whole number, at least {least} and at "
            f"most {below - 1:.4g}."
        )
    return int(value)


def refuse_narrow(name: str, traced: Any) -> None:
    """Refuse a value that is traced as a whole number of 32 bits or less.

    It may have been a larger one before: JAX keeps its last bits without a word.
    """
    if traced.dtype.kind in "iub" and traced.dtype.itemsize < 8:
        raise VcohortError(
            f"{name} is traced as {traced.dtype}, which holds no number above 2^31. Give what is "
            "traced as floats, such as 1e11."
        )


def _are_numbers(array: np.ndarray) -> bool:
    if array.dtype != object:
        return array.dtype.kind in "iuf"
    return all(
        isinstance(each, Real | Decimal) and not isinstance(each, bool) for each in array.flat
    )
