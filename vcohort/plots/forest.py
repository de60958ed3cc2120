"""Arms compared, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.plots.layout import grid_of, panels_of, picture
from vcohort.plots.style import GREY, SERIES
from vcohort.plots.words import as_it_is, legend_of
from vcohort.results.needed import need

_NEEDED = ("value", "difference", "lower", "upper")


@picture
def forest(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the differences of :func:`vcohort.compare`: of shares, and of mean days.

    A row for each statistic, a mark with its interval for each arm but the reference.
    """
    need(ds, "vc.compare", dict.fromkeys(_NEEDED, ("arm", "statistic")), ("reference",))
    reference = str(ds.attrs["reference"])
    others = [name for name in ds["arm"].values.tolist() if name != reference]
    is_days = np.array([name.startswith("rmst_") for name in ds["statistic"].values])
    panels = panels_of(axes, 2, grid_of)
    titles = ("difference of shares, percentage points", "difference of mean free days")
    handles = []
    for axis, rows, unit, title in zip(panels, (~is_days, is_days), (100.0, 1.0), titles,
                                       strict=True):  # fmt: skip
        handles = _rows(axis, unit * ds[["difference", "lower", "upper"]].isel(statistic=rows),
                        others)  # fmt: skip
        axis.set_xlabel(title)
    legend_of(panels[0], handles, others)
    as_it_is(panels[1].title, f"against {reference}")
    return panels


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
        handles.append(axes.errorbar(middle, place - shift, xerr=away, fmt="o", capsize=3,
                                     color=SERIES[index % len(SERIES)]))  # fmt: skip
    axes.set_yticks(place, ds["statistic"].values)
    axes.set_ylim(-0.6, place.max() + 0.6)
    return handles
