"""Measurements of patients, as a long table: one row a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.observables import OBSERVABLES, Observable
from vcohort.tables import Table, read_table

_EXAMPLE = "{'day': [7, 14], 'observable': ['C_per_ul', 'C_per_ul'], 'value': [31.6, 9.1]}"

_COLUMNS = ("day", "observable", "value", "weight", "error", "below", "patient")


@dataclass(frozen=True)
class Observations:
    """A checked table; arrays (row,), sorted by patient in the order of first appearance.

    ``patients``: their labels; ``patient``: the index of each row's. ``error`` is NaN throughout
    where none was given. ``below``: the value is only an upper limit.
    """

    patients: tuple[str, ...]
    patient: np.ndarray
    day: np.ndarray
    observable: tuple[str, ...]
    value: np.ndarray
    weight: np.ndarray
    error: np.ndarray
    below: np.ndarray

    def __len__(self) -> int:
        return len(self.observable)

    @property
    def errors_known(self) -> bool:
        """Whether the table gives the measurements' errors."""
        return bool(np.isfinite(self.error).all())

    @property
    def kinds(self) -> tuple[Observable, ...]:
        """The observables that occur, each once."""
        return tuple(OBSERVABLES[name] for name in dict.fromkeys(self.observable))


def read_observations(rows: Any) -> Observations:
    """Return a table of measurements, checked.

    ``rows``: a CSV file's path, a data frame, or columns by name. Columns ``day``,
    ``observable``, ``value`` and, if wanted, ``weight`` (of the squared error) or ``error``
    (standard deviation), ``below`` (1: the value is an upper limit, else 0) and ``patient``: a
    label in every row, of which 1, 1.0 and "1" are one.

    :raises VcohortError: for missing or unknown columns, unknown observables, values that are
        no numbers, days before 0, rows without a patient, an empty table.
    """
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
    return _checked(table)


def _checked(table: Table) -> Observations:
    rows = len(table)
    labels = table.labels("patient") if "patient" in table else ["all"] * rows
    patients = tuple(dict.fromkeys(labels))
    places = {label: place for place, label in enumerate(patients)}
    index = np.array([places[label] for label in labels])
    order = np.argsort(index, kind="stable")
    names = table.labels("observable")
    for name in names:
        if name not in OBSERVABLES:
            raise unknown("observable", name, OBSERVABLES)
    positive = np.finfo(float).tiny
    weight, error = (
        _numbers(table, name, lowest) if name in table else np.full(rows, default)
        for name, lowest, default in (("weight", 0.0, 1.0), ("error", positive, np.nan))
    )
    below = table.flags("below") if "below" in table else np.zeros(rows, bool)
    return Observations(
        patients,
        index[order],
        _numbers(table, "day", 0.0)[order],
        tuple(names[row] for row in order),
        _numbers(table, "value", 0.0)[order],
        weight[order],
        error[order],
        below[order],
    )


def _numbers(table: Table, name: str, lowest: float) -> np.ndarray:
    values = table.days(name) if name == "day" else table.numbers(name)
    for row in np.flatnonzero(~(values >= lowest))[:1]:
        what = "a number of days" if name == "day" else "a number"
        bound = "greater than 0" if lowest else "at least 0"
        raise VcohortError(
            f"In the data, {name} = {values[row]:g} is impossible ({table.places[row]}): it must "
            f"be {what}, {bound}."
        )
    return values
