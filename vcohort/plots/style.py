"""One look for all pictures: colours that colour-blind readers tell apart, plain axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED

# Okabe & Ito 2008.
BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9",
)  # fmt: skip
GREY = "#555555"

SERIES = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)

OUTCOME = {CURE: BLUE, PROGRESSION: VERMILLION, UNDECIDED: GREY}

DAYS = "days since CAR T infusion"


def panel(axes: Axes | None = None) -> Axes:
    """Return the axes given, or those of a new figure."""
    if axes is None:
        _, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    return plain(axes)


def plain(axes: Axes) -> Axes:
    """Take away what carries no information."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes
