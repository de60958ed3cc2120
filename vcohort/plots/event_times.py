"""Histograms of the days of cure and of progression."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.endpoints.outcome import CURE, MEANINGS, PROGRESSION
from vcohort.plots.style import DAYS, OUTCOME, panel


def event_times(ds: xr.Dataset, *, bins: int = 60, axes: Axes | None = None) -> Axes:
    """Draw how the days of cure and of progression are distributed, as shares of all patients."""
    axes = panel(axes)
    outcome, day = ds["outcome"].values, ds["event_time"].values.astype(float)
    happened = day[np.isin(outcome, (CURE, PROGRESSION))]
    last = float(np.quantile(happened, 0.999)) if happened.size else float(ds.attrs["horizon"])
    edges = np.linspace(0.0, last, bins + 1)
    for event in (CURE, PROGRESSION):
        days = day[outcome == event]
        label = f"{MEANINGS[event]} ({days.size / day.size:.0%} of patients)"
        share = np.full(days.size, 1.0 / day.size)
        axes.hist(days, list(edges), weights=share, color=OUTCOME[event], alpha=0.75, label=label)
    axes.set(xlabel=DAYS, ylabel=f"share of patients per {edges[1]:.3g} days", xlim=(0, last))
    axes.legend(frameon=False)
    return axes
