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


def at_values(
    values: xr.DataArray, kept: list[str], at: Mapping[str, Any]
) -> tuple[xr.DataArray, dict[str, Any]]:
    """Take one value of each dimension that is not drawn: the one asked for, or the middle.

    ``kept``: what is drawn over, each another.

    :returns: what is drawn, and at which values of the others.
    """
    taken: dict[str, Any] = {}
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
            place = values.sizes[name] // 2
            taken[name] = _label(values, name, place)
            values = values.isel({name: place}, drop=True)
        elif isinstance(given[name], str):
            taken[name] = given[name]
            values = labelled(values, name, given[name]).drop_vars(name)
        else:
            near = number(f"at[{name!r}]", given[name])
            values = values.sel({name: near}, method="nearest")
            taken[name] = values[name].item()
            values = values.drop_vars(name)
    return values, taken


def _label(values: xr.DataArray, name: str, place: int) -> Any:
    return values[name].values[place].item() if name in values.coords else place


def parts_of(values: xr.DataArray, over: str | None) -> list[tuple[str, dict[str, int]]]:
    """Return the place of what goes into each panel, under its title; a few of many values.

    :func:`some_of` says where these are not all.
    """
    if over is None:
        return [("", {})]
    count = values.sizes[over]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PANELS)).astype(int))
    (symbol,) = symbols([over])
    return [(f"{symbol} = {float(values[over][index]):.4g}", {over: int(index)})
            for index in chosen]  # fmt: skip


def some_of(values: xr.DataArray, over: str | None) -> str:
    """Return a sentence where of many values a few are drawn."""
    if over is None or values.sizes[over] <= _PANELS:
        return ""
    return f"{_PANELS} of {values.sizes[over]} values of {symbols([over])[0]}."


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
