"""Sweeps: two axes as colours, one as lines with bands, a third as small multiples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.errors import VcohortError, unknown
from vcohort.plots.style import DAYS, SERIES, panel, plain, row_of, symbols

# A share of patients is drawn on the whole of its range; these are shares.
_SHARES = ("cure_probability", "cured", "progressed", "undecided", "pfs", "pfs_probability")

_PANELS = 6


def heatmap(
    ds: xr.Dataset,
    variable: str = "cure_probability",
    *,
    x: str | None = None,
    y: str | None = None,
    panels: str | None = None,
    at: Mapping[str, Any] | None = None,
    axes: Axes | None = None,
) -> list[Axes]:
    """Draw a variable of a sweep over two of its axes as colours.

    A design (dimension ``cell``) is drawn as points.

    :param x, y: axes to draw over; by default the last and the first that are left.
    :param panels: an axis whose values get a picture each, up to six of them.
    :param at: values of other dimensions, such as ``{"day": 365}``; the nearest is taken, and where
        none is given the middle one.
    """
    over = [str(name) for name in ds["steps"].dims if name != panels]
    if over == ["cell"]:
        return [_points(ds, _at(ds[_known(ds, variable)], ["cell"], at), x, y, panel(axes))]
    x, y = _pair(over, x, y)
    kept = [x, y, *([panels] if panels else [])]
    values = _at(ds[_known(ds, variable)], kept, at)
    parts = _panels(values, panels)
    places = [panel(axes)] if len(parts) == 1 else row_of(len(parts))
    low, high = _range(variable, values)
    for place, (title, part) in zip(places, parts, strict=True):
        drawn = part.transpose(y, x)
        shown = plain(place).pcolormesh(
            ds[x], ds[y], drawn, cmap="viridis", vmin=low, vmax=high, shading="nearest"
        )
        levels = [level for level in (0.25, 0.5, 0.75) if drawn.min() < level < drawn.max()]
        if variable in _SHARES and min(drawn.shape) > 1 and levels:
            place.contour(ds[x], ds[y], drawn, levels, colors="white", linewidths=0.8)
        place.set(xlabel=_label(ds, x), ylabel=_label(ds, y), title=title)
        if place is places[-1]:
            place.figure.colorbar(shown, ax=places, label=_named(ds, variable))
    return places


def lines(
    ds: xr.Dataset,
    variable: str = "cure_probability",
    *,
    x: str | None = None,
    by: str | None = None,
    panels: str | None = None,
    at: Mapping[str, Any] | None = None,
    axes: Axes | None = None,
) -> list[Axes]:
    """Draw a variable of a sweep over one of its axes as lines, with bands.

    Bands are the 95 % intervals of the values; of a ``_quantile`` the middle 90 % of patients.

    :param x: the axis to draw over, or ``"day"``; by default the last that is left.
    :param by: an axis whose values get a line each, up to six of them.
    :param panels, at: as of :func:`heatmap`.
    """
    over = [str(name) for name in ds["steps"].dims if name not in {panels, by}]
    if over == ["cell"]:
        raise VcohortError("The points of a design are on no line. Draw them with heatmap.")
    x = x or (over[-1] if over else "day")
    kept = [x, *(name for name in (by, panels) if name)]
    low, middle, high = (
        None if each is None else _at(each, kept, at) for each in _band(ds, _known(ds, variable))
    )
    if middle is None or x not in middle.dims:
        raise unknown("axis", x, [str(name) for name in ds[variable].dims])
    parts = _panels(middle, panels)
    places = [panel(axes)] if len(parts) == 1 else row_of(len(parts))
    for place, (title, part) in zip(places, parts, strict=True):
        plain(place)
        for colour, (name, line) in zip(SERIES, _panels(part, by), strict=False):
            here = {key: line[key] for key in (by, panels) if key}
            if low is not None and high is not None:
                place.fill_between(
                    ds[x], low.sel(here), high.sel(here), color=colour, alpha=0.2, lw=0
                )
            place.plot(ds[x], line, color=colour, label=name)
        place.set(xlabel=_label(ds, x), ylabel=_named(ds, variable), title=title)
        if variable in _SHARES:
            place.set_ylim(0, 1.02)
        if by:
            place.legend(frameon=False)
    return places


def _band(
    ds: xr.Dataset, variable: str
) -> tuple[xr.DataArray | None, xr.DataArray, xr.DataArray | None]:
    """Return the lower end, the middle and the upper end of what is drawn."""
    values = ds[variable]
    if "quantile" in values.dims:
        low, middle, high = (
            values.sel(quantile=level, method="nearest", drop=True) for level in (0.05, 0.5, 0.95)
        )
        return low, middle, high
    if f"{variable}_lower" in ds:
        return ds[f"{variable}_lower"], values, ds[f"{variable}_upper"]
    if f"{variable}_error" in ds:
        half = 1.96 * ds[f"{variable}_error"]
        return values - half, values, values + half
    return None, values, None


def _at(values: xr.DataArray, kept: list[str], at: Mapping[str, Any] | None) -> xr.DataArray:
    """Take one value of each dimension that is not drawn: the one asked for, or the middle."""
    given = dict(at or {})
    for name in given:
        if name not in values.dims:
            raise unknown("dimension", name, [str(each) for each in values.dims])
    for name in [str(each) for each in values.dims if each not in kept]:
        if name not in given:
            values = values.isel({name: values.sizes[name] // 2}, drop=True)
        elif isinstance(given[name], str):
            values = values.sel({name: given[name]}, drop=True)
        else:
            values = values.sel({name: given[name]}, method="nearest", drop=True)
    return values


def _panels(values: xr.DataArray, over: str | None) -> list[tuple[str, xr.DataArray]]:
    """Return what goes into each panel, under its title; a few spread over many values."""
    if over is None:
        return [("", values)]
    count = values.sizes[over]
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PANELS)).astype(int))
    (symbol,) = symbols([over])
    return [(f"{symbol} = {float(values[over][index]):.4g}", values.isel({over: int(index)}))
            for index in chosen]  # fmt: skip


def _points(ds: xr.Dataset, values: xr.DataArray, x: str | None, y: str | None, axes: Axes) -> Axes:
    swept = [str(name) for name in ds.coords if ds[name].dims == ("cell",) and name != "cell"]
    if len(swept) == 1:
        axes.plot(ds[swept[0]], values, "o", ms=4, color=SERIES[0])
        axes.set(xlabel=_label(ds, swept[0]), ylabel=_named(ds, str(values.name)))
        return axes
    x, y = x or swept[0], y or swept[1]
    low, high = _range(str(values.name), values)
    shown = axes.scatter(ds[x], ds[y], c=values, cmap="viridis", vmin=low, vmax=high, s=18)
    axes.set(xlabel=_label(ds, x), ylabel=_label(ds, y))
    axes.figure.colorbar(shown, ax=axes, label=_named(ds, str(values.name)))
    return axes


def _pair(over: list[str], x: str | None, y: str | None) -> tuple[str, str]:
    for name in (x, y):
        if name is not None and name not in over:
            raise unknown("axis", name, over)
    left = [name for name in over if name not in (x, y)]
    if len(left) + len({x, y} - {None}) < 2:
        raise VcohortError(f"A heatmap needs two axes; this sweep has {over}. Draw lines instead.")
    y = y or left.pop(0)
    return x or left[-1], y


def _known(ds: xr.Dataset, variable: str) -> str:
    if variable not in ds.data_vars:
        raise unknown("variable", variable, [str(name) for name in ds.data_vars])
    return variable


def _range(variable: str, values: xr.DataArray) -> tuple[float | None, float | None]:
    if variable in _SHARES or variable.endswith("_share"):
        return 0.0, 1.0
    known = values.values[np.isfinite(values.values)]
    return (float(known.min()), float(known.max())) if known.size else (None, None)


def _label(ds: xr.Dataset, name: str) -> str:
    if name == "day":
        return DAYS
    units = ds[name].attrs.get("units", "1")
    (symbol,) = symbols([name])
    return symbol if units == "1" else f"{symbol}, {units}"


def _named(ds: xr.Dataset, variable: str) -> str:
    about = ds[variable].attrs
    units = about.get("units", "1")
    return about["long_name"] if units == "1" else f"{about['long_name']}, {units}"
