"""Progression-free survival with confidence bands, against a trial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vcohort.plots.style import DAYS, GREY, SERIES, panel
from vcohort.survival import progression_free_survival as estimate
from vcohort.trial import Trial, read_curve


def progression_free_survival(
    cohorts: xr.Dataset | Mapping[str, xr.Dataset],
    days: ArrayLike | None = None,
    *,
    trial: Trial | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the survival of one dataset, or of several by name, with 95 % bands.

    ``days``: where to evaluate; by default 0 to 720, or to the horizon. ``trial``: a curve or the
    patients of a trial, as of :func:`vcohort.calibrate`, such as
    ``vc.data.progression_free_survival()``; the attribute ``label`` names it. Patients without an
    outcome are left out; the legend says how many.

    :raises VcohortError: for a trial that is none, and days beyond which nobody was followed.
    """
    seen = None if trial is None else read_curve(trial)
    named = {"virtual cohort": cohorts} if isinstance(cohorts, xr.Dataset) else cohorts
    axes = panel(axes)
    for (name, ds), colour in zip(named.items(), SERIES, strict=False):
        curve = estimate(ds, np.linspace(0.0, _last_day(ds), 361) if days is None else days)
        axes.fill_between(curve.day, curve.lower, curve.upper, color=colour, alpha=0.25, lw=0)
        axes.plot(curve.day, curve, color=colour, label=f"{name} ({_counted(curve)})")
        axes.set_xlim(0, float(curve.day.max()))
    if seen is not None:
        days_seen, shares = (
            np.append(seen.days, seen.last),
            np.append(seen.survival, seen.survival[-1]),
        )
        axes.step(days_seen, shares, where="post", color=GREY, lw=1.5, label=seen.label)
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02))
    axes.legend(frameon=False)
    return axes


def _last_day(ds: xr.Dataset) -> float:
    own = ds["followed_until"].max() if "followed_until" in ds else ds.attrs["horizon"]
    return min(720.0, float(own))


def _counted(curve: xr.DataArray) -> str:
    missing = curve.attrs["patients_missing"]
    return f"n = {curve.attrs['patients']:,}" + (f", {missing:,} missing" if missing else "")
