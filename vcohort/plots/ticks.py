"""Ticks: few numbers, apart from each other; of a follow-up, round numbers of months."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from vcohort.units import t_cells_per_ul

# Days that read well: weeks and months, as clinics count them.
_STEPS = (0.5, 1.0, 2.0, 5.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 360.0, 720.0)

_ONE_CELL = float(t_cells_per_ul(1.0))


def follow_up_ticks(last: float) -> np.ndarray:
    """Return up to six days from 0 on, a round number apart."""
    step = next((each for each in _STEPS if each <= last <= 5 * each), last / 5)
    return step * np.arange(np.floor(last / step + 1e-9) + 1)


def whole_cells(axes: Axes) -> None:
    """End an axis of T cells per microlitre at one cell in the body: equations go on below."""
    low, high = axes.get_ylim()
    if low < _ONE_CELL < high:
        axes.set_ylim(bottom=_ONE_CELL)


def number_ticks(axes: Axes) -> None:
    """Write a few numbers beside each log axis of less than two decades.

    It has few powers of ten, and Matplotlib's own labels between them lie on each other.
    """
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        if axis.get_scale() == "log" and high < 100 * low:
            _number(axis, high / low)


def _number(axis: Axis, ratio: float) -> None:
    if ratio < 6:
        axis.set_major_locator(MaxNLocator(4))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ratio < 20 else (1.0, 3.0)))
    axis.set_major_formatter(ScalarFormatter(useOffset=False))
    axis.set_minor_formatter(NullFormatter())
