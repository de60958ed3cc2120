"""Fitted curves over their data: a panel per observable, or one for each patient where many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from textwrap import fill
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vcohort.colours import GREY
from vcohort.plots.layout import figure_of, grid_of, panels_of, picture
from vcohort.plots.patients import asks_for_log, by_patient, first_patient
from vcohort.plots.style import DAYS, DOUBLE, FEW, NORMAL, SMALL, gapped_looks
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import as_it_is, legend_of
from vcohort.results.needed import need

_Mark: TypeAlias = tuple[bool, bool]

# Whether rows count, and whether they are upper limits: what a legend says of them.
_MARKS: dict[_Mark, str] = {
    (True, False): "",
    (True, True): "below the limit",
    (False, False): "not counted",
    (False, True): "below the limit, not counted",
}

_COLUMNS = 6

# Below small panels there is no room for more.
_DAYS = "days"

# Inches below the panels and above them.
_BELOW, _ABOVE = 0.45, 0.2


@picture
def fitted_curves(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the curves of :func:`vcohort.fit` over its data, a panel per observable.

    Of more than six patients each has a panel for each observable, under its label; so has each
    of several patients of :func:`vcohort.compare_models`, with a line per model. Hollow triangles
    are upper limits; what is hollow and pale has the weight 0, and counts for nothing.

    :param axes: as many as there are panels; all of the first observable come first.
    :raises VcohortError: for another number of axes.
    """
    course = {"curve": ("patient", "kind", "time", "…")}
    rows = dict.fromkeys(("day", "observable", "value", "below"), ("patient", "observation"))
    need(ds, "vc.fit or vc.compare_models", course | rows)
    ds = by_patient(ds)
    over = "model" if "model" in ds.dims else "patient"
    patients, kinds = ds.sizes["patient"], ds.sizes["kind"]
    is_apart = patients > (1 if over == "model" else FEW)
    groups = [ds.isel(patient=[index]) for index in range(patients)] if is_apart else [ds]
    new = partial(_small_multiples, sections=kinds) if is_apart else grid_of
    panels = panels_of(axes, kinds * len(groups), new)
    seen: list[_Mark] = []
    for index in range(kinds):
        own = panels[index * len(groups) : (index + 1) * len(groups)]
        found = [_draw(each, group.isel(kind=index), over)
                 for each, group in zip(own, groups, strict=True)]  # fmt: skip
        _scale(own, ds.isel(kind=index))
        seen += [mark for marks in found for mark in marks]
        if not is_apart and axes is not None:
            _legend(own[0], own[0].lines if index == 0 else [], ds, over, found[0])
    if not is_apart and axes is None:
        _legend(figure_of(panels[0]), panels[0].lines, ds, over, seen)
    if is_apart:
        _shrink(panels, ds, is_own=axes is None)
        lines = panels[0].lines if over == "model" else []
        _legend(figure_of(panels[0]), lines, ds, over, seen)
        if axes is None:
            _make_room_above(panels[0])
    elif over == "model":
        as_it_is(panels[0].title, first_patient(ds)[1])
    return panels


def _draw(axes: Axes, ds: xr.Dataset, over: str) -> list[_Mark]:
    """Draw the curves of one observable, then its data; return the marks that these needed."""
    curves = (ds["curve"].isel(patient=0) if over == "model" else ds["curve"]).transpose(over, ...)
    for curve, (line, colour) in zip(curves, gapped_looks(), strict=False):
        axes.plot(curve["time"], curve, line, color=colour)
    is_shared = over == "patient" and ds.sizes["patient"] > 1
    seen: list[_Mark] = []
    for index, (_, colour) in zip(range(ds.sizes["patient"]), gapped_looks(), strict=False):
        rows = ds.isel(patient=index)
        for mark, chosen in _marked(rows):
            look = _look(mark, colour if is_shared else GREY)
            axes.plot(rows["day"].values[chosen], rows["value"].values[chosen], **look)
            seen.append(mark)
    return seen


def _marked(rows: xr.Dataset) -> Iterator[tuple[_Mark, np.ndarray]]:
    """Return which of a patient's rows of an observable are drawn alike, where there are any."""
    own = rows["observable"].values == rows["kind"].item()
    counted = rows["data_weight" if "data_weight" in rows else "weight"].values > 0
    below = rows["below"].values.astype(bool)
    for mark in _MARKS:
        chosen = own & (counted == mark[0]) & (below == mark[1])
        if chosen.any():
            yield mark, chosen


