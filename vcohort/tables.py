"""Tables as users have them: a CSV file, a data frame, columns by name; read cell by cell."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from vcohort.cells import (
    days_of,
    decimal_sign,
    flag_of,
    is_blank,
    label_of,
    number_of,
)
from vcohort.csv_files import read_lines
from vcohort.days import days_in
from vcohort.errors import VcohortError, VcohortWarning

_Read = TypeVar("_Read")

# What pandas calls the rows of a data frame that have no name of their own.
_NO_NAMES = (None, "index")


@dataclass(frozen=True)
class Table:
    """Columns of cells by name, all of one length, as they were given.

    ``places``: what each row is called in messages. ``sign``: of decimals in texts, empty where it
    is not plain. ``units``: of the columns that carry one.
    """

    columns: dict[str, list[Any]]
    places: list[str]
    sign: str
    units: dict[str, str]

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def named(self, rename: Callable[[str], str]) -> Table:
        """Return the table with its columns renamed; no two names differ in case alone."""
        return replace(
            self,
            columns={rename(name): cells for name, cells in self.columns.items()},
            units={rename(name): unit for name, unit in self.units.items()},
        )

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as float64, NaN where a cell is blank."""
        read = self._read(name, lambda cell: number_of(cell, self.sign), "numbers")
        return np.array(read, np.float64)

    def days(self, name: str, unit: str | None = None) -> np.ndarray:
        """Return a column of days, NaN where blank, converted from the unit that it carries.

        ``unit``: that of a column that carries none; by default days.
        """
        told = self.units.get(name, unit)
        length = days_in(name, told)
        if unit is not None and length != days_in(name, unit):
            raise VcohortError(f"The unit of {name} is {told!r}, and its name says another.")
        read = self._read(name, lambda cell: days_of(cell, self.sign, length), "numbers of days")
        return np.array(read, np.float64)

    def flags(self, name: str) -> np.ndarray:
        """Return a column of 1 and 0 (or true and false) as truth values."""
        return np.array(self._read(name, flag_of, "1 or 0 in every row"), bool)

    def labels(self, name: str) -> list[str]:
        """Return a column of labels: a number and its text are one.

        Warns of labels that differ in case or blanks alone.
        """
        found = self._read(name, label_of, "a label in every row (of merged cells, each)")
        _compare(name, dict.fromkeys(found))
        return found

    def _read(self, name: str, read: Callable[[Any], _Read], wanted: str) -> list[_Read]:
        found: list[_Read] = []
        for cell, place in zip(self.columns[name], self.places, strict=True):
            try:
                found.append(read(cell))
            except ValueError as error:
                raise VcohortError(
                    f"In the data, column {name} holds {error}, in {place}: it must hold {wanted}."
                ) from None
        return found


def read_table(rows: Any, example: str) -> Table:
    """Return a table; ``example`` shows what would be right.

    ``rows``: a CSV file's path, or columns by name (a data frame with its named index, a dataset
    of one dimension, a dict of lists).

    :raises VcohortError: for what is no table, columns without a name, of one name, or of names
        that differ in case or blanks alone, columns of different lengths.
    """
    if isinstance(rows, str | os.PathLike):
        lines = read_lines(rows)
        columns = list(zip(*lines.rows, strict=True)) or [()] * len(lines.header)
        places = [f"line {number}" for number in lines.numbers]
        return _table(list(zip(lines.header, columns, strict=True)), places, lines.separator)
    return _table(_columns(rows, example))


def _columns(rows: Any, example: str) -> list[tuple[Any, Any]]:
    """Return names and columns, however many have the same name."""
    if isinstance(rows, xr.Dataset):
        return _of_dataset(rows)
    if isinstance(rows, pd.DataFrame):
        levels = [
            (name, rows.index.get_level_values(level))
            for level, name in enumerate(rows.index.names)
            if name not in _NO_NAMES
        ]
        return levels + [(name, rows.iloc[:, place]) for place, name in enumerate(rows.columns)]
    if isinstance(rows, Mapping):
        _refuse_shuffled(rows)
        return list(rows.items())
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return [(name, rows[name]) for name in rows.columns]
    raise VcohortError(
        f"A table is a CSV file's path, a data frame, or columns by name: {example}."
    )


