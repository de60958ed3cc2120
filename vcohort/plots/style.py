"""One look for all pictures: colours that colour-blind readers tell apart, plain axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle, product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import FigureBase
from matplotlib.text import Text

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.errors import VcohortError
from vcohort.models import known_parameters

# Okabe & Ito 2008.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
GREY = "#555555"

SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)

_LINES = ("-", "--", "-.", ":")

OUTCOME = {CURE: BLUE, PROGRESSION: VERMILLION, UNDECIDED: GREY}

DAYS = "days since CAR T infusion"

# As many patients as colours can be told apart in one panel; more get a place of their own.
FEW = len(SERIES)


def looks() -> Iterator[tuple[str, str]]:
    """Return line styles and colours without end; the first 24 pairs differ."""
    return cycle(product(_LINES, SERIES))


def gapped_looks() -> Iterator[tuple[str, str]]:
    """Return the same pairs in an order for curves that may lie on each other.

    Neighbours differ in style too, so that the later ones leave gaps.
    """
    count = len(_LINES) * len(SERIES)
    # The lines and colours come round together after half of the pairs.
    styles = [(index + (2 * index) // count) % len(_LINES) for index in range(count)]
    return cycle([(_LINES[style], colour) for style, colour in zip(styles, cycle(SERIES))])


def panel(axes: Axes | Sequence[Axes] | None = None) -> Axes:
    """Return the axes given, or those of a new figure."""
    return panels_of(axes, 1, _one)[0]


def _one(_: int) -> list[Axes]:
    return [plt.subplots(figsize=(6.4, 4.2), layout="constrained")[1]]


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


def as_it_is(text: Text, label: object) -> None:
    """Show a label of the user's, in which $ and _ are letters like others."""
    text.set_text(str(label))
    text.set_parse_math(False)


def legend_of(
    where: Axes | FigureBase, handles: Sequence[Artist], labels: Iterable[Any], **options: Any
) -> None:
    """Add a legend whose labels are shown as they are; none without handles."""
    if not handles:
        return
    # Matplotlib leaves out labels that begin with _, so they are set once the legend stands.
    drawn = where.legend(handles, ["…"] * len(handles), frameon=False, **options)
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        as_it_is(text, label)


def quarters_within(values: Any) -> list[float]:
    """Return the levels of contours of shares, a quarter apart, that lie within the values."""
    return [level for level in (0.25, 0.5, 0.75) if values.min() < level < values.max()]


def name_levels(lines: ContourSet) -> None:
    """Write its level into each contour line."""
    lines.axes.clabel(lines, fmt="%g", fontsize=7)


def missing_title(kept: np.ndarray) -> str | None:
    """Return the title of a legend that says how many patients were left out, if any."""
    count = int(kept.size - kept.sum())
    return f"{count:,} of {kept.size:,} patients are missing" if count else None


def row_of(count: int, beside: float = 0.0) -> list[Axes]:
    """Return the axes of a new figure, side by side, with some inches beside them."""
    figure = plt.figure(figsize=(4.4 * count + beside, 3.8), layout="constrained")
    return [figure.add_subplot(1, count, index + 1) for index in range(count)]


def grid_of(count: int) -> list[Axes]:
    """Return the axes of a new figure, up to four side by side."""
    columns = min(count, 4)
    rows = -(-count // columns)
    figure = plt.figure(figsize=(3.2 * columns, 2.7 * rows), layout="constrained")
    return [figure.add_subplot(rows, columns, index + 1) for index in range(count)]


def plain(axes: Axes) -> Axes:
    """Take away what carries no information."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def symbols(names: Iterable[Any]) -> list[str]:
    """Return the parameters' symbols; the name where no law of the package has it."""
    known = known_parameters()

    def symbol(name: str) -> str:
        plain = name.removeprefix("1/")
        inverse = "1/" if plain != name else ""
        return f"${inverse}{known[plain].symbol}$" if plain in known else name

    return [symbol(str(name)) for name in names]
