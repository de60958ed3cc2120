"""Figures at a journal's width: one panel, or many that wrap; each with room for what it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from textwrap import fill
from typing import Any, ParamSpec, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vcohort.errors import VcohortError
from vcohort.plots.style import DOUBLE, LOOK, SINGLE, letters_of, plain

_Given = ParamSpec("_Given")
_Drawn = TypeVar("_Drawn")

# Inches of a panel's data, at least: what is told above and below it comes on top.
_LEAST_HEIGHT = 1.5

_COLUMNS = 3


def picture(draw: Callable[_Given, _Drawn]) -> Callable[_Given, _Drawn]:
    """Make a function draw in our look where it makes a figure; on axes given, in the user's."""

    @wraps(draw)
    def drawn(*args: _Given.args, **options: _Given.kwargs) -> _Drawn:
        if options.get("axes") is not None:
            return draw(*args, **options)
        with plt.rc_context(dict(LOOK)):
            found = draw(*args, **options)
            _make_room(_figure_of(found))
        return found

    return drawn


def _figure_of(found: Any) -> Figure:
    if isinstance(found, Figure):
        return found
    first = found if isinstance(found, Axes) else found[0]
    figure = first.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def _make_room(figure: Figure) -> None:
    """Make a figure higher where legends, captions and names have taken the room of its data."""
    if figure.get_layout_engine() is None:
        return
    # Numbers beside an axis may be others on a longer one, and take other room.
    for _ in range(3):
        figure.draw_without_rendering()
        _wrap_labels(figure)
        heights, rows = [], 1
        for axes in figure.axes:
            place = axes.get_subplotspec()
            if place is not None:
                heights.append(axes.get_position().height * figure.get_figheight())
                rows = max(rows, place.get_gridspec().nrows)
        short = _LEAST_HEIGHT - min(heights, default=_LEAST_HEIGHT)
        if short < 0.01:
            return
        figure.set_figheight(figure.get_figheight() + rows * short)


def _wrap_labels(figure: Figure) -> None:
    """Break the labels that are longer than their axes."""
    for axes in figure.axes:
        size = axes.get_position().size * figure.get_size_inches()
        for axis, length in zip((axes.xaxis, axes.yaxis), size, strict=True):
            told = axis.label.get_text().replace("\n", " ")
            # Letters of mathematics are shorter than their source.
            if told.count("$") < 2:
                axis.label.set_text(fill(told, letters_of(length, axis.label.get_size())))


def panel(axes: Axes | Sequence[Axes] | None = None) -> Axes:
    """Return the axes given, or those of a new figure of one column."""
    return panels_of(axes, 1, grid_of)[0]


def wide_panel(axes: Axes | Sequence[Axes] | None = None, height: float = 3.2) -> Axes:
    """Return the axes given, or those of a new figure of two columns, some inches high."""

    def new(_: int) -> list[Axes]:
        return [plt.subplots(figsize=(DOUBLE, height), layout="constrained")[1]]

    return panels_of(axes, 1, new)[0]


def panels_of(
    axes: Axes | Sequence[Axes] | None, count: int, new: Callable[[int], list[Axes]]
) -> list[Axes]:
    """Return the axes given, ``count`` of them in any array, or those that ``new(count)`` makes."""
    if axes is None:
        return [plain(each) for each in new(count)]
    found = np.ravel(np.asarray(axes, object))
    given = [each for each in found if isinstance(each, Axes)]
    if not len(given) == found.size == count:
        raise VcohortError(
            f"This picture has {count} panels, and axes are {len(given)}. Give axes = "
            f"plt.subplots(1, {count}, squeeze=False)[1], or none."
        )
    return [plain(each) for each in given]


def grid_of(count: int) -> list[Axes]:
    """Return the axes of a new figure: one of one column, or up to three side by side."""
    columns = 2 if count == 4 else min(count, _COLUMNS)
    rows = -(-count // columns)
    width = SINGLE if columns == 1 else DOUBLE
    height = {1: 0.75, 2: 0.7, 3: 0.85}[columns] * width / columns
    figure = plt.figure(figsize=(width, rows * height), layout="constrained")
    return [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
