"""Progression-free survival: steps, bands, marks of the censored, numbers at risk, a trial."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from vcohort.colours import GREY
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.plots.layout import panel, picture
from vcohort.plots.style import DAYS, looks
from vcohort.plots.ticks import follow_up_ticks
from vcohort.plots.words import as_it_is, legend_of, letters_within, small_size, under
from vcohort.results.needed import need
from vcohort.results.survival import check_days, kaplan_meier
from vcohort.results.trial import Curve, Patients, Trial, follow, read_curve
from vcohort.results.virtual_trials import virtual_trials
from vcohort.tables.days import days_of

# Of more events than this the steps are finer than the line is wide.
_STEPS = 1000

_CURVES = ("survival", "lower", "upper", "at_risk", "events", "censored")

# From line to line of the table, in sizes of its letters.
_LINE = 1.3


class _Arm(NamedTuple):
    """A group of patients: what is estimated of them, at which days it is drawn, and how.

    ``at_risk``: how many are at risk on each of some days.
    """

    name: str
    steps: xr.Dataset
    days: np.ndarray
    at_risk: Callable[[np.ndarray], np.ndarray]
    line: str
    colour: str

    def at(self, variable: str, days: np.ndarray) -> np.ndarray:
        """Return a variable of the steps on some days: each holds from its day to the next."""
        place = np.searchsorted(self.steps["time"].values, days, side="right") - 1
        return self.steps[variable].values[place]


@picture
def progression_free_survival(
    cohorts: xr.Dataset | Mapping[str, xr.Dataset | Patients],
    days: ArrayLike | None = None,
    *,
    trial: Trial | None = None,
    trial_size: int | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the survival of one dataset, or of several by name, with 95 % bands.

    Short upright marks are the days on which patients were censored; below are the numbers at risk:
    patients who are followed, and free of progression, on a day.

    Those by name may also be trials, as of :func:`vcohort.kaplan_meier`, or its result. ``days``:
    where to evaluate; by default each step from 0 to 720, or to the last day followed. ``trial``: a
    curve or the patients of a trial, as of :func:`vcohort.calibrate`, such as
    ``vc.data.progression_free_survival()``; the attribute ``label`` names it. ``trial_size``: also
    draw where 90 % of virtual trials of so many patients of the first cohort lie. Patients without
    an outcome are left out; the legend says how many.

    :raises VcohortError: for a trial that is none, no cohort, and days beyond which nobody was
        followed.
    """
    seen = None if trial is None else read_curve(trial)
    named = {"virtual cohort": cohorts} if isinstance(cohorts, xr.Dataset) else cohorts
    if not isinstance(named, Mapping) or not named:
        raise VcohortError("Give a dataset of vc.simulate, or several by name: {'arm': ds}.")
    if days is not None and not np.size(days):
        raise VcohortError("days is empty: give at least one day, or leave it out.")
    arms = [_arm(name, ds, days, look) for (name, ds), look in
            zip(named.items(), looks(), strict=False)]  # fmt: skip
    axes = panel(axes)
    drawn: list[Artist] = [_draw_arm(arm, axes) for arm in arms]
    if trial_size is not None:
        drawn.append(_draw_trials(named[next(iter(named))], arms[0].days, trial_size, axes))
    last = max(float(arm.days.max()) for arm in arms)
    axes.set_xlim(0, last)
    if seen is not None:
        drawn += _draw_trial(seen, axes)
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02))
    if last > 0:
        _number_at_risk(arms, axes, last)
    legend_of(axes, drawn, [each.get_label() for each in drawn])
    return axes


def _arm(name: Any, given: Any, days: ArrayLike | None, look: tuple[str, str]) -> _Arm:
    steps, at_risk = _estimated(given)
    time = steps["time"].values
    if days is None:
        last = min(720.0, float(time[-1]))
        at = np.unique([0.0, *time[(steps["events"].values > 0) & (time <= last)], last])
        # Finer steps than these are no wider than the line.
        at = at if at.size <= _STEPS else np.linspace(0.0, last, _STEPS)
    else:
        at = np.sort(days_of("days", days))
        check_days(at, float(time[-1]))
    return _Arm(str(name), steps, at, at_risk, *look)


def _estimated(given: Any) -> tuple[xr.Dataset, Callable[[np.ndarray], np.ndarray]]:
    """Return the steps of a group, and how many of it are at risk on each of some days."""
    if isinstance(given, xr.Dataset) and given.attrs.get("kind") == "survival":
        need(given, "vc.kaplan_meier", dict.fromkeys(_CURVES, ("time",)), ("patients",))
        time, count = given["time"].values, np.append(given["at_risk"].values, 0)
        return given, lambda days: count[np.searchsorted(time, days)]
    steps = kaplan_meier(given)
    with warnings.catch_warnings():
        # The estimate has told of the patients who are left out.
        warnings.simplefilter("ignore", VcohortWarning)
        return steps, follow(given).at_risk


def _draw_arm(arm: _Arm, axes: Axes) -> Line2D:
    days = arm.days
    axes.fill_between(days, arm.at("lower", days), arm.at("upper", days), color=arm.colour,
                      alpha=0.25, lw=0, step="post")  # fmt: skip
    label = f"{arm.name} ({_counted(arm.steps)})"
    (line,) = axes.plot(days, arm.at("survival", days), arm.line, color=arm.colour, label=label,
                        drawstyle="steps-post")  # fmt: skip
    seen = arm.steps.sel(time=(arm.steps["censored"] > 0) & (arm.steps["time"] <= days[-1])
                         & (arm.steps["time"] >= days[0]))  # fmt: skip
    axes.scatter(seen["time"], seen["survival"], marker="|", s=18, lw=0.7, color=arm.colour,
                 zorder=3, clip_on=False)  # fmt: skip
    return line


def _number_at_risk(arms: Sequence[_Arm], axes: Axes, last: float) -> None:
    """Write below the ticks how many are at risk, each arm under its name where there are more."""
    days = follow_up_ticks(last)
    axes.set_xticks(days)
    under(axes, "number at risk", 0.0, 4.0, color=GREY, ha="left")
    size = small_size()
    below = 4.0 + _LINE * size
    for arm in arms:
        if len(arms) > 1:
            name = shorten(arm.name, max(letters_within(axes, size), 16), placeholder=" …")
            as_it_is(under(axes, "", 0.0, below, color=arm.colour, ha="left"), name)
            below += _LINE * size
        for day, count in zip(days, arm.at_risk(days).tolist(), strict=True):
            under(axes, f"{count:,}", day / last, below, ha="center")
        below += _LINE * size


def _draw_trials(ds: Any, days: np.ndarray, size: int, axes: Axes) -> Artist:
    """Draw the band of virtual trials of a cohort, on the days of its curve."""
    band = virtual_trials(ds, days, size)
    return axes.fill_between(
        band["day"], band["lower"], band["upper"], color=GREY, alpha=0.18, lw=0, step="post",
        label=f"90 % of trials of {size:,}",
    )  # fmt: skip


def _draw_trial(trial: Curve, axes: Axes) -> list[Line2D]:
    """Draw the steps to the last day that is known."""
    days = np.append(trial.days, trial.last)
    survival = np.append(trial.survival, trial.survival[-1])
    return axes.step(days, survival, where="post", color=GREY, lw=1.5, label=trial.label)


def _counted(steps: xr.Dataset) -> str:
    missing = steps.attrs.get("patients_missing", 0)
    return f"n = {steps.attrs['patients']:,}" + (f", {missing:,} missing" if missing else "")
