"""Each patient's time on study as a lane: treatments, responses, cure, progression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vcohort.colours import GREY, PALE
from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.endpoints.response import CR, PR
from vcohort.plots.change import groups_of
from vcohort.plots.layout import picture, wide_panel
from vcohort.plots.patients import by_patient, first_few
from vcohort.plots.style import DAYS, SMALL
from vcohort.plots.ticks import follow_up_ticks
from vcohort.plots.words import as_it_is, caption, legend_of, missing_title
from vcohort.regimens.treatments import Infusion, Lymphodepletion
from vcohort.results.followed import first_events
from vcohort.results.patients import regimen_of

# Lanes that can be told apart; days that are shown of those whom nothing befalls any more.
_MOST, _DAYS = 40, 720.0

_RESPONSE = re.compile(r"response_day_([0-9.]+)")


class _Marks(NamedTuple):
    """Marks of one kind: how they look, the lanes that have one, and on which days."""

    name: str
    look: dict[str, Any]
    lanes: np.ndarray
    days: np.ndarray


@picture
def swimmer(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw a lane for each patient: how long it was free of progression, and what befell it.

    The thick lane ends with progression; who does not progress is followed on, to the arrow: the
    last day of the run, or of the axis, which ends at day 720 where nothing happens later. The thin
    line is the time after progression. Marks: the day of cure, infusions after the first and
    lymphodepletions of the run's regimen, and complete and partial responses on the days of
    :class:`vcohort.Response`. Lanes are coloured by :class:`vcohort.BestResponse` where the run had
    it, else by outcome.

    Of more than forty patients the first forty are drawn, the longest lane on top; choose others by
    ``ds.isel(patient=[3, 5])``. Patients without an outcome are left out; the legend's title says
    how many.
    """
    ds = by_patient(ds)
    kept = first_events(ds).kept
    ds, told = first_few(ds.isel(patient=kept), _MOST)
    seen = first_events(ds)
    free = np.where(seen.outcome == PROGRESSION, seen.days, seen.until)
    order = np.lexsort((-seen.days, free))
    place = np.empty(order.size)
    place[order] = np.arange(order.size)
    axes = wide_panel(axes, 1.4 + 0.12 * order.size)
    groups = groups_of(ds)
    axes.hlines(place, 0.0, seen.until, color=PALE, lw=0.8, zorder=1)
    axes.barh(place, free, 0.7, color=[groups.colours[int(each)] for each in groups.each],
              alpha=0.45, zorder=2)  # fmt: skip
    marks = [each for each in _marks(ds, seen.outcome, seen.days) if each.lanes.size]
    latest = max([_DAYS, *(float(each.days.max()) for each in marks)])
    last = min(float(seen.until.max()), latest)
    for each in marks:
        axes.plot(each.days, place[each.lanes], ls="", clip_on=False, **each.look)
    ongoing = np.flatnonzero(seen.outcome != PROGRESSION)
    axes.plot(
        np.minimum(seen.until, last)[ongoing],
        place[ongoing],
        ">",
        color=GREY,
        ms=3,
        zorder=4,
        clip_on=False,
    )
    axes.set(xlabel=DAYS, ylabel="patient", xlim=(0, last), ylim=(-0.8, order.size - 0.2),
             xticks=follow_up_ticks(last))  # fmt: skip
    axes.set_yticks(place, ds["patient"].values.astype(str), fontsize=SMALL)
    for label, patient in zip(axes.get_yticklabels(), ds["patient"].values, strict=True):
        as_it_is(label, patient)
    handles: list[Any] = [Patch(color=groups.colours[group], alpha=0.45) for group in groups.shown]
    handles += [Line2D([], [], ls="", **each.look) for each in marks]
    best = "best: " if "best_response" in ds else ""
    names = [best + groups.names[group] for group in groups.shown]
    names += [each.name for each in marks]
    if ongoing.size:
        handles.append(Line2D([], [], ls="", marker=">", color=GREY, ms=3))
        ends = np.unique(seen.until[ongoing])
        names.append(f"followed to day {ends[0]:,g}" if ends.size == 1 else "followed on")
    legend_of(axes, handles, names, missing_title(kept))
    caption(axes, told)
    return axes


def _marks(ds: xr.Dataset, outcome: np.ndarray, days: np.ndarray) -> Iterator[_Marks]:
    """Yield the marks of each kind, of all lanes."""
    until = np.where(outcome == PROGRESSION, days, np.inf)
    for response, name, face in ((CR, "complete response", GREY), (PR, "partial response", "none")):
        look = {"marker": "o", "ms": 3, "color": GREY, "mfc": face, "mew": 0.7, "zorder": 4}
        judged = _judged(ds, response)
        yield _marks_of(name, look, [(has & (day <= until), day) for has, day in judged],
                        outcome.size)  # fmt: skip
    treatments = regimen_of(ds).later if "regimen_record" in ds.attrs else []
    # On one day both are seen: an infusion stands on its lymphodepletion's head.
    for kind, name, mark, face in ((Infusion, "CAR T infusion", "^", "black"),
                                   (Lymphodepletion, "lymphodepletion", "v", "white")):  # fmt: skip
        look = {"marker": mark, "ms": 4, "color": "black", "mfc": face, "mew": 0.6, "zorder": 5}
        given = [np.asarray(each.day, float) for each in treatments if isinstance(each, kind)]
        yield _marks_of(name, look, [((day > 0) & np.isfinite(day), day) for day in given],
                        outcome.size)  # fmt: skip
    for event, name, mark in ((CURE, "last tumour cell dies", "*"),
                              (PROGRESSION, "progression", "x")):  # fmt: skip
        look = {"marker": mark, "ms": 4, "color": "black", "mew": 0.8, "zorder": 6}
        yield _marks_of(name, look, [(outcome == event, days)], outcome.size)


def _marks_of(
    name: str, look: dict[str, Any], found: list[tuple[np.ndarray, np.ndarray | float]], lanes: int
) -> _Marks:
    """Join marks of one kind: which lanes have one, and on which days, each (lane,) or one."""
    has = [np.flatnonzero(np.broadcast_to(each, lanes)) for each, _ in found]
    at = [np.broadcast_to(day, lanes)[some] for some, (_, day) in zip(has, found, strict=True)]
    return _Marks(name, look, np.concatenate([np.empty(0, int), *has]),
                  np.concatenate([np.empty(0), *at]))  # fmt: skip


def _judged(ds: xr.Dataset, response: int) -> Iterator[tuple[np.ndarray, float]]:
    """Yield which lanes have a response, for each day on which responses were judged."""
    for name in ds.data_vars:
        told = _RESPONSE.fullmatch(str(name))
        if told is not None:
            yield ds[name].values == response, float(told[1])
