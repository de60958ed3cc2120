"""Cure and relapse as competing risks, stacked: what share of patients has had which."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vcohort.colours import ORANGE
from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.plots.layout import panel, picture
from vcohort.plots.style import DAYS, OUTCOME
from vcohort.plots.words import own_legend
from vcohort.results.competing_risks import cumulative_incidence as estimate
from vcohort.results.followed import first_events

# Cure, then relapses; of two clones the antigen-negative one stands out.
_COLOURS = {
    "cure": OUTCOME[CURE], "progression": OUTCOME[PROGRESSION],
    "antigen-positive relapse": ORANGE, "antigen-negative relapse": OUTCOME[PROGRESSION],
}  # fmt: skip


@picture
def cumulative_incidence(
    ds: xr.Dataset, days: ArrayLike | None = None, *, axes: Axes | None = None
) -> Axes:
    """Draw the shares of patients who were cured, and who relapsed, by each day.

    As of :func:`vcohort.cumulative_incidence`; what is left white has had no event. ``days``:
    where to evaluate, by default from 0 to the end of the run.
    """
    if days is None:
        days = np.linspace(0.0, float(first_events(ds).until.max()), 361)
    found = estimate(ds, days)
    axes = panel(axes)
    names = [str(name) for name in found["event"].values]
    axes.stackplot(
        found["day"].values, found.values, labels=names, colors=[_COLOURS[name] for name in names],
        alpha=0.85,
    )  # fmt: skip
    axes.set(xlabel=DAYS, ylabel="share of patients", ylim=(0, 1))
    axes.set_xlim(0, float(found["day"].max()))
    own_legend(axes)
    return axes
