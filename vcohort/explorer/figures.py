"""The pictures of the page. Each is drawn once; what moves are the numbers in its sources."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from vcohort import data
from vcohort.colours import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from vcohort.explorer.outlook import PERCENTILES, Fates, Outlook
from vcohort.results.trial import Curve

ARMS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE)

_HEIGHT = 260

_OUTER, _INNER = (0, 4), (1, 3)
_MEDIAN = PERCENTILES.index(50)

# What is below is not seen in blood, nor in a scan, by a wide margin; what is above, nobody has.
_LEAST_COUNT, _LEAST_ML, _MOST_ML = 1e-4, 1e-6, 1e4

_BINS = 24


def source(*columns: str) -> Any:
    """Return a source of columns, empty as yet."""
    return ColumnDataSource({name: [] for name in columns})


def span(low: float, high: float) -> Any:
    """Return a range of an axis that stays as it is."""
    return Range1d(start=low, end=high)


def plain(title: str, x: str, y: str, **options: Any) -> Any:
    """Return an empty figure in the page's look."""
    found: Any = figure(
        title=title, x_axis_label=x, y_axis_label=y, height=_HEIGHT, sizing_mode="stretch_width",
        tools="pan,wheel_zoom,box_zoom,reset,save", active_drag=None, toolbar_location="right",
        **options,
    )  # fmt: skip
    found.toolbar.logo, found.toolbar.autohide = None, True
    found.grid.grid_line_alpha, found.outline_line_color = 0.3, None
    found.title.text_font_style = "normal"
    return found


def legend(found: Any, place: str = "top_right") -> None:
    """Show what the lines are, small, and where no line is covered that matters."""
    found.legend.location, found.legend.label_text_font_size = place, "11px"
    found.legend.background_fill_alpha, found.legend.border_line_color = 0.6, None
    found.legend.spacing, found.legend.padding = 0, 4


class Survival:
    """Progression-free survival: now, pinned, and of the trial."""

    def __init__(self) -> None:
        self.now, self.pinned, self.trial = (source("day", "free") for _ in range(3))
        self.figure = plain("progression-free survival", "days since infusion", "share, %",
                            y_range=span(0, 102))  # fmt: skip
        self.figure.step("day", "free", source=self.trial, color=GREY, mode="after", line_width=1.5,
                         legend_label="trial")  # fmt: skip
        self.figure.line("day", "free", source=self.pinned, color=BLUE, alpha=0.35, line_width=3,
                         legend_label="pinned")  # fmt: skip
        self.figure.line("day", "free", source=self.now, color=BLUE, line_width=3,
                         legend_label="now")  # fmt: skip
        legend(self.figure)

    def show(self, outlook: Outlook) -> None:
        """Draw the curve of an outlook."""
        self.now.data = curve_of(outlook)

    def pin(self, outlook: Outlook | None) -> None:
        """Keep a curve in pale, or none."""
        self.pinned.data = {"day": [], "free": []} if outlook is None else curve_of(outlook)

    def overlay(self, trial: Curve) -> None:
        """Draw a trial's curve, as far as it is known."""
        days = np.concatenate([[0.0], trial.days, [trial.last]])
        self.trial.data = {"day": days, "free": 100.0 * trial.at(days)}


def curve_of(outlook: Outlook) -> dict[str, np.ndarray]:
    """Return a survival curve as a figure takes it, in per cent."""
    return {"day": outlook.days, "free": 100.0 * outlook.free}