def _of_dataset(ds: xr.Dataset) -> list[tuple[Any, Any]]:
    wrong = [str(name) for name, each in ds.variables.items() if each.ndim != 1]
    if wrong or len(ds.dims) != 1:
        raise VcohortError(
            f"A dataset that is a table has one dimension, not {tuple(map(str, ds.dims))}"
            f"{': ' + ', '.join(wrong) if wrong else ''}. Choose columns: ds[['day', 'value']]."
        )
    return [(name, each) for name, each in ds.variables.items() if name not in _NO_NAMES]


def _refuse_shuffled(columns: Mapping[Any, Any]) -> None:
    """Refuse series whose rows have other labels: by place they would be mixed up."""
    series = {name: each for name, each in columns.items() if isinstance(each, pd.Series)}
    for name, each in series.items():
        first = next(iter(series))
        if not each.index.equals(series[first].index):
            raise VcohortError(
                f"The rows of {first} and {name} have different labels (their index). Put them "
                "into one data frame, or give plain lists."
            )


def _table(
    columns: list[tuple[Any, Any]], places: list[str] | None = None, separator: str = ","
) -> Table:
    cells = [(name, _cells(name, column)) for name, column in columns]
    _refuse_same_names([name for name, _ in cells])
    kept = {str(name).strip(): column for name, column in cells if _is_named(name, column)}
    sizes = {name: len(column) for name, column in kept.items()}
    if len(set(sizes.values())) > 1:
        raise VcohortError(f"The columns must have one length, not {sizes}.")
    length = max(sizes.values(), default=0)
    units = {
        str(name).strip(): str(column.attrs["units"])
        for name, column in columns
        if isinstance(column, xr.DataArray | xr.Variable) and "units" in column.attrs
    }
    return Table(
        kept,
        places or [f"row {row}" for row in range(1, length + 1)],
        decimal_sign(chain.from_iterable(kept.values()), separator),
        units,
    )


def _cells(name: Any, column: Any) -> list[Any]:
    values = getattr(column, "values", column) if hasattr(column, "dims") else column
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise VcohortError(f"Column {name} must be a list, a cell for each row, not {values!r}.")
    if getattr(values, "ndim", 1) != 1:
        raise VcohortError(f"Column {name} must have one dimension.")
    return [
        cell.item()
        if getattr(cell, "ndim", None) == 0 and not isinstance(cell, np.generic)
        else cell
        for cell in values
    ]


def _is_named(name: Any, cells: list[Any]) -> bool:
    if str(name).strip():
        return True
    if all(is_blank(cell) for cell in cells):
        return False
    raise VcohortError(
        "A column has no name, yet it holds something. Give each column a name in the header; "
        "of a data frame, write no index: to_csv(..., index=False)."
    )


def _refuse_same_names(names: list[Any]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str):
            raise VcohortError(f"Columns must have texts as names, not {name!r}.")
        key = "".join(name.split()).casefold()
        if key and key in seen:
            raise VcohortError(
                f"Two columns are called {seen[key]!r} and {name!r}: which of them is meant is not "
                "plain. Keep one, or rename the other."
            )
        seen[key] = name


def _compare(name: str, labels: Iterable[str]) -> None:
    """Refuse two spellings of one number; warn of labels that look alike."""
    numbers: dict[Decimal, str] = {}
    looks: dict[str, str] = {}
    for label in labels:
        number = _decimal(label)
        if number is not None and numbers.setdefault(number, label) != label:
            raise VcohortError(
                f"In the data, column {name} holds {numbers[number]!r} and {label!r}: write the "
                "label of one patient in one way, and those of two so that no number is the same."
            )
        look = "".join(unicodedata.normalize("NFKC", label).split()).casefold()
        if looks.setdefault(look, label) != label:
            warnings.warn(
                f"In the data, column {name} holds {looks[look]!r} and {label!r}: they are taken "
                "for two.",
                VcohortWarning,
                stacklevel=5,
            )


def _decimal(label: str) -> Decimal | None:
    try:
        number = Decimal(label)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
