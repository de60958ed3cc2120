"""Numbers as users give them: of any kind, made float64 before any work."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping, Set
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
    found = as_array(value)
    if np.ma.is_masked(value) or not _are_numbers(found) or _holds_others(value):
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


def numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return a list, array or series of numbers (n,), as :func:`floats` does; one is one of them.

    :raises VcohortError: also for a table, or an array of several dimensions.
    """
    found = np.atleast_1d(floats(name, value))
    if found.ndim > 1:
        raise VcohortError(
            f"{name} has the shape {found.shape}: it must be a list of numbers, of one dimension."
        )
    return found


def confidence_of(value: Any) -> float:
    """Return the level of confidence of an interval, between 0 and 1."""
    confidence = number("confidence", value)
    if not 0.0 < confidence < 1.0:
        raise VcohortError(
            f"confidence = {confidence:g} is impossible: it must be between 0 and 1."
        )
    return confidence


def is_list(value: Any) -> bool:
    """Whether a value is a list of things in an order: no text, no mapping, no set."""
    # An array of no dimension says that it is iterable.
    is_ordered = isinstance(value, Iterable) and bool(getattr(value, "ndim", 1))
    return is_ordered and not isinstance(value, str | bytes | Mapping | Set)


def names_of(name: str, value: Any, example: str, of: str = "names") -> tuple[str, ...]:
    """Return a list of names, at least one; refuse all else, such as one text or a set.

    ``of``: what they name, for the message.
    """
    found = tuple(value) if is_list(value) else ()
    if not found or not all(isinstance(each, str) for each in found):
        raise VcohortError(
            f"{name} = {reprlib.repr(value)} is no list of {of}, at least one. Try {example}."
        )
    return tuple(str(each) for each in found)


def by_name(what: str, value: Any, example: str) -> dict[Any, Any]:
    """Return what is given by name; refuse all else. None is nothing."""
    if not isinstance(value, Mapping | None):
        raise VcohortError(f"{what} = {reprlib.repr(value)} are not given by name. Try {example}.")
    return dict(value or {})


def truth(name: str, value: Any) -> bool:
    """Return a truth value; refuse all else, of which Python would take most for true."""
    if not isinstance(value, bool | np.bool_):
        raise VcohortError(f"{name} = {reprlib.repr(value)} is impossible: it is True or False.")
    return bool(value)


OWN_UNITS = "vcohort_units"
"""The attribute that keeps a unit as it is spelt here, where ``units`` is that of a file."""


def unit_of(value: Any) -> str | None:
    """Return the unit that an array carries in its attribute ``units``, if it does."""
    attrs = getattr(value, "attrs", None)
    told = attrs.get(OWN_UNITS, attrs.get("units")) if isinstance(attrs, Mapping) else None
    return None if told is None else str(told)


def spelt(unit: str) -> str:
    """Return a unit without blanks, u for both letters that stand for a millionth."""
    return re.sub("[\N{MICRO SIGN}\N{GREEK SMALL LETTER MU}]", "u", "".join(unit.split()))


def check_unit(name: str, value: Any, unit: str) -> None:
    """Refuse an array that carries another unit than the one that it is read in."""
    told = unit_of(value)
    if told is not None and spelt(told) != spelt(unit):
        raise VcohortError(
            f"The unit of {name} is {told!r}, and it is read in {unit}. Convert it, such as by "
            "vc.units, or give its numbers without a unit: values.to_numpy()."
        )


def labels_of(value: Any) -> NDArray[Any] | None:
    """Return the patients that an xarray array (patient,) names in its coordinate, if it does."""
    named = getattr(value, "coords", ())
    if getattr(value, "dims", None) != ("patient",) or "patient" not in named:
        return None
    return np.asarray(value.coords["patient"])


def check_labels(name: str, labels: NDArray[Any] | None, patients: Any) -> None:
    """Refuse values that name other ``patients`` (patient,), or the same in another order.

    They are taken by position: so labels, where there are any, must say the same.
    """
    if labels is not None and not np.array_equal(labels, as_array(patients)):
        raise VcohortError(
            f"{name} is labelled with other patients than the cohort has, or with the same in "
            "another order. Sort it, such as values.sel(patient=cohort.patient), or give "
            "values.to_numpy(), which is taken in the cohort's order."
        )


def whole(name: str, value: Any, below: int = 2**64, least: int = 0) -> int:
    """Return a whole number, of any library, from ``least`` to ``below``; refuse all else."""
    found = as_array(value)
    is_whole = isinstance(value, int) or (not found.ndim and found.dtype.kind in "iu")
    if isinstance(value, bool) or not (is_whole and least <= int(value) < below):
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


def as_array(value: Any) -> np.ndarray:
    """Return an array; of what can be none, such as a ragged list or a traced value, of None."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        return np.asarray(None)


def _holds_others(value: Any) -> bool:
    """Whether a list holds truth values or times, which numpy takes for numbers beside numbers."""
    others = (bool, np.bool_, np.datetime64, np.timedelta64)
    return isinstance(value, list | tuple) and any(isinstance(each, others) for each in value)


def _are_numbers(array: np.ndarray) -> bool:
    if array.dtype != object:
        return array.dtype.kind in "iuf"
    return all(
        isinstance(each, Real | Decimal) and not isinstance(each, bool) for each in array.flat
    )
