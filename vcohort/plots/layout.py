"""Figures at a journal's width: one panel, or many that wrap; each with room for what it shows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
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
_LEAST_HEIGHT, _TALL = 1.5, 20.0

_COLUMNS = 3


def picture(draw: Callable[_Given, _Drawn]) -> Callable[_Given, _Drawn]:
    """Make a function draw in our look where it makes a figure; on axes given, in the user's."""

    @wraps(draw)
    def drawn(*args: _Given.args, **options: _Given.kwargs) -> _Drawn:
        if options.get("axes") is not None:
            return draw(*args, **options)
        with _our_look():
            found = draw(*args, **options)
            _make_room(figure_of(_first(found)))
        return found

    return drawn


@contextmanager
def _our_look() -> Generator[None]:
    """Have Matplotlib draw in our look.

    Its own ``rc_context`` would also undo what a notebook's backend sets when it is first used.
    """
    before = {name: plt.rcParams[name] for name in LOOK}
    plt.rcParams.update(LOOK)
    try:
        yield
    finally:
        plt.rcParams.update(before)


def _first(found: Any) -> Axes:
    return found if isinstance(found, Axes) else found[0]


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to, also where they are in a part of it."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def _make_room(figure: Figure) -> None:
    """Make a figure as high as its data need beside legends, captions, tables and names."""
    if figure.get_layout_engine() is None:
        return
    height = figure.get_figheight()
    # Where decorations leave no room at all no layout can be found: so it begins with too much.
    figure.set_figheight(height + _TALL)
    figure.draw_without_rendering()
    for _ in range(3):
        places = [axes.get_subplotspec() for axes in figure.axes]
        rows = max((place.get_gridspec().nrows for place in places if place is not None), default=1)
        least = min(axes.get_position().height for axes, place in
                    zip(figure.axes, places, strict=True) if place is not None)  # fmt: skip
        more = rows * (_LEAST_HEIGHT - least * figure.get_figheight())
        figure.set_figheight(max(height, figure.get_figheight() + more))
        figure.draw_without_rendering()
        # Labels that are broken take more room.
        if not _wrap_labels(figure):
            return
        figure.draw_without_rendering()


def _wrap_labels(figure: Figure) -> bool:
    """Break the labels that are longer than their axes; return whether there were any new ones."""
    is_new = False
    for axes in figure.axes:
        size = axes.get_position().size * figure.get_size_inches()
        for axis, length in zip((axes.xaxis, axes.yaxis), size, strict=True):
            told = axis.label.get_text().replace("\n", " ")
            # Letters of mathematics are shorter than their source.
            if told.count("$") < 2:
                broken = fill(told, letters_of(length, float(axis.label.get_fontsize())))
                is_new |= broken != axis.label.get_text()
                axis.label.set_text(broken)
    return is_new


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
