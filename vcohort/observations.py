"""Measurements of patients, as a long table: one row a measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.observables import Observable, find_observables
from vcohort.tables import read_columns

_EXAMPLE = "{'day': [7, 14], 'observable': ['C_per_ul', 'C_per_ul'], 'value': [31.6, 9.1]}"

_COLUMNS = ("day", "observable", "value", "weight", "error", "below", "patient")


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


def read_observations(rows: Any, observables: Iterable[Observable] = ()) -> Observations:
    """Return a table of measurements, checked.

    ``rows``: a CSV file's path, a data frame, or columns by name. Columns ``day``,
    ``observable``, ``value`` and, if wanted, ``weight`` (of the squared error) or ``error``
    (standard deviation), ``below`` (1: the value is an upper limit) and ``patient``.
    ``observables``: what names may mean beside the known ones.

    :raises VcohortError: for missing or unknown columns, unknown observables, values that are
        no numbers, days before 0, an empty table.
    """
    columns = read_columns(rows, _EXAMPLE)
    for name in columns:
        if name not in _COLUMNS:
            raise unknown("column", name, _COLUMNS)
    missing = [name for name in ("day", "observable", "value") if name not in columns]
    if missing:
        raise VcohortError(f"The data have no column {' and no '.join(missing)}. Try {_EXAMPLE}.")
    if "weight" in columns and "error" in columns:
        raise VcohortError("The data give both weight and error: keep one of the two columns.")
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise VcohortError(f"The columns must have one length, not {sizes}.")
    if not sizes["day"]:
        raise VcohortError("The data are empty: give at least one measurement.")
    plain = {name: np.asarray(each).tolist() for name, each in columns.items()}
    return _checked(plain, sizes["day"], find_observables(plain["observable"], observables))


def _checked(columns: dict[str, list[Any]], rows: int, kinds: list[Observable]) -> Observations:
    labels = [str(each) for each in columns.get("patient", ["all"] * rows)]
    patients = tuple(dict.fromkeys(labels))
    index = np.array([patients.index(label) for label in labels])
    order = np.argsort(index, kind="stable")

    def column(name: str, default: float, lowest: float, bound: str) -> np.ndarray:
        values = _numbers(name, columns.get(name, [default] * rows))[order]
        given = name in columns
        wrong = values[~(np.isfinite(values) & (values >= lowest))] if given else values[:0]
        if wrong.size:
            raise VcohortError(f"In the data, {name} = {wrong[0]:g} is impossible: {bound}.")
        return values

    least = np.finfo(float).tiny
    return Observations(
        patients,
        index[order],
        column("day", 0.0, 0.0, "it must be a number of days, at least 0"),
        tuple(kinds[row].name for row in order),
        column("value", 0.0, 0.0, "it must be a number, at least 0"),
        column("weight", 1.0, 0.0, "it must be a number, at least 0"),
        column("error", np.nan, least, "it must be a number, greater than 0"),
        column("below", 0.0, 0.0, "it must be 1 or 0") > 0,
        tuple(dict.fromkeys(kinds[row] for row in order)),
    )


def _numbers(name: str, column: Sequence[Any]) -> np.ndarray:
    try:
        return np.asarray(column, dtype=float)
    except (TypeError, ValueError):
        raise VcohortError(
            f"In the data, column {name} holds text: it must hold numbers."
        ) from None
