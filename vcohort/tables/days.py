"""Units of time, as trials give them, in days."""

from __future__ import annotations

from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.given import as_array, floats, unit_of

# A year of 365.25 days, and its twelfth.
_DAYS = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
_SHORT = {"d": "day", "w": "week", "wk": "week", "mo": "month", "y": "year", "yr": "year"}

UNITS = tuple(_DAYS)

TIMES = {"time": "day"} | {f"{unit}{end}": unit for unit in UNITS for end in ("", "s")}
"""Names of columns that hold a time, and the unit that each tells."""


def days_in(name: str, unit: str | None) -> float:
    """Return how many days the unit of ``name`` has; one without a unit is in days.

    :raises VcohortError: for what is no day, week, month or year.
    """
    if unit is None:
        return 1.0
    text = unit.strip().lower()
    one = text if len(text) < 3 else text.removesuffix("s")
    one = _SHORT.get(one, one)
    if one not in _DAYS:
        raise VcohortError(
            f"The unit of {name} is {unit!r}: it must be one of {', '.join(_DAYS)}. Convert it to "
            "days."
        )
    return _DAYS[one]


def days_of(name: str, given: Any) -> np.ndarray:
    """Return a list of days (n,), one number among them, as :func:`in_days` reads them."""
    found = np.atleast_1d(in_days(name, given))
    if found.ndim > 1:
        raise VcohortError(
            f"{name} has the shape {found.shape}: it must be a list of days, of one dimension."
        )
    return found


def day_of(name: str, given: Any) -> float:
    """Return one day, as :func:`in_days` reads it."""
    found = in_days(name, given)
    if found.ndim:
        raise VcohortError(f"{name} = {given!r} is impossible: it must be one day.")
    return float(found)


def in_days(name: str, given: Any) -> np.ndarray:
    """Return days as float64, of numbers whose ``units`` may be others, or of spans of time.

    :raises VcohortError: for dates, texts, truth values, other units.
    """
    values = as_array(given)
    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "D")
    if values.dtype.kind == "M":
        raise VcohortError(f"{name} holds dates: give numbers of days since the first infusion.")
    return floats(name, given) * days_in(name, unit_of(given))
