"""Sensitivities as a ranking, correlations as a matrix."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE
from vcohort.plots.layout import panel, picture, wide_panel
from vcohort.plots.style import SIGNED, SMALL, symbols
from vcohort.plots.ticks import number_ticks
from vcohort.results.needed import need

# Parameters in a figure of one column, and inches of a cell that a number fits into.
_NARROW, _CELL = 6, 0.35


@picture
def sensitivity_ranking(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the ``ranking`` of one patient's parameters, from :func:`vcohort.local_sensitivity`.

    Of several patients the first is drawn.
    """
    need(ds, "vc.local_sensitivity", {"ranking": ("patient", "parameter")})
    axes = panel(axes)
    ranking = ds["ranking"].isel(patient=0) if "patient" in ds["ranking"].dims else ds["ranking"]
    ranking = ranking.sortby(ranking)
    axes.barh(symbols(ranking["parameter"].values), ranking.values, color=BLUE)
    axes.set(xlabel="relative sensitivity, squared L2 norm", xscale="log")
    number_ticks(axes)
    return axes


@picture
def sensitivity_correlation(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the ``correlation`` of the estimates, from :func:`vcohort.identifiability`."""
    need(ds, "vc.identifiability", {"correlation": ("parameter", "other")})
    each = ds["parameter"].values
    axes = (panel if each.size <= _NARROW else wide_panel)(axes)
    matrix = ds["correlation"].sel(other=each).transpose("parameter", "other").values
    names = symbols(each)
    shown = axes.imshow(matrix, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    width = axes.get_window_extent().width / axes.figure.dpi / each.size
    for row, column in np.ndindex(matrix.shape) if width > _CELL else ():
        value = float(matrix[row, column])
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL,
                  color="white" if abs(value) > 0.6 else "black")  # fmt: skip
    axes.figure.colorbar(shown, ax=axes, label="correlation of the estimates")
    return axes
