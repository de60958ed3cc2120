"""How tumours change: the best of each patient as a waterfall, their courses as a spider."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vcohort.colours import GREY
from vcohort.endpoints.outcome import CURE, MEANINGS, PROGRESSION
from vcohort.endpoints.response import CR, PD, PR, SD
from vcohort.errors import VcohortError
from vcohort.plots.layout import picture, wide_panel
from vcohort.plots.patients import by_patient, first_few
from vcohort.plots.style import DAYS, OUTCOME, RESPONSE
from vcohort.plots.ticks import follow_up_ticks
from vcohort.plots.words import caption, legend_of, missing_title
from vcohort.results.counted import counted, first_tumour
from vcohort.results.needed import need
from vcohort.simulation.missing import known_outcomes

# Bars and lines that can be told apart.
_BARS, _LINES = 400, 100

# Bars between which gaps can be seen.
_APART = 150

_RESPONSES = {CR: "complete response", PR: "partial response", SD: "stable disease",
              PD: "progressive disease"}  # fmt: skip


class Groups(NamedTuple):
    """What patients are coloured by: each one's group, and the groups' names and colours."""

    each: np.ndarray
    names: dict[int, str]
    colours: dict[int, str]

    @property
    def shown(self) -> list[int]:
        """The groups that there are patients of, in their order."""
        return [group for group in self.names if (self.each == group).any()]


def groups_of(ds: xr.Dataset) -> Groups:
    """Return the patients' best responses where the run had them, else their outcomes."""
    if "best_response" in ds:
        return Groups(ds["best_response"].values, _RESPONSES, RESPONSE)
    names = {event: MEANINGS[event] for event in (CURE, PROGRESSION, 0)}
    return Groups(ds["outcome"].values, names, OUTCOME)


