"""Measurements as they stand in a table, long or wide: a row for each, in the table's units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.measurements.observables import OBSERVABLES, Observable
from vcohort.regimens.nonmem import dose_rows
from vcohort.tables.cells import is_blank
from vcohort.tables.table import Table
from vcohort.trials.columns import Columns, as_nonmem, days_of
from vcohort.trials.measured import WANTED, measured_of
from vcohort.trials.naming import Naming

# A day in the name of a column, behind what was measured: C_per_ul_day_7, d14.
_ON_A_DAY = re.compile(r"(?:(?P<name>.+?)[ _.@-]+)?d(?:ay)?[ _]?(?P<day>\d+(?:\.\d+)?)", re.I)


class Rows(NamedTuple):
    """Measurements (row,): whose, when, of what; their cells and places in the table.

    ``value``: NaN where a limit alone is told. ``below``: the value is a limit. ``flagged``:
    whether the row says so itself, None where no column does. ``limit``: of the row, NaN where
    none is told; ``unit``: of its value, "" where none is told; ``column``: of the value, for
    messages.
    """

    patient: Sequence[str]
    day: np.ndarray
    kind: Sequence[Observable]
    value: np.ndarray
    below: np.ndarray
    flagged: np.ndarray | None
    limit: np.ndarray
    error: np.ndarray
    unit: Sequence[str]
    place: Sequence[str]
    column: Sequence[str]

    def refuse_where(self, wrong: np.ndarray, why: str) -> None:
        """Refuse the first row that is ``wrong`` (row,)."""
        for row in np.flatnonzero(wrong).tolist():
            value = "" if np.isnan(self.value[row]) else f" = {self.value[row]:g}"
            raise VcohortError(f"{self.column[row]}{value} in {self.place[row]}: {why}.")


def long_rows(table: Table, columns: Columns, naming: Naming) -> Rows:
    """Return the rows that are measurements; of NONMEM and Monolix: no dose, no other event."""
    name = columns["value"]
    cells = table.read(name, lambda cell: measured_of(cell, table.sign), WANTED)
    value = np.array([number for number, _ in cells], float)
    below = np.array([is_below for _, is_below in cells], bool)
    flagged = table.flags_or_blank(columns["below"]) if "below" in columns else None
    limit = _numbers(table, columns, "limit")
    told = ~np.isnan(value) | below | (False if flagged is None else flagged)
    chosen = np.flatnonzero(_are_measurements(table, columns, told))
    kinds = _kinds(table, columns, naming, chosen)
    chosen = np.array([row for row, kind in kinds.items() if kind is not None], int)
    day = table.days(*days_of(table, columns))
    table.refuse_where(~(day >= 0) & np.isin(np.arange(day.size), chosen), columns["day"],
                       "A measurement needs its day, a number, at least 0 (the first infusion's)"
                       )  # fmt: skip
    labels = table.labels(columns["patient"]) if "patient" in columns else ["all"] * len(table)
    return Rows(
        [labels[row] for row in chosen],
        day[chosen],
        [kind for kind in kinds.values() if kind is not None],
        value[chosen],
        below[chosen],
        None if flagged is None else flagged[chosen],
        limit[chosen],
        _numbers(table, columns, "error")[chosen],
        _units(table, columns, chosen),
        [table.places[row] for row in chosen],
        [name] * chosen.size,
    )


def _numbers(table: Table, columns: Columns, role: str) -> np.ndarray:
    return table.numbers(columns[role]) if role in columns else np.full(len(table), np.nan)


def _units(table: Table, columns: Columns, chosen: np.ndarray) -> list[str]:
    """Return what the chosen rows say of their units, "" where that is nothing."""
    cells = table.columns[columns["unit"]] if "unit" in columns else [""] * len(table)
    return ["" if is_blank(cells[row]) else str(cells[row]).strip() for row in chosen]


def _are_measurements(table: Table, columns: Columns, told: np.ndarray) -> np.ndarray:
    """Return which rows measure something; ``told`` (row,): those that hold a measurement.

    A row without one is a gap, unless it says that it is none.
    """
    name, events = columns["value"], np.zeros(len(table))
    if "dose" in columns:
        events = np.where(dose_rows(as_nonmem(table, columns)), 1.0, events)
    if "event" in columns:
        events = np.fmax(np.nan_to_num(table.numbers(columns["event"])), events)
    if "event" in columns and "dose" not in columns:
        table.refuse_where(~np.isin(events, (0, 2)), columns["event"],
                           "It speaks of a dose, and no column AMT says of which")  # fmt: skip
    zero = [not is_blank(cell) and str(cell).strip() in {"0", "0.0"}
            for cell in table.columns[name]]  # fmt: skip
    table.refuse_where((events == 1) & told & ~np.array(zero, bool), name,
                       "The row is a dose, of which nothing is measured: give the measurement a "
                       "row of its own")  # fmt: skip
    if "no value" not in columns:
        return (events == 0) & told
    none = table.flags_or_blank(columns["no value"])
    table.refuse_where((events == 0) & ~told & ~none, name,
                       f"{columns['no value']} says that there is a measurement, and there is "
                       "none: make it 1")  # fmt: skip
    return (events == 0) & ~none


def _kinds(
    table: Table, columns: Columns, naming: Naming, chosen: np.ndarray
) -> dict[int, Observable | None]:
    """Return what the chosen rows measure; None for what is left out."""
    role = next((each for each in ("observable", "compartment") if each in columns), None)
    if role is None or naming.single is not None or (role == "compartment" and not naming.codes):
        _refuse_several(table, columns, role, naming, chosen)
        return dict.fromkeys(map(int, chosen), naming.only(columns["value"]))
    cells = table.columns[columns[role]]
    return {int(row): naming.of(cells[row], columns[role], table.places[row]) for row in chosen}


def _refuse_several(
    table: Table, columns: Columns, role: str | None, naming: Naming, chosen: np.ndarray
) -> None:
    """Refuse codes that tell several measurements apart, or another than the single one."""
    if role is None:
        return
    name = columns[role]
    codes = dict.fromkeys(str(table.columns[name][row]).strip() for row in chosen)
    others = [
        code for code in codes if naming.single and code in {*OBSERVABLES} - {naming.single.name}
    ]
    if len(codes) > 1 or others:
        raise VcohortError(
            f"{name} holds {', '.join(codes)}, and observables one name. Say what each is: "
            f"observables={{{next(iter(codes))!r}: 'C_per_ul', …}}."
        )


def wide_columns(columns: Columns, naming: Naming) -> dict[str, tuple[Observable, float | None]]:
    """Return what columns of a wide table measure, and on which day, where their names tell one."""
    found: dict[str, tuple[Observable, float | None]] = {}
    for name in columns.others:
        on_a_day = _ON_A_DAY.fullmatch(name)
        kind = naming.of_column(name)
        if kind is not None:
            found[name] = kind, None
        elif on_a_day and "day" not in columns:
            what = on_a_day["name"]
            kind = naming.only(name) if what is None else naming.of_column(what)
            if kind is not None:
                found[name] = kind, float(on_a_day["day"])
    if not found or ("day" not in columns and any(day is None for _, day in found.values())):
        raise VcohortError(
            "The table has no column of measurements: DV (or value), with DVID (or observable); or "
            f"columns by what they measure, {', '.join(OBSERVABLES)}, with a column day or with "
            "the day in their names, C_per_ul_day_7. What other columns measure: "
            "observables={'CART': 'C_per_ul'}."
        )
    return found


def wide_rows(
    table: Table, columns: Columns, measured: dict[str, tuple[Observable, float | None]]
) -> Rows:
    """Return the cells that hold a measurement; blank ones are gaps."""
    labels = table.labels(columns["patient"]) if "patient" in columns else ["all"] * len(table)
    days = table.days(*days_of(table, columns)) if "day" in columns else np.zeros(len(table))
    if "day" in columns:
        table.refuse_where(~(days >= 0), columns["day"],
                           "It must be a number of days since the first infusion, at least 0"
                           )  # fmt: skip
    found: list[tuple[Any, ...]] = []
    for name, (kind, day) in measured.items():
        cells = table.read(name, lambda cell: measured_of(cell, table.sign), WANTED)
        found += [
            (labels[row], days[row] if day is None else day, kind, *cell, table.places[row], name)
            for row, cell in enumerate(cells)
            if cell[1] or not np.isnan(cell[0])
        ]
    patient, day, kind, value, below, place, column = (
        zip(*found, strict=True) if found else [()] * 7
    )
    nothing, unsaid = np.full(len(found), np.nan), [""] * len(found)
    return Rows(patient, np.array(day, float), kind, np.array(value, float),
                np.array(below, bool), None, nothing, nothing, unsaid, place, column)  # fmt: skip
