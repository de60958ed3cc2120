"""Datasets as tidy tables: one row per patient, per cell of a sweep, per parameter of a fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, refuse_other, unknown
from vcohort.results.kinds import KINDS, of_its_kind
from vcohort.simulation.dataset import COHORT

if TYPE_CHECKING:
    import pandas as pd

# Rows that are made at once: of 30 columns some 30 MB.
_BLOCK = 1 << 17


def to_dataframe(ds: xr.Dataset | xr.DataTree, over: Sequence[str] | None = None) -> pd.DataFrame:
    """Return what a dataset holds over some of its dimensions, one row for each combination.

    A column for each dimension's labels, then one for each variable over these dimensions or some
    of them, of all values alike too; codes with meanings, such as ``outcome``, as words. What lies
    over other dimensions is left for a table of its own: :func:`left_out` names it.
    :func:`save_table` writes it to a file, a block of rows at a time.

    :param ds: a dataset; of a posterior, which is a tree, ``summary`` is the table.
    :param over: dimensions; by default those of the kind's rows: ``("patient",)`` of a cohort,
        the swept ones of a sweep, ``("patient", "parameter")`` of a fit.
    :returns: the table; ``attrs["units"]`` holds the unit of each column that has one.
    :raises VcohortError: for dimensions that the dataset lacks, and for one without a known kind
        where ``over`` is not given.
    """
    chosen = table_of(ds)
    return _table(chosen, rows_of(chosen, over))


def table_of(ds: Any) -> Any:
    """Return the dataset whose rows are a table: of a tree the group that makes its kind."""
    return of_its_kind(ds) if isinstance(ds, xr.Dataset | xr.DataTree) else ds


def blocks_of(ds: xr.Dataset, rows: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield :func:`to_dataframe` over the dimensions ``rows`` in blocks of bounded size.

    Each is of some labels of the first dimension; there is one at least, of no row if need be.
    """
    first, *others = rows
    step = max(1, _BLOCK // max(1, math.prod(ds.sizes[name] for name in others)))
    labelled = ds if first in ds.coords else ds.assign_coords({first: np.arange(ds.sizes[first])})
    for start in range(0, max(1, ds.sizes[first]), step):
        yield _table(labelled.isel({first: slice(start, start + step)}), rows)


def _table(ds: xr.Dataset, rows: Sequence[str]) -> pd.DataFrame:
    columns = {str(name): variable for name, variable in ds.variables.items()
               if {*variable.dims} <= {*rows} and name not in ds.dims}  # fmt: skip
    chosen = xr.Dataset(columns, {name: ds[name] for name in rows}, ds.attrs)
    worded = chosen.assign({name: _in_words(chosen[name]) for name in columns})
    table = worded.to_dataframe(dim_order=list(rows)).reset_index()
    units = {name: ds[name].attrs.get("units") for name in table.columns}
    table.attrs["units"] = {str(name): unit for name, unit in units.items() if unit is not None}
    return table


def rows_of(ds: xr.Dataset, over: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the dimensions of a table's rows: those given, or those of the dataset's kind."""
    refuse_other("ds", ds, xr.Dataset, "what vc.simulate returns")
    dims = [str(name) for name in ds.dims]
    if over is not None:
        given = (over,) if isinstance(over, str) else tuple(over)
        for name in given:
            if name not in dims:
                raise unknown("dimension", name, dims)
        if not given or len(set(given)) < len(given):
            raise VcohortError(f"over = {over!r} must name dimensions, each once: {dims}.")
        return given
    kind = str(ds.attrs.get("kind"))
    if kind == COHORT:
        return ("patient",)
    if kind not in KINDS:
        raise VcohortError(
            f"Nothing says what a row of this dataset is. Name dimensions: over={dims}."
        )
    first = next(iter(KINDS[kind].variables))
    return tuple(str(name) for name in ds[first].dims)


def left_out(ds: xr.Dataset, rows: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    """Return which variables a table of these rows has no column for, by their dimensions."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, each in ds.data_vars.items():
        if not {*each.dims} <= {*rows}:
            found.setdefault(tuple(map(str, each.dims)), []).append(str(name))
    return found


def _in_words(values: xr.DataArray) -> Any:
    """Return codes as their meanings, and a code without one as nothing."""
    meanings = str(values.attrs.get("flag_meanings", "")).split()
    codes = np.atleast_1d(values.attrs.get("flag_values", [])).tolist()
    if not meanings or len(meanings) != len(codes):
        return values
    known = dict(zip(codes, meanings, strict=True))
    words = [known.get(code) for code in values.values.ravel().tolist()]
    return values.copy(data=np.array(words, dtype=object).reshape(values.shape))
