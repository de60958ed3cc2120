"""Values below a limit: where a table says so, each is the limit, and known to be below it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.trials.rows import Rows

_LIMIT = "limit={'C_per_ul': 0.5}"


def checked_limits(limit: Any) -> Mapping[str, float] | float | None:
    """Return the user's limit, one for all or by observable, in the units of the table."""
    if limit is None:
        return None
    named = limit if isinstance(limit, Mapping) else {"": limit}
    found = {str(name): number("limit", each) for name, each in named.items()}
    for each in found.values():
        if not 0 < each < math.inf:
            raise VcohortError(f"limit = {each:g} is impossible: it must be above 0.")
    return found if isinstance(limit, Mapping) else found[""]


def limited(rows: Rows, limit: Mapping[str, float] | float | None, two_ends: bool) -> Rows:
    """Return the rows with what is below its limit at the limit.

    A row is below it where it says so, or where nothing says so and the value is smaller.

    :param two_ends: whether a limit below a value is the lower end of an interval, as Monolix has
        it: it counts where the row is flagged, and one of 0 is none.
    :raises VcohortError: for rows that contradict their limits or need one; a limit above all
        values.
    """
    names = np.array([kind.name for kind in rows.kind])
    told = _told(rows, names, limit)
    below = rows.below if rows.flagged is None else rows.below | rows.flagged
    value, own = rows.value, ~np.isnan(rows.value)
    rows.refuse_where(value < 0, "It must be at least 0")
    if two_ends:
        rows.refuse_where(below & (rows.limit > 0) & (rows.limit < value),
                          "Its limit is lower, and so it lies in an interval, which is not known "
                          "here: make LIMIT 0 where a value may be anything below")  # fmt: skip
        told = np.where(own & (rows.limit <= value), np.nan, told)
    rows.refuse_where(told <= 0, "Its limit must be above 0")
    missing = below & ~own & np.isnan(told)
    rows.refuse_where(missing, f"It is below a limit, and which is not told: {_LIMIT}")
    smaller = own & (value < told)
    if rows.flagged is not None:
        rows.refuse_where(smaller & ~below, "It is below its limit, and the row says that it is "
                          "not")  # fmt: skip
    rows.refuse_where(below & own & (value > told), "The row says that it is below its limit, and "
                      "it is above")  # fmt: skip
    _refuse_nothing_above(rows, names, told, below, smaller)
    exact = rows.below & own  # A cell such as <0.5 tells its own.
    limits = np.where(exact | np.isnan(told), value, told)
    is_below = below | smaller
    return rows._replace(value=np.where(is_below, limits, value), below=is_below)


def _told(rows: Rows, names: np.ndarray, limit: Mapping[str, float] | float | None) -> np.ndarray:
    """Return the limit of each row: that of its own, else the user's; NaN where none is told."""
    if limit is None:
        return rows.limit
    given = limit if isinstance(limit, Mapping) else dict.fromkeys(names, limit)
    for name in given:
        if name not in names:
            raise VcohortError(
                f"limit is given for {name!r}, and nothing of it was measured. Known here: "
                f"{', '.join(dict.fromkeys(names))}."
            )
    users = np.array([given.get(name, np.nan) for name in names], float)
    rows.refuse_where((rows.limit != users) & ~np.isnan(rows.limit) & ~np.isnan(users),
                      "The table tells another limit than limit=…: give one of them")  # fmt: skip
    return np.where(np.isnan(rows.limit), users, rows.limit)


def _refuse_nothing_above(
    rows: Rows, names: np.ndarray, told: np.ndarray, below: np.ndarray, smaller: np.ndarray
) -> None:
    """Refuse a limit above all values of an observable: it is in another unit, or of another."""
    for name in dict.fromkeys(names):
        mine = names == name
        if (below | smaller)[mine].all() and (smaller & ~below)[mine].any():
            largest = rows.value[mine & ~below].max()
            raise VcohortError(
                f"The limit of {name}, {np.nanmax(told[mine]):g}, is above all its values, of "
                f"which the largest is {largest:g}: nothing would have been measured. Is it in "
                "another unit?"
            )