def _look(mark: _Mark, colour: str) -> dict[str, Any]:
    is_counted, is_below = mark
    is_solid = is_counted and not is_below
    return {
        "marker": "v" if is_below else "o", "ls": "", "color": colour, "zorder": 3,
        "mfc": colour if is_solid else "none", "mec": "white" if is_solid else colour,
        "alpha": 1.0 if is_counted else 0.6,
    }  # fmt: skip


def _scale(panels: list[Axes], ds: xr.Dataset) -> None:
    """Give the panels of one observable the same labels and the same scale."""
    value = ds["value"].values[ds["observable"].values == ds["kind"].item()]
    is_log = asks_for_log(np.concatenate([value, ds["curve"].values.ravel()]))
    label = f"{ds['kind_name'].item()}, {ds['kind_unit'].item()}".replace("/ul", "/µl")
    for each in panels:
        each.set(xlabel=DAYS, ylabel=label, yscale="log" if is_log else "linear")
    low = min(each.get_ylim()[0] for each in panels)
    high = max(each.get_ylim()[1] for each in panels)
    if is_log:
        # A curve may fall without end: the axis ends below the data, and close above all.
        low = max(low, 0.2 * value.min())
        high = min(high, 2.0 * max(value.max(), np.nanmax(ds["curve"].values)))
    for each in panels:
        each.set_ylim(low, high)
        number_ticks(each)


def _legend(
    where: Axes | Figure,
    lines: Sequence[Line2D],
    ds: xr.Dataset,
    over: str,
    seen: list[_Mark],
) -> None:
    """Name the first of the lines, the curves, and say what the marks mean."""
    marks = [mark for mark, word in _MARKS.items() if word and mark in seen]
    named = dict(zip(lines, ds[over].values, strict=False))
    handles = [*named, *(Line2D([], [], **_look(mark, GREY)) for mark in marks)]
    labels = [*named.values(), *(_MARKS[mark] for mark in marks)]
    legend_of(where, handles, labels, over if named else None)


def _small_multiples(count: int, sections: int) -> list[Axes]:
    """Return the axes of a new figure: a grid of panels for each section, one below the other."""
    each = count // sections
    columns = min(each, _COLUMNS)
    rows = -(-each // columns)
    high = 0.95 * rows * sections + _BELOW + _ABOVE
    figure = plt.figure(figsize=(DOUBLE, high))
    # To let matplotlib find a layout of so many panels takes longer than to draw them.
    grid = figure.add_gridspec(
        rows * sections, columns, left=0.65 / DOUBLE, right=1.0 - 0.1 / DOUBLE,
        bottom=_BELOW / high, top=1.0 - _ABOVE / high, wspace=0.12, hspace=0.35,
    )  # fmt: skip
    return [
        figure.add_subplot(grid[section * rows + place // columns, place % columns])
        for section in range(sections)
        for place in range(each)
    ]


def _make_room_above(axes: Axes) -> None:
    """Make a figure higher by its legend."""
    figure, grid = figure_of(axes), axes.get_gridspec()
    assert grid is not None
    for legend in figure.legends:
        more = legend.get_window_extent().height / figure.dpi
        high = figure.get_figheight() + more
        figure.set_figheight(high)
        grid.update(bottom=_BELOW / high, top=1.0 - (_ABOVE + more) / high)


def _shrink(panels: list[Axes], ds: xr.Dataset, *, is_own: bool) -> None:
    """Write small, each panel under its patient, and label the outer panels alone."""
    patients = ds["patient"].values
    for index, each in enumerate(panels):
        each.set_title("", fontsize=NORMAL)
        as_it_is(each.title, patients[index % len(patients)])
        each.minorticks_off()
        each.tick_params(labelsize=SMALL)
        each.set_xlabel(_DAYS, fontsize=SMALL)
        each.set_ylabel(fill(each.get_ylabel(), 20), fontsize=SMALL)
        for line in each.lines:
            line.set(lw=1, ms=4)
        each.label_outer()
    if is_own:
        # Nothing lies below the last of them, though their row may not be the last.
        for each in panels[-min(len(patients), _COLUMNS) :]:
            each.set_xlabel(_DAYS, fontsize=SMALL)
            each.tick_params(labelbottom=True)
