"""P(cure) over two parameters, with named contours, and where a trial's result lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from vcohort.errors import VcohortError
from vcohort.given import by_name, numbers
from vcohort.plots.grids import label_of, scale_of, units_of
from vcohort.plots.layout import panel, picture
from vcohort.plots.slices import at_values
from vcohort.plots.style import SHARES
from vcohort.plots.sweep import pair_of
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, fixed, legend_of, name_levels
from vcohort.results.needed import need

_LEVELS = np.arange(1, 10) / 10


@picture
def cure_map(
    ds: xr.Dataset,
    *,
    x: str | None = None,
    y: str | None = None,
    at: Mapping[str, Any] | None = None,
    trial: Sequence[float] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw the mean P(cure) of a sweep over two of its axes, contours a tenth apart.

    :param x, y, at: as of :func:`vcohort.plots.heatmap`; what is fixed stands in the caption.
    :param trial: the shares between which a trial's lies, such as
        ``scipy.stats.binomtest(40, 101).proportion_ci()``: hatched is where P(cure) lies within.
    :raises VcohortError: for a sweep over less than two axes, or with one value of them; for shares
        that are none.
    """
    need(ds, "vc.sweep", {"cure_probability": ("…",), "steps": ("…",)})
    at = by_name("at", at, "{'r_B': 0.1}")
    region = None if trial is None else _region(trial)
    x, y = pair_of([str(name) for name in ds["steps"].dims], {x, y, *at}, x, y)
    values, taken = at_values(ds.sortby([x, y])["cure_probability"], [x, y], at)
    drawn = values.transpose(y, x)
    if min(drawn.shape) < 2:
        raise VcohortError(f"A map needs two values of {x} and of {y} at least. Draw lines of it.")
    axes = panel(axes)
    shown = axes.pcolormesh(drawn[x], drawn[y], drawn, cmap=SHARES, vmin=0.0, vmax=1.0,
                            shading="gouraud", rasterized=True)  # fmt: skip
    levels = _LEVELS[(drawn.values.min() < _LEVELS) & (drawn.values.max() > _LEVELS)]
    if levels.size:
        name_levels(axes.contour(drawn[x], drawn[y], drawn, levels, colors="white", linewidths=0.8))
    if region is not None:
        _hatch(axes, drawn, region)
    axes.set(xlabel=label_of(ds, x), ylabel=label_of(ds, y), xscale=scale_of(drawn[x]),
             yscale=scale_of(drawn[y]))  # fmt: skip
    number_ticks(axes)
    axes.figure.colorbar(shown, ax=axes, label="mean P(cure)")
    caption(axes, fixed(taken, units_of(ds)))
    return axes


def _region(trial: Sequence[float]) -> tuple[float, float]:
    ends = numbers("trial", trial)
    if ends.size != 2 or not 0.0 <= ends[0] < ends[1] <= 1.0:
        raise VcohortError(
            f"trial = {trial!r} must be two shares, the lower first: trial=(0.3, 0.5), or "
            "scipy.stats.binomtest(40, 101).proportion_ci()."
        )
    return float(ends[0]), float(ends[1])


def _hatch(axes: Axes, drawn: xr.DataArray, region: tuple[float, float]) -> None:
    """Hatch where the values lie within two ends, and name it."""
    over = drawn.dims
    across, up = drawn[over[1]], drawn[over[0]]
    filled = axes.contourf(across, up, drawn, list(region), colors="none", hatches=["////"])
    filled.set_edgecolor("white")
    filled.set_linewidth(0.0)
    axes.contour(across, up, drawn, list(region), colors="black", linewidths=1.0)
    label = f"as in the trial: P(cure) {region[0]:.2g} to {region[1]:.2g}"
    patch = Patch(facecolor="none", edgecolor="black", hatch="////", lw=1.0)
    legend_of(axes, [patch], [label])
