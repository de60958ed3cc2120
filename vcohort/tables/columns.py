"""Names and columns of what users call a table in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.tables.cells import is_blank, number_of

# What pandas, and the tables of vc.data, call rows that have no name of their own.
_NO_NAMES = (None, "index", "row")


def columns_of(rows: Any, example: str) -> list[tuple[Any, Any]]:
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
        refuse_shuffled(rows)
        return list(rows.items())
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return [(name, rows[name]) for name in rows.columns]
    raise VcohortError(
        f"A table is a CSV file's path, a data frame, or columns by name: {example}."
    )


def cells_by_name(columns: list[tuple[Any, Any]]) -> dict[str, list[Any]]:
    """Return each column's cells by its name, without columns that have neither name nor cells.

    :raises VcohortError: for columns of one name, or of names that differ in case or blanks alone;
        names that are numbers or missing; columns that are no lists, or of different lengths.
    """
    _refuse_names([name for name, _ in columns])
    cells = {name.strip(): _cells(name, column) for name, column in columns if name.strip()}
    for column in (column for name, column in columns if not name.strip()):
        if not all(is_blank(cell) for cell in column):
            raise VcohortError(
                "A column has no name, yet it holds something. Give each column a name in the "
                "header; of a data frame, write no index: to_csv(..., index=False)."
            )
    sizes = {name: len(column) for name, column in cells.items()}
    if len(set(sizes.values())) > 1:
        raise VcohortError(f"The columns must have one length, not {sizes}.")
    return cells


def _of_dataset(ds: xr.Dataset) -> list[tuple[Any, Any]]:
    wrong = [str(name) for name, each in ds.variables.items() if each.ndim != 1]
    if wrong or len(ds.dims) != 1:
        raise VcohortError(
            f"A dataset that is a table has one dimension, not {tuple(map(str, ds.dims))}"
            f"{': ' + ', '.join(wrong) if wrong else ''}. Choose columns: ds[['day', 'value']]."
        )
    return [(name, each) for name, each in ds.variables.items() if name not in _NO_NAMES]


def refuse_shuffled(columns: Mapping[Any, Any]) -> None:
    """Refuse series and arrays whose rows have other labels: by place they would be mixed up."""
    found = {name: _index_of(each) for name, each in columns.items()}
    labelled = {name: index for name, index in found.items() if index is not None}
    for name, index in labelled.items():
        first = next(iter(labelled))
        if not index.equals(labelled[first]):
            raise VcohortError(
                f"The rows of {first} and {name} have different labels (their index, or their "
                "coordinate). Put them into one data frame, or give plain lists."
            )


def _index_of(column: Any) -> pd.Index | None:
    """Return the labels of a column's rows, if it has any."""
    if isinstance(column, pd.Series):
        return column.index
    is_row = isinstance(column, xr.DataArray) and column.ndim == 1
    return column.indexes.get(column.dims[0]) if is_row else None


def _cells(name: Any, column: Any) -> list[Any]:
    values = getattr(column, "values", column) if hasattr(column, "dims") else column
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise VcohortError(f"Column {name} must be a list, a cell for each row, not {values!r}.")
    if getattr(values, "ndim", 1) != 1:
        raise VcohortError(f"Column {name} must have one dimension.")
    return [_plain(cell) for cell in values]


def _plain(cell: Any) -> Any:
    """Return a number in place of an array of one; what is masked stays so."""
    is_array = getattr(cell, "ndim", None) == 0 and not isinstance(cell, np.generic)
    return cell.item() if is_array and cell is not np.ma.masked else cell


def _refuse_names(names: list[Any]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or _is_number(name):
            raise VcohortError(
                f"A column is called {name!r}: columns have texts as names, in a header. (Lines "
                "before it that begin with # are comments.)"
            )
        # pandas calls the second column TIME of a file TIME.1.
        plain = re.sub(r"\.\d+$", "", name.strip())
        key = "".join((plain if plain in names else name).split()).casefold()
        if key and key in seen:
            raise VcohortError(
                f"Two columns are called {seen[key]!r} and {name!r}: which of them is meant is not "
                "plain. Keep one, or rename the other."
            )
        seen[key] = name


def _is_number(name: str) -> bool:
    try:
        return bool(np.isfinite(number_of(name)))
    except ValueError:
        return False
