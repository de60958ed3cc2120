"""One look for all pictures: colours that colour-blind readers tell apart, plain axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle, product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.models import Param, car_t

# Okabe & Ito 2008.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
GREY = "#555555"

SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)

_LINES = ("-", "--", "-.", ":")

OUTCOME = {CURE: BLUE, PROGRESSION: VERMILLION, UNDECIDED: GREY}

DAYS = "days since CAR T infusion"


def looks() -> Iterator[tuple[str, str]]:
    """Return line styles and colours without end; the first 24 pairs differ."""
    return cycle(product(_LINES, SERIES))


def panel(axes: Axes | None = None) -> Axes:
    """Return the axes given, or those of a new figure."""
    if axes is None:
        _, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    return plain(axes)


def missing_title(kept: np.ndarray) -> str | None:
    """Return the title of a legend that says how many patients were left out, if any."""
    count = int(kept.size - kept.sum())
    return f"{count:,} of {kept.size:,} patients are missing" if count else None


def row_of(count: int) -> list[Axes]:
    """Return the axes of a new figure, side by side."""
    figure = plt.figure(figsize=(4.4 * count, 3.8), layout="constrained")
    return [figure.add_subplot(1, count, index + 1) for index in range(count)]


def plain(axes: Axes) -> Axes:
    """Take away what carries no information."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def symbols(names: Iterable[Any]) -> list[str]:
    """Return the parameters' symbols; the name where the paper's model does not have it."""
    known: dict[str, Param] = car_t().parameters

    def symbol(name: str) -> str:
        plain = name.removeprefix("1/")
        inverse = "1/" if plain != name else ""
        return f"${inverse}{known[plain].symbol}$" if plain in known else name

    return [symbol(str(name)) for name in names]
