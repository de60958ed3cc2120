"""Words in pictures: legends above the curves, captions below, labels of users as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Text

from vcohort.colours import GREY
from vcohort.plots.layout import figure_of
from vcohort.plots.style import NORMAL, SMALL, letters_of, symbols

_POINTS = 72.0

# What the sample of a line and the space about it take in a legend, in letters.
_SAMPLE = 8

# Room for a power of ten above an axis, in sizes of the font.
_POWER = 1.6


def as_it_is(text: Text, label: object) -> None:
    """Show a label of the user's, in which $ and _ are letters like others."""
    text.set_text(str(label))
    text.set_parse_math(False)


def literal(label: object) -> str:
    """Return a label of the user's for a text that holds mathematics elsewhere."""
    return str(label).replace("$", r"\$")


def letters_within(where: Axes | Figure, size: float) -> int:
    """Return how many letters of a size, in points, fit into the width."""
    root = where if isinstance(where, Figure) else figure_of(where)
    return letters_of(where.get_window_extent().width / root.dpi, size)


def legend_of(
    where: Axes | Figure,
    handles: Sequence[Artist],
    labels: Iterable[Any],
    title: str | None = None,
    *,
    is_mathematics: bool = False,
) -> None:
    """Add a legend above the data, in as many columns as fit; none without handles.

    Its labels are shown as they are, unless they are said to hold mathematics.
    """
    if not handles:
        return
    place: dict[str, Any] = {"loc": "outside upper left"}
    if isinstance(where, Axes):
        place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0),
                 "borderaxespad": 0.3 + (_POWER if _has_power(where) else 0.0)}  # fmt: skip
    told = [str(label) for label in labels]
    size = FontProperties(size=plt.rcParams["legend.fontsize"]).get_size_in_points()
    letters = letters_within(where, size)
    columns = _columns(told, letters)
    # Matplotlib leaves out labels that begin with _, so they are set once the legend stands.
    drawn = where.legend(handles, ["…"] * len(handles), ncols=columns, frameon=False,
                         alignment="left", title=title, **place)  # fmt: skip
    for text, label in zip(drawn.get_texts(), told, strict=True):
        as_it_is(text, fill(label, max(letters - _SAMPLE, 12)) if columns == 1 else label)
        text.set_parse_math(is_mathematics)
    if isinstance(where, Axes) and where.get_title():
        height = drawn.get_window_extent().height / figure_of(where).dpi * _POINTS
        where.set_title(where.get_title(), pad=height + 6.0)


def _has_power(axes: Axes) -> bool:
    """Whether a power of ten stands above the vertical axis, where a legend would begin."""
    # The formatter learns its ticks from being asked for their labels.
    axes.get_yticklabels()
    return bool(axes.yaxis.get_major_formatter().get_offset())


def _columns(labels: Sequence[str], letters: int) -> int:
    """Return in how many columns labels fit into a line of so many letters; four at most."""
    for columns in range(min(len(labels), 4), 1, -1):
        # Matplotlib fills one column after the other, the first ones with one more.
        widths = [max(map(len, part)) + _SAMPLE for part in np.array_split(labels, columns)]
        if sum(widths) <= letters:
            return columns
    return 1


def own_legend(axes: Axes, title: str | None = None) -> None:
    """Add a legend above the data of what was drawn with a label."""
    legend_of(axes, *axes.get_legend_handles_labels(), title=title)


def small_size() -> float:
    """Return the size of small letters, in points, in a figure of ours or in the user's look."""
    return float(plt.rcParams["font.size"]) * SMALL / NORMAL


def caption(axes: Axes, text: str, below: float = 0.0) -> None:
    """Write a sentence below the panel, if there is one: what is fixed, what is left out.

    ``below``: points that are taken already.
    """
    if text:
        letters = max(letters_within(axes, small_size()), 24)
        under(axes, fill(text, letters), 0.0, below + 3.0, ha="left", color=GREY)


def under(axes: Axes, text: str, x: float, below: float, **look: Any) -> Text:
    """Write a small text some points below the label of the axis; ``x`` is a share of its width."""
    return axes.annotate(
        text, (x, 0.0), xycoords=("axes fraction", axes.xaxis.label), xytext=(0.0, -below),
        textcoords="offset points", va="top", fontsize=small_size(), annotation_clip=False, **look,
    )  # fmt: skip


def fixed(values: Mapping[str, Any], units: Mapping[str, str]) -> str:
    """Return what is fixed at what value, as a sentence; nothing where all is drawn."""
    parts = []
    for name, symbol in zip(values, symbols(values), strict=True):
        value, unit = values[name], units.get(name, "1")
        told = f"{value:.4g}" if isinstance(value, float | int | np.number) else literal(value)
        label = symbol if symbol.startswith("$") else literal(name.replace("_", " "))
        parts.append(f"{label} = {told}" + ("" if unit == "1" else f" {unit}"))
    return f"At {', '.join(parts)}." if parts else ""


def missing_title(kept: np.ndarray) -> str | None:
    """Return the title of a legend that says how many patients were left out, if any."""
    count = int(kept.size - kept.sum())
    return f"{count:,} of {kept.size:,} patients are missing" if count else None


def quarters_within(values: Any) -> list[float]:
    """Return the levels of contours of shares, a quarter apart, that lie within the values."""
    return [level for level in (0.25, 0.5, 0.75) if values.min() < level < values.max()]


def name_levels(lines: ContourSet) -> None:
    """Write its level into each contour line, to be read on light, dark and hatched ground."""
    for text in lines.axes.clabel(lines, fmt="%g", fontsize=small_size()):
        is_light = sum(to_rgb(text.get_color())) > 1.5
        text.set_path_effects([withStroke(linewidth=1.5, foreground="0.2" if is_light else "1")])
