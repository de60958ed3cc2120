"""Tables as users have them: a CSV file, a data frame, columns by name; read cell by cell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NoReturn, TypeVar

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.given import spelt
from vcohort.tables.cells import days_of, decimal_sign, flag_of, is_blank, number_of
from vcohort.tables.columns import cells_by_name, columns_of
from vcohort.tables.csv_files import read_lines
from vcohort.tables.days import days_in
from vcohort.tables.labels import compare_labels, label_of
from vcohort.tables.values import values_of

_Read = TypeVar("_Read")


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

    def rows(self, chosen: np.ndarray) -> Table:
        """Return some of the rows, by index."""
        kept = {name: [cells[row] for row in chosen] for name, cells in self.columns.items()}
        return replace(self, columns=kept, places=[self.places[row] for row in chosen])

    def numbers(self, name: str, wanted: str = "numbers") -> np.ndarray:
        """Return a column as float64, NaN where a cell is blank; ``wanted`` as of :meth:`read`."""
        read = self.read(name, lambda cell: number_of(cell, self.sign), wanted)
        return np.array(read, np.float64)

    def days(self, name: str, unit: str | None = None) -> np.ndarray:
        """Return a column of days, NaN where blank, converted from the unit that it carries.

        ``unit``: that of a column that carries none; by default days.
        """
        told = self.units.get(name, unit)
        length = days_in(name, told)
        if unit is not None and length != days_in(name, unit):
            raise VcohortError(f"The unit of {name} is {told!r}, and its name says another.")
        read = self.read(name, lambda cell: days_of(cell, self.sign, length), "numbers of days")
        return np.array(read, np.float64)

    def with_unit_of(self, names: Iterable[str], told_by: str) -> Table:
        """Return the table with the unit of some columns that another one says, in place of that.

        :raises VcohortError: where it says several.
        """
        cells = self.columns[told_by]
        texts = list(dict.fromkeys(str(cell).strip() for cell in cells if not is_blank(cell)))
        if len(texts) > 1:
            raise VcohortError(f"{told_by} says several units: {', '.join(texts)}. Give one.")
        columns = {name: cells for name, cells in self.columns.items() if name != told_by}
        told = dict.fromkeys(names, texts[0]) if texts else {}
        return replace(self, columns=columns, units=self.units | told)

    def check_unit(self, name: str, wanted: Iterable[str]) -> None:
        """Refuse a column that carries a unit, unless it is the only one that its rows are in."""
        told, units = self.units.get(name), sorted(set(wanted))
        if told is not None and [spelt(told)] != [spelt(unit) for unit in units]:
            raise VcohortError(
                f"The unit of {name} is {told!r}, but its rows are in {' and '.join(units)}. "
                "Convert it, such as by vc.units, and give no other unit."
            )

    def flags(self, name: str) -> np.ndarray:
        """Return a column of 1 and 0 (or true and false) as truth values."""
        return np.array(self.read(name, flag_of, "1 or 0 in every row"), bool)

    def flags_or_blank(self, name: str) -> np.ndarray:
        """Return a column of 1 and 0 as truth values, a blank cell as 0."""
        read = self.read(name, lambda cell: not is_blank(cell) and flag_of(cell), "1, 0 or nothing")
        return np.array(read, bool)

    def labels(self, name: str) -> list[str]:
        """Return a column of labels: a number and its text are one.

        Warns of labels that differ in case or blanks alone.
        """
        found = self.read(name, label_of, "a label in every row (of merged cells, each)")
        compare_labels(name, dict.fromkeys(found))
        return found

    def read(self, name: str, read: Callable[[Any], _Read], wanted: str) -> list[_Read]:
        """Return what ``read`` finds in each cell of a column; tell of cells that it refuses.

        ``read`` raises :class:`ValueError` with what a cell holds, ``wanted`` says what it must.
        """
        found: list[_Read] = []
        for cell, place in zip(self.columns[name], self.places, strict=True):
            try:
                found.append(read(cell))
            except ValueError as error:
                raise VcohortError(
                    f"In the data, column {name} holds {error}, in {place}: it must hold {wanted}."
                ) from None
        return found

    def values(self, name: str) -> np.ndarray:
        """Return a column of numbers where all its cells are, else one of labels; none is blank."""
        cells = self.columns[name]
        self.refuse_where(np.array([is_blank(cell) for cell in cells]), name, "It is missing")
        return np.array(values_of(name, cells, self.places, self.sign))

    def refuse_where(self, wrong: np.ndarray, name: str, why: str) -> None:
        """Refuse the cell of a column in the first row that is ``wrong`` (row,)."""
        for row in np.flatnonzero(wrong):
            self.refuse(int(row), name, why)

    def refuse(self, row: int, name: str, why: str) -> NoReturn:
        """Refuse the cell of a column in a row, and say why."""
        raise VcohortError(f"{name} = {self.columns[name][row]} in {self.places[row]}: {why}.")


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
    return _table(columns_of(rows, example))


def _table(
    columns: list[tuple[Any, Any]], places: list[str] | None = None, separator: str = ","
) -> Table:
    kept = cells_by_name(columns)
    length = max(map(len, kept.values()), default=0)
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
