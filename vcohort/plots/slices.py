"""What of a sweep is drawn: one value of each dimension that is not, a few of those in panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, unknown
from vcohort.given import number
from vcohort.plots.style import symbols
from vcohort.results.needed import labelled

_PANELS = 6


def along_one_name(ds: xr.Dataset) -> xr.Dataset:
    """Return a design over a single name with that name as its dimension; others as they are."""
    names = names_of(ds)
    return ds.swap_dims(cell=names[0]) if len(names) == 1 and "cell" in ds.dims else ds


def names_of(ds: xr.Dataset) -> list[str]:
    """Return the names that are swept along the cells of a design."""
    return [str(name) for name in ds.coords if ds[name].dims == ("cell",) and name != "cell"]


def at_values(values: xr.DataArray, kept: list[str], at: Mapping[str, Any]) -> xr.DataArray:
    """Take one value of each dimension that is not drawn: the one asked for, or the middle.

    ``kept``: what is drawn over, each another.
    """
    given = dict(at)
    for name in [*kept, *given]:
        if name not in values.dims:
            raise unknown("dimension", str(name), [str(each) for each in values.dims])
        if [*kept, *given].count(name) > 1:
            raise VcohortError(
                f"{name} has two places in this picture. Draw over it once, or give its value in "
                "at and draw over another."
            )
    for name in [str(each) for each in values.dims if each not in kept]:
        if name not in given:
            values = values.isel({name: values.sizes[name] // 2}, drop=True)
        elif isinstance(given[name], str):
            values = labelled(values, name, given[name]).drop_vars(name)
        else:
            near = number(f"at[{name!r}]", given[name])
            values = values.sel({name: near}, method="nearest", drop=True)
    return values


def parts_of(values: xr.DataArray, over: str | None) -> list[tuple[str, dict[str, int]]]:
    """Return the place of what goes into each panel, under its title; a few of many values."""
    if over is None:
        return [("", {})]
    count = values.sizes[over]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PANELS)).astype(int))
    (symbol,) = symbols([over])
    return [(f"{symbol} = {float(values[over][index]):.4g}", {over: int(index)})
            for index in chosen]  # fmt: skip


def with_ends(ds: xr.Dataset, variable: str) -> list[xr.DataArray]:
    """Return what is drawn, then the lower and the upper end of its band, where it has one."""
    values = ds[variable]
    if "quantile" in values.dims:
        return [values.sel(quantile=level, method="nearest", drop=True)
                for level in (0.5, 0.05, 0.95)]  # fmt: skip
    if f"{variable}_lower" in ds:
        return [values, ds[f"{variable}_lower"], ds[f"{variable}_upper"]]
    if f"{variable}_error" in ds:
        half = 1.96 * ds[f"{variable}_error"]
        return [values, values - half, values + half]
    return [values]
