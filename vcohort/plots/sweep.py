"""Sweeps: two axes as colours, one as lines with bands, a third as small multiples."""

from __future__ import annotations

import reprlib
from collections.abc import Container, Mapping, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes

from vcohort.errors import VcohortError, unknown
from vcohort.given import by_name
from vcohort.plots.grids import (
    SHARES_OF_PATIENTS,
    edges_of,
    label_of,
    name_of,
    range_of,
    scale_of,
    units_of,
)
from vcohort.plots.layout import figure_of, grid_of, panel, panels_of, picture
from vcohort.plots.slices import along_one_name, at_values, names_of, parts_of, some_of, with_ends
from vcohort.plots.style import SHARES, looks
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, fixed, legend_of, name_levels, quarters_within
from vcohort.results.needed import need


@picture
def heatmap(
    ds: xr.Dataset,
    variable: str = "cure_probability",
    *,
    x: str | None = None,
    y: str | None = None,
    panels: str | None = None,
    at: Mapping[str, Any] | None = None,
    axes: Axes | Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw a variable of a sweep over two of its axes as colours.

    A design (dimension ``cell``) is drawn as points, one over a single name as a line.

    :param x, y: axes to draw over; by default the last and the first that are left.
    :param panels: an axis whose values get a picture each, up to six of them.
    :param at: values of other dimensions, such as ``{"day": 365}``; the nearest is taken, and where
        none is given the middle one.
    :param axes: as many as there are pictures.
    :raises VcohortError: for another number of axes, names that the sweep does not have.
    """
    need(ds, "vc.sweep", {"steps": ("…",)})
    _check_names(variable=variable, x=x, y=y, panels=panels)
    at = by_name("at", at, "{'day': 365}")
    over = [str(name) for name in ds["steps"].dims]
    if over == ["cell"] and len(names_of(ds)) == 1:
        return lines(ds, variable, at=at, axes=axes)
    if over == ["cell"]:
        if panels is not None:
            raise VcohortError("The points of a design are one picture. Leave out panels.")
        values, taken = at_values(ds[_known(ds, variable)], ["cell"], at)
        drawn = _points(ds, values, x, y, panel(axes))
        caption(drawn, fixed(taken, units_of(ds)))
        return [drawn]
    x, y = pair_of(over, {panels, x, y, *at}, x, y)
    kept = [x, y, *([] if panels is None else [panels])]
    values, taken = at_values(ds.sortby([x, y])[_known(ds, variable)], kept, at)
    parts = parts_of(values, panels)
    places = _places(axes, len(parts))
    low, high = range_of(variable, values)
    for place, (title, part) in zip(places, parts, strict=True):
        drawn = values.isel(part).transpose(y, x)
        shown = place.pcolormesh(
            edges_of(drawn[x]), edges_of(drawn[y]), drawn, cmap=SHARES, vmin=low, vmax=high
        )
        place.set(xlabel=label_of(ds, x), ylabel=label_of(ds, y), title=title,
                  xscale=scale_of(drawn[x]), yscale=scale_of(drawn[y]))  # fmt: skip
        number_ticks(place)
        levels = quarters_within(drawn)
        if variable in SHARES_OF_PATIENTS and min(drawn.shape) > 1 and levels:
            name_levels(
                place.contour(drawn[x], drawn[y], drawn, levels, colors="white", linewidths=0.8)
            )
        if place is places[-1]:
            place.figure.colorbar(shown, ax=places, label=name_of(ds, variable))
    _tell(places, some_of(values, panels), fixed(taken, units_of(ds)))
    return places


@picture
def lines(
    ds: xr.Dataset,
    variable: str = "cure_probability",
    *,
    x: str | None = None,
    by: str | None = None,
    panels: str | None = None,
    at: Mapping[str, Any] | None = None,
    axes: Axes | Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw a variable of a sweep over one of its axes as lines, with bands.

    Bands are the 95 % intervals of the values; of a ``_quantile`` the middle 90 % of patients.

    :param x: the axis to draw over, or ``"day"``; by default the last that is left.
    :param by: an axis whose values get a line each, up to six of them.
    :param panels, at, axes: as of :func:`heatmap`.
    :raises VcohortError: as of :func:`heatmap`, and for a design, whose points are on no line.
    """
    need(ds, "vc.sweep", {"steps": ("…",)})
    _check_names(variable=variable, x=x, by=by, panels=panels)
    at = by_name("at", at, "{'day': 365}")
    ds = along_one_name(ds)
    taken = {panels, by, *at}
    over = [str(name) for name in ds["steps"].dims if name not in taken]
    if over == ["cell"]:
        raise VcohortError("The points of a design are on no line. Draw them with heatmap.")
    x = (over[-1] if over else "day") if x is None else x
    kept = [x, *(name for name in (by, panels) if name is not None)]
    if x not in ds[_known(ds, variable)].dims:
        raise unknown("axis", x, [str(name) for name in ds[variable].dims])
    # Axes may be given in any order, and a line goes from left to right.
    chosen = [at_values(each, kept, at) for each in with_ends(ds.sortby(x), variable)]
    (middle, taken), *bands = chosen
    ends = [each for each, _ in bands]
    parts = parts_of(middle, panels)
    places = _places(axes, len(parts))
    for place, (title, part) in zip(places, parts, strict=True):
        for (style, colour), (name, one) in zip(looks(), parts_of(middle, by), strict=False):
            here = {**part, **one}
            line = middle.isel(here)
            if ends:
                lower, upper = (each.isel(here) for each in ends)
                place.fill_between(line[x], lower, upper, color=colour, alpha=0.2, lw=0)
            marker = "o" if line.size == 1 else ""
            place.plot(line[x], line, style, color=colour, label=name, marker=marker)
        place.set(xlabel=label_of(ds, x), ylabel=name_of(ds, variable), title=title,
                  xscale=scale_of(middle[x]))  # fmt: skip
        number_ticks(place)
        if variable in SHARES_OF_PATIENTS:
            place.set_ylim(0, 1.02)
    drawn, names = places[0].get_legend_handles_labels()
    if by:
        is_own = axes is None and len(places) > 1
        legend_of(figure_of(places[0]) if is_own else places[0], drawn, names, is_mathematics=True)
    told = some_of(middle, panels), some_of(middle, by), fixed(taken, units_of(ds))
    _tell(places, *told)
    return places


def _places(axes: Axes | Sequence[Axes] | None, count: int) -> list[Axes]:
    """Return the axes given, or those of a new figure, for so many pictures."""
    return [panel(axes)] if count == 1 else panels_of(axes, count, grid_of)


def _tell(places: Sequence[Axes], *told: str) -> None:
    """Write below the first panel of the last row what is not seen in the picture."""
    rows = [place.get_subplotspec() for place in places]
    starts = [row.rowspan.start if row is not None else 0 for row in rows]
    caption(places[starts.index(max(starts))], " ".join(each for each in told if each))


def _points(ds: xr.Dataset, values: xr.DataArray, x: str | None, y: str | None, axes: Axes) -> Axes:
    x, y = pair_of(names_of(ds), {x, y}, x, y)
    low, high = range_of(str(values.name), values)
    shown = axes.scatter(ds[x], ds[y], c=values, cmap=SHARES, vmin=low, vmax=high, s=18)
    axes.set(xlabel=label_of(ds, x), ylabel=label_of(ds, y))
    axes.figure.colorbar(shown, ax=axes, label=name_of(ds, str(values.name)))
    return axes


def pair_of(
    over: list[str], taken: Container[str | None], x: str | None, y: str | None
) -> tuple[str, str]:
    """Return what is drawn over: x and y, else those of ``over`` that are not taken."""
    for name in (x, y):
        if name is not None and name not in over:
            raise unknown("axis", name, over)
    left = [name for name in over if name not in taken]
    given = [name for name in dict.fromkeys((x, y)) if name is not None]
    if len(left) + len(given) < 2 or (x is not None and x == y):
        raise VcohortError(
            f"A heatmap needs two axes, and there are {sorted([*given, *left])}. Draw lines "
            "instead."
        )
    y = left.pop(0) if y is None else y
    return left[-1] if x is None else x, y


def _check_names(**given: Any) -> None:
    """Refuse what is no name of anything."""
    for what, name in given.items():
        if not isinstance(name, str | None):
            raise VcohortError(f"{what} = {reprlib.repr(name)} is no name: it must be a text.")


def _known(ds: xr.Dataset, variable: str) -> str:
    if variable not in ds.data_vars:
        raise unknown("variable", variable, [str(name) for name in ds.data_vars])
    return variable
