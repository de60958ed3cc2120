"""Measurements of patients, as a long table: one row per measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.late import Array
from vcohort.measurements.observables import (
    OBSERVABLES,
    Observable,
    find_observables,
    own_observables,
)
from vcohort.models import Cells
from vcohort.tables.labels import label_of
from vcohort.tables.table import Table, read_table

_EXAMPLE = "{'day': [7, 14], 'observable': ['C_per_ul', 'C_per_ul'], 'value': [31.6, 9.1]}"

# The unit of values in datasets of fits.
_OWN_UNIT = "as the observable"

_COLUMNS = ("day", "observable", "value", "weight", "error", "below", "patient")

_VALUES = "numbers (what is below a limit: the limit, and 1 in the column 'below')"


@dataclass(frozen=True)
class Observations:
    """A checked table; arrays (row,), sorted by patient in the order of first appearance.

    ``patients``: their labels; ``patient``: the index of each row's. ``error`` is NaN throughout
    where none was given. ``below``: the value is only an upper limit. ``kinds``: the observables
    that occur, each once.
    """

    patients: tuple[str, ...]
    patient: np.ndarray
    day: np.ndarray
    observable: tuple[str, ...]
    value: np.ndarray
    weight: np.ndarray
    error: np.ndarray
    below: np.ndarray
    kinds: tuple[Observable, ...]

    def __len__(self) -> int:
        return len(self.observable)

    @property
    def errors_known(self) -> bool:
        """Whether the table gives the measurements' errors."""
        return bool(np.isfinite(self.error).all())

    @property
    def counted(self) -> np.ndarray:
        """Which rows carry anything: those of a weight above 0."""
        return self.weight > 0

    def by_patient(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of each patient's rows (patient, row), and which are its own.

        A patient with fewer rows than another has some of them again.
        """
        own = [np.flatnonzero(self.patient == index) for index in range(len(self.patients))]
        most = max(rows.size for rows in own)
        filled = np.stack([np.resize(rows, most) for rows in own])
        return filled, np.stack([np.arange(most) < rows.size for rows in own])


def read_observations(
    rows: Any, observables: Iterable[Observable] = (), *, any_name: bool = False
) -> Observations:
    """Return a table of measurements, checked.

    ``rows``: a CSV file's path, a data frame, or columns by name; or what is checked already.
    Columns ``day``, ``observable``, ``value`` and, if wanted, ``weight`` (of the squared error) or
    ``error`` (standard deviation), ``below`` (1: the value is an upper limit, else 0) and
    ``patient``: a label in every row, of which 1, 1.0 and "1" are one. ``observables``: what names
    may mean beside the known ones; the column ``observable`` may also hold :class:`Observable`
    objects. ``any_name``: whether it may hold any other name, for those who need no cells of it.

    :raises VcohortError: for missing or unknown columns, unknown observables, values that are
        no numbers, days before 0, rows without a patient, an empty table.
    """
    if isinstance(rows, Observations):
        return rows
    table = read_table(rows, _EXAMPLE)
    for name in table.columns:
        if name not in _COLUMNS:
            raise unknown("column", name, _COLUMNS)
    missing = [name for name in ("day", "observable", "value") if name not in table]
    if missing:
        raise VcohortError(f"The data have no column {' and no '.join(missing)}. Try {_EXAMPLE}.")
    if "weight" in table and "error" in table:
        raise VcohortError("The data give both weight and error: keep one of the two columns.")
    if not len(table):
        raise VcohortError("The data are empty: give at least one measurement.")
    cells = table.read("observable", _named, "the name of what was measured in every row")
    known = own_observables(observables)
    if any_name:
        known += _nameless(cells, known)
    return _checked(table, find_observables(cells, known))


def _nameless(cells: Iterable[Any], known: Iterable[Observable]) -> list[Observable]:
    """Return observables of the names that no other has; they count no cells."""
    taken = {
        *OBSERVABLES,
        *(each.name for each in [*known, *cells] if isinstance(each, Observable)),
    }
    names = dict.fromkeys(str(cell).strip() for cell in cells if isinstance(cell, str))
    return [Observable(name, "1", 1.0, name, _no_cells) for name in names if name not in taken]


def _no_cells(cells: Cells) -> Array:
    raise VcohortError("This observable is the user's own, and counts no cells of the model.")


def _named(cell: Any) -> Observable | str:
    return cell if isinstance(cell, Observable) else label_of(cell)


def gathered(
    patients: Sequence[str],
    labels: Sequence[str],
    day: np.ndarray,
    kinds: Sequence[Observable],
    value: np.ndarray,
    weight: np.ndarray,
    error: np.ndarray,
    below: np.ndarray,
) -> Observations:
    """Return checked rows (row,) by patient; ``labels``: whose each is, one of ``patients``."""
    places = {label: place for place, label in enumerate(patients)}
    index = np.array([places[label] for label in labels], int)
    order = np.argsort(index, kind="stable")
    return Observations(
        tuple(patients),
        index[order],
        day[order],
        tuple(kinds[row].name for row in order),
        value[order],
        weight[order],
        error[order],
        below[order],
        tuple(dict.fromkeys(kinds[row] for row in order)),
    )


def _checked(table: Table, kinds: list[Observable]) -> Observations:
    rows = len(table)
    labels = table.labels("patient") if "patient" in table else ["all"] * rows
    positive = np.finfo(float).tiny
    weight, error = (
        _numbers(table, name, lowest) if name in table else np.full(rows, default)
        for name, lowest, default in (("weight", 0.0, 1.0), ("error", positive, np.nan))
    )
    if table.units.get("value") != _OWN_UNIT:
        table.check_unit("value", (kind.unit for kind in kinds))
    below = table.flags("below") if "below" in table else np.zeros(rows, bool)
    return gathered(
        tuple(dict.fromkeys(labels)), labels, _numbers(table, "day", 0.0), kinds,
        _numbers(table, "value", 0.0, _VALUES), weight, error, below,
    )  # fmt: skip


def _numbers(table: Table, name: str, lowest: float, wanted: str = "numbers") -> np.ndarray:
    values = table.days(name) if name == "day" else table.numbers(name, wanted)
    for row in np.flatnonzero(~(values >= lowest))[:1]:
        what = "a number of days" if name == "day" else "a number"
        bound = "greater than 0" if lowest else "at least 0"
        raise VcohortError(
            f"In the data, {name} = {values[row]:g} is impossible ({table.places[row]}): it must "
            f"be {what}, {bound}."
        )
    return values
