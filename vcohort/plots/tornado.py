"""What moves an output most: parameters as bars, the strongest on top."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY, ORANGE
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.plots.analysis import share_bars
from vcohort.plots.layout import panel, picture
from vcohort.plots.patients import first_patient
from vcohort.plots.style import symbols
from vcohort.plots.words import caption, literal, own_legend
from vcohort.results.needed import labelled, need

_LOCAL = "vc.local_sensitivity with outputs=['cure'], or vc.sobol_indices"


@picture
def tornado(
    ds: xr.Dataset, output: str | None = None, *, change: float = 0.01, axes: Axes | None = None
) -> Axes:
    """Draw how far each parameter moves an output: of :func:`vcohort.local_sensitivity`, or Sobol'.

    Local: the output's change where one parameter of the first patient is 1 % larger, and 1 %
    smaller, along the tangent in its logarithm: slope x ln(1.01) and slope x ln(0.99).
    :func:`vcohort.sobol_indices`: the shares of the output's variance over the population, each
    parameter alone and with interactions.

    :param output: by default the first; ``"cure"`` where a local sensitivity has no outputs.
    :param change: of a parameter, between 0 and 1; a tangent holds for small ones.
    :raises VcohortError: for a dataset of another kind, an unknown output.
    """
    change = number("change", change)
    if not 0.0 < change < 1.0:
        raise VcohortError(f"change = {change:g} is impossible: it must be between 0 and 1.")
    if isinstance(ds, xr.Dataset) and "total" in ds:
        indices = ("first", "first_interval", "total", "total_interval")
        need(ds, "vc.sobol_indices", dict.fromkeys(indices, ("output", "parameter")))
        one = ds.isel(output=0) if output is None else labelled(ds, "output", output)
        axes = panel(axes)
        share_bars(axes, one)
        return axes
    slope, name, about = _slopes(ds, output)
    order = np.argsort(np.abs(slope.values), kind="stable")
    slopes = slope.values[order]
    axes = panel(axes)
    place = np.arange(order.size)
    for factor, colour, word in ((1.0 + change, BLUE, "larger"), (1.0 - change, ORANGE, "smaller")):
        axes.barh(place, slopes * np.log(factor), 0.7, color=colour,
                  label=f"{100 * change:g} % {word}")  # fmt: skip
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_yticks(place, np.array(symbols(slope["parameter"].values))[order])
    axes.set(xlabel=f"change of {name}")
    own_legend(axes)
    caption(axes, f"About {literal(about)}.")
    return axes


def _slopes(ds: xr.Dataset, output: str | None) -> tuple[xr.DataArray, str, str]:
    """Return d output / d ln(parameter), the output's name, and about what they are taken."""
    if isinstance(ds, xr.Dataset) and "output_sensitivity" not in ds and output in (None, "cure"):
        need(ds, _LOCAL, {"cure_sensitivity": ("patient", "parameter")})
        one, title = first_patient(ds)
        return one["cure_sensitivity"], "P(cure)", title
    over = {"output_sensitivity": ("patient", "output", "parameter"),
            "output_value": ("patient", "output")}  # fmt: skip
    need(ds, _LOCAL, over)
    one, title = first_patient(ds)
    one = one.isel(output=0) if output is None else labelled(one, "output", output)
    told = {"cure": "P(cure)"}.get(one["output"].item(), str(one["output"].item()))
    unit = one["unit"].item() if "unit" in one.coords else "1"
    value = f"{told} = {float(one['output_value']):.3g}" + ("" if unit == "1" else f" {unit}")
    named = told if unit == "1" else f"{told}, {unit}"
    return one["output_sensitivity"], named, f"{title}, where {value}"