@picture
def waterfall(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw each patient's best change of tumour volume, in percent, from the worst to the best.

    Where the run kept courses (``save_at``): the smallest tumour on the days kept, after day 0 and
    up to progression, as a trial's visits see it. Else the smallest at any time of the run
    (``nadir``). All clones count.

    Bars are coloured by the endpoint :class:`vcohort.BestResponse` where the run had it, else by
    outcome. Of more than 400 patients every so many-th bar is drawn. Patients without an outcome
    are left out; the legend's title says how many.

    :raises VcohortError: for a dataset with neither courses nor ``nadir``.
    """
    ds = by_patient(ds)
    kept = known_outcomes(ds)
    ds = ds.isel(patient=kept)
    change, how = _best_changes(ds)
    groups = groups_of(ds)
    order = np.argsort(-change, kind="stable")
    chosen = order
    if order.size > _BARS:
        chosen = order[np.linspace(0, order.size - 1, _BARS).round().astype(int)]
        how += f" {_BARS} of {order.size:,} patients, evenly spaced."
    axes = wide_panel(axes)
    place, width = np.arange(chosen.size), 0.85 if chosen.size <= _APART else 1.0
    for group in groups.shown:
        mine = groups.each[chosen] == group
        axes.bar(place[mine], change[chosen][mine], width, color=groups.colours[group])
    axes.axhline(0.0, color=GREY, lw=0.7)
    axes.axhline(-50.0, color=GREY, lw=0.7, ls="--")
    axes.set(ylabel="best change of tumour volume, %", xlabel="patients", xticks=[],
             ylim=(-105.0, max(25.0, 1.1 * float(change.max()))))  # fmt: skip
    axes.margins(x=0.01)
    handles: list[Any] = [Patch(color=groups.colours[group]) for group in groups.shown]
    handles.append(Line2D([], [], color=GREY, lw=0.7, ls="--"))
    names = [*(groups.names[group] for group in groups.shown), "half of the first volume"]
    legend_of(axes, handles, names, missing_title(kept))
    caption(axes, how)
    return axes


def _best_changes(ds: xr.Dataset) -> tuple[np.ndarray, str]:
    """Return the changes (patient,), in percent, and a sentence that says what was seen."""
    if "B" not in ds or "time" not in ds["B"].dims or not (ds["time"] > 0).any():
        need(
            ds, "vc.simulate with save_at=[28, 91, 182], or endpoints=[vc.Nadir()],",
            dict.fromkeys(("nadir", "B0"), ("patient",)),
        )  # fmt: skip
        smallest = ds["nadir"].values.astype(float)
        return _percent(smallest, first_tumour(ds).values), "Smallest tumour at any time."
    change, days = _courses(ds)
    later = days > 0
    counts = later & (days <= np.where(_progressed(ds), ds["event_time"].values, np.inf)[:, None])
    best = np.where(counts, change, np.inf).min(axis=1)
    # Who progresses before the first of the days is seen with the size that this takes.
    at_progression = np.where(_progressed(ds), _progression(ds), np.inf)
    best = np.minimum(best, at_progression)
    shown = days[later]
    return best, f"On the {shown.size} days kept, to day {shown.max():g}, and at progression."


def _percent(size: np.ndarray, first: np.ndarray) -> np.ndarray:
    return 100.0 * (size / first.astype(float) - 1.0)


def _courses(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return each tumour's change (patient, time) in percent, and the days."""
    size = counted(ds, "B").transpose("patient", "time").values.astype(float)
    return _percent(size, first_tumour(ds).values[:, None]), ds["time"].values.astype(float)


def _progressed(ds: xr.Dataset) -> np.ndarray:
    return ds["outcome"].values == PROGRESSION


def _progression(ds: xr.Dataset) -> float:
    """Return the change that counts as progression, in percent."""
    return 100.0 * (float(ds.attrs["progression"]) - 1.0)


@picture
def spider(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the course of each tumour: its change from the first volume, in percent, over time.

    A line ends with the patient's progression (cross) or goes on; a dot marks a cure. All clones
    count. ``ds`` needs ``save_at``. Colours are those of :func:`waterfall`. Of more than a hundred
    patients the first hundred are drawn; choose others by ``ds.isel(patient=[3, 5])``. Patients
    without an outcome are left out; the legend's title says how many.
    """
    over = {"B": ("patient", "time"), "B0": ("patient",)}
    need(ds, "vc.simulate with save_at=[0, 28, 91, 182]", over, ("progression",))
    ds = by_patient(ds)
    if not (ds["time"] > 0).any():
        raise VcohortError("Only day 0 was kept: simulate with save_at=[0, 28, 91, 182].")
    kept = known_outcomes(ds)
    ds, told = first_few(ds.isel(patient=kept), _LINES)
    change, days = _courses(ds)
    groups, last = groups_of(ds), float(days.max())
    axes = wide_panel(axes)
    for index in range(ds.sizes["patient"]):
        one = ds.isel(patient=index)
        day, value, mark = _course(one, change[index], days, _progression(ds))
        colour = groups.colours[int(groups.each[index])]
        axes.plot(day, value, color=colour, lw=0.8, alpha=0.8)
        if mark and day[-1] <= last:
            event = float(one["event_time"])
            axes.plot(event, value[day == event][0], mark, color=colour, ms=3, clip_on=False)
    axes.axhline(0.0, color=GREY, lw=0.7)
    axes.set(xlabel=DAYS, ylabel="change of tumour volume, %", xlim=(0, last),
             xticks=follow_up_ticks(last))  # fmt: skip
    axes.set_ylim(bottom=-105.0)
    handles = [Line2D([], [], color=groups.colours[group]) for group in groups.shown]
    handles += [Line2D([], [], color=GREY, marker=mark, ls="", ms=3) for mark in ("x", "o")]
    names = [*(groups.names[group] for group in groups.shown), "progression seen", "cured"]
    legend_of(axes, handles, names, missing_title(kept))
    caption(axes, told)
    return axes


def _course(
    one: xr.Dataset, change: np.ndarray, days: np.ndarray, progression: float
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return days, changes and mark of a patient: with the event, and not beyond a progression."""
    outcome, event = int(one["outcome"]), float(one["event_time"])
    if outcome == PROGRESSION:
        before = days < event
        return np.append(days[before], event), np.append(change[before], progression), "x"
    if outcome == CURE and event <= days.max():
        place = int(np.searchsorted(days, event))
        return np.insert(days, place, event), np.insert(change, place, -100.0), "o"
    return days, change, ""
