"""One look for all pictures: colours that colour-blind readers tell apart, sizes of a journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, product
from typing import Any

from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, VERMILLION
from vcohort.endpoints.outcome import CURE, MISSING, PROGRESSION, UNDECIDED
from vcohort.endpoints.response import CR, PD, PR, SD
from vcohort.models import known_parameters

SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)

_LINES = ("-", "--", "-.", ":")

OUTCOME = {CURE: BLUE, PROGRESSION: VERMILLION, UNDECIDED: GREY, MISSING: PALE}

RESPONSE = {CR: BLUE, PR: SKY, SD: GREY, PD: VERMILLION, MISSING: PALE}

# Shares go from dark to light; what has a sign, from one colour to the other.
SHARES, SIGNED = "viridis", "RdBu_r"

DAYS = "days since CAR T infusion"

# As many patients as colours can be told apart in one panel; more get a place of their own.
FEW = len(SERIES)

# One column and two of a journal, 85 and 174 mm, in inches.
SINGLE, DOUBLE = 85 / 25.4, 174 / 25.4

# Points: the least that can be read in print, and the rest.
SMALL, NORMAL, LARGE = 6.5, 7.0, 8.0

LOOK: dict[Any, Any] = {
    "font.size": NORMAL, "axes.labelsize": LARGE, "axes.titlesize": LARGE,
    "figure.titlesize": LARGE, "xtick.labelsize": NORMAL, "ytick.labelsize": NORMAL,
    "legend.fontsize": NORMAL, "legend.title_fontsize": NORMAL, "legend.frameon": False,
    "lines.linewidth": 1.2, "lines.markersize": 4.0, "axes.linewidth": 0.7, "figure.dpi": 200,
}  # fmt: skip
"""Settings of Matplotlib of a figure of ours."""


# How wide a letter is on average, in sizes of the font.
_LETTER = 0.58


def letters_of(inches: float, size: float) -> int:
    """Return how many letters of a size, in points, a line of some inches holds; eight at least."""
    return max(8, int(72.0 * inches / (_LETTER * size)))


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
