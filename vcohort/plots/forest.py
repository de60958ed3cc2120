"""Arms compared, row by row."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import GREY
from vcohort.plots.layout import grid_of, panels_of, picture
from vcohort.plots.style import SERIES
from vcohort.plots.words import caption, legend_of, literal
from vcohort.results.needed import need
from vcohort.units import CELLS_PER_UL

# By unit: what a value is multiplied with, and the title of its panel.
_TITLES = {
    "1": (100.0, "difference of shares, percentage points"),
    "day": (1.0, "difference, days free of progression"),
    "cells": (1.0 / CELLS_PER_UL, "difference of mean peaks, CAR T cells per µl"),
}

# What the statistics of vc.compare are called; with _DAY, on or until that day.
_WORDS = {
    "cure": "cured", "cure_probability": "P(cure)", "progression": "progressed",
    "pfs": "PFS, day", "rmst": "mean, to day", "median": "median PFS",
    "C_max": "peak", "complete_response": "complete response",
    "overall_response": "overall response",
}  # fmt: skip
_OF_A_DAY = re.compile(r"(.+)_([0-9.e+]+)")

_NEEDED = ("value", "difference", "lower", "upper")
_DRAWN = (*_NEEDED[1:], "parameter_lower", "parameter_upper")
_ATTRS = ("reference", "confidence")

# Of more arms than there are colours the marks differ too.
_MARKS = "os^D"


@picture
def forest(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the differences of :func:`vcohort.compare`: a panel of shares, of days, of peaks.

    A row for each statistic, a mark with its interval for each arm but the reference. Of several
    populations a thin line holds where their differences lie. What is known of no arm, such as a
    median that is not reached, is left out, and the caption says so.
    """
    need(ds, "vc.compare", dict.fromkeys(_NEEDED, ("arm", "statistic")), _ATTRS)
    reference = str(ds.attrs["reference"])
    others = [name for name in ds["arm"].values.tolist() if name != reference]
    known = ds["difference"].sel(arm=others).notnull().any("arm").values
    unknown = ds["statistic"].values[~known].tolist()
    ds = ds.isel(statistic=known)
    units = np.array([_unit_of(ds, name) for name in ds["statistic"].values])
    shown = [unit for unit in _TITLES if unit in units]
    panels = panels_of(axes, len(shown), grid_of)
    handles = []
    for axis, unit in zip(panels, shown, strict=True):
        scale, title = _TITLES[unit]
        rows = ds[[name for name in _DRAWN if name in ds]].isel(statistic=units == unit)
        handles = _rows(axis, scale * rows, others)
        axis.set_xlabel(title)
    legend_of(panels[0], handles, others)
    sure = f"{100 * float(ds.attrs['confidence']):g} %"
    told = f"Against {literal(reference)}; bars: {sure} intervals of Monte Carlo"
    if "parameter_lower" in ds:
        told += f"; thin lines: {sure} of the populations"
    lacks = f" Not known: {', '.join(map(words_of, unknown))}." if unknown else ""
    caption(panels[0], f"{told}.{lacks}")
    return panels


def words_of(statistic: str) -> str:
    """Return what a statistic is called; its own name where it is another's."""
    of_a_day = _OF_A_DAY.fullmatch(statistic)
    name, day = of_a_day.groups() if of_a_day else (statistic, "")
    words = _WORDS.get(name, name)
    if not day:
        return words
    return f"{words} {day}" if words.endswith("day") else f"{words}, day {day}"


def _unit_of(ds: xr.Dataset, statistic: str) -> str:
    """Return the unit of a row."""
    if "unit" in ds.coords:
        return str(ds["unit"].sel(statistic=statistic).item())
    # Of files without units.
    return "day" if statistic.startswith("rmst_") else "1"


def _rows(axes: Axes, ds: xr.Dataset, others: Sequence[str]) -> list:
    """Draw the rows of one unit; return a handle for each arm."""
    place = np.arange(ds.sizes["statistic"])[::-1].astype(float)
    axes.axvline(0.0, color=GREY, lw=0.8)
    handles = []
    for index, name in enumerate(others):
        of_arm = ds.sel(arm=name)
        shift = 0.5 * ((index + 1) / (len(others) + 1) - 0.5)
        middle = of_arm["difference"].values
        away = np.stack([middle - of_arm["lower"].values, of_arm["upper"].values - middle])
        if "parameter_lower" in of_arm:
            axes.hlines(place - shift, of_arm["parameter_lower"], of_arm["parameter_upper"],
                        color=SERIES[index % len(SERIES)], lw=0.7, zorder=1)  # fmt: skip
        handles.append(axes.errorbar(middle, place - shift, xerr=away, capsize=3,
                                     fmt=_MARKS[index // len(SERIES) % len(_MARKS)],
                                     color=SERIES[index % len(SERIES)]))  # fmt: skip
    axes.set_yticks(place, [words_of(str(name)) for name in ds["statistic"].values])
    axes.set_ylim(-0.6, place.max() + 0.6)
    return handles
