"""Units of measurements as laboratories give them, made those of the observables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from vcohort.errors import VcohortError
from vcohort.given import by_name, number, spelt
from vcohort.measurements.observables import Observable
from vcohort.tables.days import TIMES, days_in
from vcohort.tables.table import Table
from vcohort.trials.rows import Rows

Unit: TypeAlias = str | tuple[str, float]
"""A unit; with a number, how many of the observable's own unit one of it is."""

Convert: TypeAlias = Callable[[np.ndarray], np.ndarray]

# How many of an observable's unit one of another is.
_FACTORS = {
    "cells/ul": {"cells/mm3": 1.0, "cells/ml": 1e-3, "cells/l": 1e-6},
    "ml": {"cm3": 1.0, "cc": 1.0, "mm3": 1e-3, "ul": 1e-3, "l": 1e3, "dl": 100.0},
    "cells": {},
    "copies/ug": {"copies/ng": 1e3},
}

# Centimetres in one unit of a diameter.
_DIAMETERS = {"mm": 0.1, "cm": 1.0}

_EXAMPLE = "{'C_per_ul': 'cells/ml', 'B_ml': 'mm'}"


def checked_units(units: Any) -> dict[str, Unit]:
    """Return units by the name of what is in them, each a text, or a text and a factor."""
    found: dict[str, Unit] = {}
    for name, unit in by_name("units", units, _EXAMPLE).items():
        text, factor = unit if isinstance(unit, tuple | list) and len(unit) == 2 else (unit, None)
        if not isinstance(name, str) or not isinstance(text, str) or not text.strip():
            raise VcohortError(
                f"units[{name!r}] = {unit!r} is no unit. Try {_EXAMPLE}, or with a factor, "
                "{'C_per_ul': ('copies/ug', 0.05)}."
            )
        if factor is None:
            found[name] = text
            continue
        factor = number(f"factor of units[{name!r}]", factor)
        if not 0 < factor < math.inf:
            raise VcohortError(f"The factor of units[{name!r}], {factor:g}, must be above 0.")
        found[name] = text, factor
    return found


def converter(kind: Observable, unit: Unit | None) -> Convert:
    """Return what makes values in a unit those of an observable; None is the observable's own.

    A diameter, in mm or cm, becomes the volume of a sphere, pi d^3 / 6.

    :raises VcohortError: for a unit that does not say how.
    """
    if unit is None:
        return lambda values: values
    text, given = unit if isinstance(unit, tuple) else (unit, None)
    factor = _factor(kind.unit, text) if given is None else given
    if factor is not None:
        return lambda values: values * factor
    if spelt(kind.unit) == "ml" and spelt(text).lower() in _DIAMETERS:
        length = _DIAMETERS[spelt(text).lower()]
        return lambda values: np.pi / 6.0 * (length * values) ** 3
    raise VcohortError(
        f"{kind.name} is in {kind.unit}, and what one {text} is in it is not known. Say it: "
        f"units={{{kind.name!r}: ({text!r}, 0.05)}}, if one {text} is 0.05 {kind.unit}."
    )


def dose_factor(unit: Unit | None) -> float:
    """Return how many cells the unit of doses is."""
    if unit is None:
        return 1.0
    text, given = unit if isinstance(unit, tuple) else (unit, None)
    factor = _factor("cells", text) if given is None else given
    if factor is None:
        raise VcohortError(
            f"How many cells of a dose one {text} is, is not known. Say it: units={{'dose': "
            f"({text!r}, 1e6)}}, if it is a million."
        )
    return factor


def _factor(wanted: str, told: str) -> float | None:
    """Return how many of the unit wanted one of that told is, None where that is not known.

    Both may begin with a power of ten, as in 1e6 cells, 10^9/l or G/l; cells are counted where
    none are named.
    """
    wanted, told = spelt(wanted), spelt(told)
    power, plain = _power(told)
    known = {wanted.lower(): 1.0} | _FACTORS.get(wanted.lower(), {})
    for text in (plain.lower(), f"cells{plain.lower()}"):
        if text in known:
            return power * known[text]
    return None


def _power(unit: str) -> tuple[float, str]:
    if unit.lower() in {"g/l", "gpt/l"}:
        return 1e9, "/l"
    found = re.fullmatch(r"(?:(?:10\^?|1e)\+?(\d+)|x10\^?(\d+)|10\*\*?(\d+))[*x]?(\D.*)", unit)
    if not found:
        return 1.0, unit
    return 10.0 ** int(next(filter(None, found.groups()[:3]))), found[4]


def refuse_unused(units: Mapping[str, Unit], known: Sequence[str]) -> None:
    """Refuse units of what the table does not have."""
    for name in units:
        if name not in known:
            raise VcohortError(
                f"units are given for {name!r}, and the data have none of it. Known here: "
                f"{', '.join(dict.fromkeys(known))}."
            )


def timed(table: Table, names: Iterable[str], unit: Unit | None) -> Table:
    """Return the table with a unit for its columns of days; those in hours as days."""
    if unit is None:
        return table
    text = unit if isinstance(unit, str) else unit[0]
    if text.strip().lower() not in {"h", "hr", "hrs", "hour", "hours"}:
        days_in("time", text)
        return replace(table, units=table.units | dict.fromkeys(names, text))
    for name in names:
        if name.lower() in TIMES and name.lower() != "time":
            raise VcohortError(f"The unit of {name} is {text!r}, and its name says another.")
    hours = {name: list(table.numbers(name) / 24.0) for name in names}
    return _converted(table, hours)


def dosed(table: Table, name: str, unit: Unit | None) -> Table:
    """Return the table with doses in cells."""
    if unit is None:
        return table
    return _converted(table, {name: list(table.numbers(name) * dose_factor(unit))})


def _converted(table: Table, columns: Mapping[str, list[float]]) -> Table:
    """Return the table with columns that carry no unit any more."""
    units = {name: unit for name, unit in table.units.items() if name not in columns}
    return replace(table, columns={**table.columns, **columns}, units=units)


def in_own_units(rows: Rows, units: Mapping[str, Unit], told: Mapping[str, str]) -> Rows:
    """Return measurements in the units of their observables.

    ``told``: by column, the units that the table itself carries.
    """
    value = rows.value.copy()
    for row, (kind, column) in enumerate(zip(rows.kind, rows.column, strict=True)):
        own = rows.unit[row] or told.get(column)
        unit = units.get(kind.name, own)
        text = unit[0] if isinstance(unit, tuple) else unit
        if own and text and spelt(own) != spelt(text):
            raise VcohortError(
                f"The unit of {kind.name} is {own!r} in {rows.place[row]}, and {text!r} in units. "
                "Which of them is meant?"
            )
        value[row] = converter(kind, unit)(value[row])
    has_error = ~np.isnan(rows.error)
    changed = has_error & (value != rows.value)
    rows.refuse_where(changed, "It has an error, and whether that is of the value or of its log is "
                      "not told: give both in the observable's unit")  # fmt: skip
    return rows._replace(value=value)
