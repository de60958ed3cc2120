"""Progression-free survival with confidence bands, against a trial."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.plots.style import DAYS, GREY, legend_of, looks, panel
from vcohort.results.survival import progression_free_survival as estimate
from vcohort.results.trial import Curve, Patients, Trial, follow, read_curve
from vcohort.results.virtual_trials import virtual_trials


def progression_free_survival(
    cohorts: xr.Dataset | Mapping[str, xr.Dataset | Patients],
    days: ArrayLike | None = None,
    *,
    trial: Trial | None = None,
    trial_size: int | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the survival of one dataset, or of several by name, with 95 % bands.

    Those by name may also be trials' patients, as of :func:`vcohort.progression_free_survival`.
    ``days``: where to evaluate; by default 0 to 720, or to the horizon. ``trial``: a curve or the
    patients of a trial, as of :func:`vcohort.calibrate`, such as
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
    curves = {
        name: estimate(ds, np.linspace(0.0, _last_day(ds), 361) if days is None else days)
        for name, ds in named.items()
    }
    axes = panel(axes)
    drawn: list[Artist] = []
    for (name, curve), (line, colour) in zip(curves.items(), looks(), strict=False):
        axes.fill_between(curve.day, curve.lower, curve.upper, color=colour, alpha=0.25, lw=0)
        label = f"{name} ({_counted(curve)})"
        drawn += axes.plot(curve.day, curve, line, color=colour, label=label)
    if trial_size is not None:
        first = next(iter(named))
        drawn.append(_draw_trials(named[first], curves[first], trial_size, axes))
    axes.set_xlim(0, max(float(curve.day.max()) for curve in curves.values()))
    if seen is not None:
        drawn += _draw_trial(seen, axes)
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02))
    legend_of(axes, drawn, [each.get_label() for each in drawn])
    return axes


def _draw_trials(ds: Any, curve: xr.DataArray, size: int, axes: Axes) -> Artist:
    """Draw the band of virtual trials of a cohort, on the days of its curve."""
    band = virtual_trials(ds, curve["day"].values, size)
    return axes.fill_between(
        band["day"], band["lower"], band["upper"], color=GREY, alpha=0.18, lw=0,
        label=f"90 % of trials of {size:,}",
    )  # fmt: skip


def _draw_trial(trial: Curve, axes: Axes) -> list[Line2D]:
    """Draw the steps to the last day that is known."""
    days = np.append(trial.days, trial.last)
    survival = np.append(trial.survival, trial.survival[-1])
    return axes.step(days, survival, where="post", color=GREY, lw=1.5, label=trial.label)


def _last_day(ds: xr.Dataset | Patients) -> float:
    with warnings.catch_warnings():
        # The estimate tells of the patients who are left out.
        warnings.simplefilter("ignore", VcohortWarning)
        return min(720.0, follow(ds).last)


def _counted(curve: xr.DataArray) -> str:
    missing = curve.attrs["patients_missing"]
    return f"n = {curve.attrs['patients']:,}" + (f", {missing:,} missing" if missing else "")
