"""Normal T cells, CAR T cells and tumour of single patients over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vcohort.colours import GREY
from vcohort.endpoints.outcome import CURE, MEANINGS
from vcohort.plots.layout import figure_of, grid_of, panels_of, picture
from vcohort.plots.patients import by_patient, first_few
from vcohort.plots.style import DAYS, OUTCOME
from vcohort.plots.ticks import number_ticks, whole_cells
from vcohort.plots.words import caption, legend_of, missing_title
from vcohort.results.counted import counted, names_counted
from vcohort.results.needed import need
from vcohort.simulation.missing import known_outcomes
from vcohort.units import t_cells_per_ul, tumour_ml

_ATTRS = ("threshold", "progression")

# A tumour of less than one cell is no tumour: the axis ends at a third of a cell.
_FLOOR_CELLS = 1 / 3

# Lines that can be told apart.
_MOST = 100


@picture
def trajectories(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw N, C (per microlitre) and B (ml) of each patient of ``ds``, coloured by outcome.

    Memory cells count with C, all clones of the tumour with B.

    ``ds`` needs ``save_at``. Of more than a hundred patients the first hundred are drawn; choose
    others by ``ds.isel(patient=[3, 5])``. The dashed line is the stochastic threshold, the dotted
    one the smallest progression size; a dot marks a cure. Patients without an outcome are left out;
    the legend's title says how many.

    :param axes: three.
    :raises VcohortError: for another number of axes.
    """
    need(ds, "vc.simulate with save_at", dict.fromkeys("NCB", ("patient", "time")), _ATTRS)
    ds = by_patient(ds)
    kept = known_outcomes(ds)
    ds, few = first_few(ds.isel(patient=kept), _MOST)
    panels = panels_of(axes, 3, grid_of)
    normal, car, tumour = panels
    day = ds["time"].values
    for patient in range(ds.sizes["patient"]):
        one = ds.isel(patient=patient)
        look: dict[str, Any] = {"color": OUTCOME[int(one["outcome"])], "lw": 0.7, "alpha": 0.7}
        normal.plot(day, t_cells_per_ul(one["N"]), **look)
        car.plot(day, t_cells_per_ul(counted(one, "C")), **look)
        _tumour(tumour, one, look)
    for axis, name in ((normal, "normal T cells"), (car, "CAR T cells")):
        axis.set(ylabel=f"{name} per µl", xlabel=DAYS, yscale="log")
        whole_cells(axis)
        number_ticks(axis)
    for axis in panels:
        axis.set_xlim(0.0, max(float(day[-1]), 1.0))
    lines = _tumour_axis(tumour, ds)
    where = tumour if axes is not None else figure_of(tumour)
    legend_of(where, lines, [each.get_label() for each in lines], missing_title(kept))
    caption(normal, few)
    return panels


def _tumour(axes: Axes, one: xr.Dataset, look: dict[str, Any]) -> None:
    day, cells = one["time"].values, counted(one, "B").values.astype(float)
    axes.plot(day, tumour_ml(np.where(cells > 0, cells, np.nan)), **look)
    if int(one["outcome"]) == CURE and float(one["event_time"]) <= day[-1]:
        axes.plot(float(one["event_time"]), tumour_ml(_FLOOR_CELLS), "o", color=look["color"],
                  ms=3, clip_on=False)  # fmt: skip


def _tumour_axis(axes: Axes, ds: xr.Dataset) -> list[Line2D]:
    """Draw the sizes at which something happens; return what a legend has to name."""
    threshold, progression = float(ds.attrs["threshold"]), float(ds.attrs["progression"])
    _, *clones = names_counted(ds, "B")
    first = sum((ds[f"{name}0"] for name in clones), ds["B0"])
    above = "progression above" if first.min() == first.max() else "progression of the smallest"
    sizes = {"chance below": (threshold, "--"), above: (progression * float(first.min()), ":")}
    for size, line in sizes.values():
        axes.axhline(tumour_ml(size), color=GREY, ls=line, lw=0.8)
    top = tumour_ml(10 * progression * float(first.max()))
    axes.set(ylabel="tumour in ml", xlabel=DAYS, yscale="log", ylim=(tumour_ml(_FLOOR_CELLS), top))
    seen = sorted({int(outcome) for outcome in ds["outcome"].values})
    return [
        *(Line2D([], [], color=OUTCOME[event], label=MEANINGS[event]) for event in seen),
        *(Line2D([], [], color=GREY, ls=line, lw=0.8, label=name)
          for name, (_, line) in sizes.items()),
    ]  # fmt: skip
