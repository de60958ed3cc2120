"""What the page shows as a picture for print: curves and percentiles, at a journal's width."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vcohort.colours import BLUE, GREEN, GREY
from vcohort.explorer.outlook import PERCENTILES, Outlook
from vcohort.plots.style import DAYS, DOUBLE, LOOK, plain
from vcohort.results.trial import Curve

_HEIGHT = 2.4

# What is below is not seen in blood; as on the page.
_LEAST_COUNT = 1e-4


def svg_of(outlook: Outlook, pinned: Outlook | None, trial: Curve | None) -> io.StringIO:
    """Return survival, CAR T cells and normal T cells side by side, as SVG."""
    with mpl.rc_context({**LOOK, "svg.fonttype": "none"}):
        figure = Figure((DOUBLE, _HEIGHT), layout="constrained")
        survival, car_t, normal = (plain(each) for each in figure.subplots(1, 3))
        _survival(survival, outlook, pinned, trial)
        _percentiles(car_t, outlook.course_days, outlook.car_t, BLUE, "CAR T cells per µl")
        _percentiles(normal, outlook.course_days, outlook.normal, GREEN, "normal T cells per µl")
        found = io.StringIO()
        figure.savefig(found, format="svg")
    found.seek(0)
    return found


def _survival(axes: Axes, outlook: Outlook, pinned: Outlook | None, trial: Curve | None) -> None:
    if trial is not None:
        days = np.concatenate([[0.0], trial.days, [trial.last]])
        axes.step(days, 100.0 * trial.at(days), where="post", color=GREY, lw=1.0, label="trial")
    if pinned is not None:
        axes.plot(pinned.days, 100.0 * pinned.free, color=BLUE, alpha=0.35, label="pinned")
    axes.plot(outlook.days, 100.0 * outlook.free, color=BLUE, label="now")
    axes.set(xlabel=DAYS, ylabel="progression-free, %", ylim=(0.0, 102.0))
    axes.set_title(f"P(cure) {100.0 * outlook.cured:.1f} %", loc="left")
    axes.legend()


def _percentiles(axes: Axes, days: np.ndarray, rows: np.ndarray, colour: str, label: str) -> None:
    edges: Any = dict(zip(PERCENTILES, np.maximum(rows, _LEAST_COUNT), strict=True))
    axes.fill_between(days, edges[5], edges[95], color=colour, alpha=0.15, lw=0, label="5 to 95 %")
    axes.fill_between(days, edges[25], edges[75], color=colour, alpha=0.3, lw=0, label="25 to 75 %")
    median = np.where(edges[50] > _LEAST_COUNT, edges[50], np.nan)
    axes.plot(days, median, color=colour, label="median")
    axes.set(xlabel=DAYS, ylabel=label, yscale="log")
    axes.legend()
