"""Ticks of log axes: few numbers, apart from each other, as on other axes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter


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
