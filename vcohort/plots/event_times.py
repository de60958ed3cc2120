"""Histograms of the days of cure and of progression."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.endpoints.outcome import CURE, MEANINGS, PROGRESSION
from vcohort.given import whole
from vcohort.plots.layout import panel, picture
from vcohort.plots.style import DAYS, OUTCOME
from vcohort.plots.words import missing_title, own_legend
from vcohort.simulation.missing import known_outcomes

# Widths of bins that read well, in days.
_WIDTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@picture
def event_times(ds: xr.Dataset, *, bins: int = 60, axes: Axes | None = None) -> Axes:
    """Draw how the days of cure and of progression are distributed, as shares of all patients.

    Bins are a round number of days wide, at most about ``bins`` of them. Patients without an
    outcome are left out; the legend's title says how many.
    """
    bins = whole("bins", bins, least=1)
    kept = known_outcomes(ds)
    axes = panel(axes)
    outcome, day = ds["outcome"].values[kept], ds["event_time"].values[kept].astype(float)
    happened = day[np.isin(outcome, (CURE, PROGRESSION))]
    last = float(np.quantile(happened, 0.999)) if happened.size else float(ds.attrs["horizon"])
    width = next((each for each in _WIDTHS if each * bins >= last), last / bins)
    edges = np.arange(0.0, last + width, width)
    for event in (CURE, PROGRESSION):
        days = day[outcome == event]
        label = f"{MEANINGS[event]} ({days.size / day.size:.0%} of patients)"
        share = np.full(days.size, 1.0 / day.size)
        axes.hist(days, list(edges), weights=share, color=OUTCOME[event], alpha=0.75, label=label)
    axes.set(
        xlabel=DAYS, ylabel=f"share of patients per {width:g} days", xlim=(0, float(edges[-1]))
    )
    own_legend(axes, missing_title(kept))
    return axes