class Ribbons:
    """Percentiles of a cell count over time, with data where there are any."""

    def __init__(self, title: str, colour: str, state: str, place: str) -> None:
        self.state = state
        self.source = source("day", "low", "q1", "median", "q3", "high")
        self.pinned = source("day", "median")
        self.measured = source("day", "count")
        self.figure = plain(title, "days since infusion", "cells per µl", y_axis_type="log")
        draw = self.figure.varea
        draw("day", "low", "high", source=self.source, color=colour, alpha=0.15,
             legend_label="5 to 95 %")  # fmt: skip
        draw("day", "q1", "q3", source=self.source, color=colour, alpha=0.3,
             legend_label="25 to 75 %")  # fmt: skip
        self.figure.line("day", "median", source=self.pinned, color=colour, alpha=0.35,
                         line_width=3)  # fmt: skip
        self.figure.line("day", "median", source=self.source, color=colour, line_width=2.5,
                         legend_label="median")  # fmt: skip
        self.figure.scatter("day", "count", source=self.measured, color=GREY, size=6)
        legend(self.figure, place)

    def show(self, outlook: Outlook) -> None:
        """Draw the percentiles of an outlook."""
        rows = getattr(outlook, self.state)
        names = ("low", "q1", "median", "q3", "high")
        # A band ends where nothing is seen below: with a gap in its edge it would be another shape.
        found = dict(zip(names, np.maximum(rows, _LEAST_COUNT), strict=True))
        self.source.data = {"day": outlook.course_days, **found, "median": _seen(rows[_MEDIAN])}

    def pin(self, outlook: Outlook | None) -> None:
        """Keep a median in pale, or none."""
        self.pinned.data = {"day": [], "median": []} if outlook is None else {
            "day": outlook.course_days,
            "median": _seen(getattr(outlook, self.state)[_MEDIAN]),
        }  # fmt: skip

    def overlay_zuma1(self) -> None:
        """Draw the trial's quartiles of CAR T cells."""
        counts = data.t_cell_counts()
        days = np.tile(counts["day"].values, len(data.QUARTILES))
        found = [counts[f"car_t_{each}"].values for each in data.QUARTILES]
        self.measured.data = {"day": days, "count": np.concatenate(found)}

    def overlay_nothing(self) -> None:
        """Draw no data."""
        self.measured.data = {"day": [], "count": []}


def _seen(counts: np.ndarray) -> np.ndarray:
    return np.where(counts >= _LEAST_COUNT, counts, np.nan)


class Tumours:
    """The courses of some tumours, and their end."""

    def __init__(self) -> None:
        self.source = source("day", "ml")
        self.figure = plain("fifty tumours", "days since infusion", "tumour, ml",
                            y_axis_type="log", y_range=span(_LEAST_ML, _MOST_ML))  # fmt: skip
        self.figure.multi_line("day", "ml", source=self.source, color=VERMILLION, alpha=0.45)

    def show(self, fates: Fates) -> None:
        """Draw each tumour as long as there is one."""
        courses = [course > _LEAST_ML for course in fates.tumours]
        self.source.data = {
            "day": [fates.tumour_days[there] for there in courses],
            "ml": [course[there] for course, there in zip(fates.tumours, courses, strict=True)],
        }


class EventDays:
    """On which days patients are cured, and progress."""

    def __init__(self) -> None:
        self.source = source("left", "right", "cure", "progression")
        self.figure = plain("days of cure and of progression", "days since infusion", "patients")
        shape = {"left": "left", "right": "right", "bottom": 0, "source": self.source}
        self.figure.quad(top="cure", color=BLUE, alpha=0.5, legend_label="cure", **shape)
        self.figure.quad(top="progression", color=VERMILLION, alpha=0.5,
                         legend_label="progression", **shape)  # fmt: skip
        legend(self.figure)

    def show(self, fates: Fates) -> None:
        """Count the days of both."""
        edges = np.linspace(0.0, fates.tumour_days[-1], _BINS + 1)
        self.source.data = {
            "left": edges[:-1], "right": edges[1:],
            "cure": np.histogram(fates.cure_days, edges)[0],
            "progression": np.histogram(fates.progression_days, edges)[0],
        }  # fmt: skip


class Courses:
    """All cells of one patient."""

    def __init__(self) -> None:
        self.sources = {name: source("day", "cells") for name in ("N", "C", "B")}
        self.figure = plain("one patient", "days since infusion", "cells per µl, tumour in ml",
                            y_axis_type="log")  # fmt: skip
        names = {"N": ("normal T cells", GREEN), "C": ("CAR T cells", BLUE),
                 "B": ("tumour, ml", VERMILLION)}  # fmt: skip
        for name, (label, colour) in names.items():
            self.figure.line("day", "cells", source=self.sources[name], color=colour, line_width=2,
                             legend_label=label)  # fmt: skip
        legend(self.figure)

    def show(self, days: np.ndarray, cells: dict[str, np.ndarray]) -> None:
        """Draw the courses, each as long as there is something."""
        for name, course in cells.items():
            there = course > _LEAST_ML
            self.sources[name].data = {"day": days[there], "cells": course[there]}
