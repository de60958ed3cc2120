"""Rows of a problem's tables: texts by column, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from vcohort.errors import VcohortError
from vcohort.exchange.petab.reading.trusted import check_keys, plain_text_of
from vcohort.tables.cells import is_blank, number_of
from vcohort.tables.table import Table, read_table

# Tables of data have few thousand rows.
_MOST_BYTES, _MOST_ROWS = 4 << 20, 20_000
_LONGEST = 2_000


class Row(NamedTuple):
    """A row of a table; what is blank is no text."""

    cells: dict[str, str]
    place: str

    def text(self, column: str, default: str = "") -> str:
        """Return what a column says."""
        return self.cells.get(column) or default

    def needed(self, column: str) -> str:
        """Return what a column says; refuse one that says nothing."""
        found = self.text(column)
        if not found:
            raise VcohortError(f"{self.place} has no {column}.")
        return found

    def number(self, column: str) -> float:
        """Return the finite number in a column."""
        try:
            return number_of(self.needed(column))
        except ValueError as error:
            raise VcohortError(
                f"In {self.place}, {column} holds {error}: it must be a number."
            ) from None

    def refuse(self, column: str, why: str) -> None:
        """Refuse a row in which a column says anything."""
        if self.text(column):
            raise VcohortError(f"In {self.place}, {column} is {self.text(column)!r}: {why}.")


def rows_of(
    paths: Iterable[Path], needed: Iterable[str], more: Iterable[str] | None = ()
) -> list[Row]:
    """Return the rows of a table, which may be parted into several files.

    ``needed``: columns that must be there; ``more``: others that may be, None for any.
    """
    must, may = list(needed), None if more is None else list(more)
    return [row for path in paths for row in _of_file(path, must, may)]


def _of_file(path: Path, needed: list[str], more: list[str] | None) -> list[Row]:
    plain_text_of(path, _MOST_BYTES)
    try:
        table = read_table(path, "")
    except VcohortError as error:
        raise VcohortError(f"{path.name} of the problem: {error}") from None
    for name in needed:
        if name not in table:
            raise VcohortError(f"{path.name} of the problem has no column {name!r}.")
    if more is not None:
        check_keys(f"the header of {path.name}", table.columns, [*needed, *more])
    if len(table) > _MOST_ROWS:
        raise VcohortError(f"{path.name} of the problem has more than {_MOST_ROWS:,} rows.")
    return [Row(_cells(table, row), f"{path.name}, {place}")
            for row, place in enumerate(table.places)]  # fmt: skip


def _cells(table: Table, row: int) -> dict[str, str]:
    given = {name: str(cells[row]) for name, cells in table.columns.items()}
    for name, cell in given.items():
        if len(cell) > _LONGEST:
            raise VcohortError(f"{name} in {table.places[row]} is too long to read.")
    return {name: "" if is_blank(cell) else cell for name, cell in given.items()}


def by_name(rows: Iterable[Row], name: Callable[[Row], str], what: str) -> dict[str, Row]:
    """Return rows by their names, which must differ."""
    found: dict[str, Row] = {}
    for row in rows:
        if found.setdefault(name(row), row) is not row:
            raise VcohortError(f"{row.place}: the {what} {name(row)!r} is there twice.")
    return found
