"""Normal T cells, CAR T cells and tumour of single patients over time."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.endpoints.outcome import CURE, MEANINGS
from vcohort.plots.style import DAYS, GREY, OUTCOME, missing_title, panels_of
from vcohort.plots.ticks import number_ticks
from vcohort.results.counted import counted, names_counted
from vcohort.results.needed import need
from vcohort.simulation.missing import known_outcomes
from vcohort.units import t_cells_per_ul, tumour_ml

_ATTRS = ("threshold", "progression")

# A tumour of less than one cell is no tumour: the axis ends at a third of a cell.
_FLOOR_CELLS = 1 / 3


def trajectories(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw N, C (per microlitre) and B (ml) of every patient of ``ds``, coloured by outcome.

    Memory cells count with C, all clones of the tumour with B.

    ``ds`` needs ``save_at``; choose few patients: ``ds.isel(patient=slice(20))``. The dashed
    line is the stochastic threshold, the dotted one the smallest progression size; a dot
    marks a cure. Patients without an outcome are left out; the legend's title says how many.

    :param axes: three.
    :raises VcohortError: for another number of axes.
    """
    need(ds, "vc.simulate with save_at", dict.fromkeys("NCB", ("patient", "time")), _ATTRS)
    kept = known_outcomes(ds)
    ds = ds.isel(patient=kept)
    panels = panels_of(axes, 3, _side_by_side)
    normal, car, tumour = panels
    day = ds["time"].values
    for patient in range(ds.sizes["patient"]):
        one = ds.isel(patient=patient)
        colour = OUTCOME[int(one["outcome"])]
        normal.plot(day, t_cells_per_ul(one["N"]), color=colour, lw=1, alpha=0.7)
        car.plot(day, t_cells_per_ul(counted(one, "C")), color=colour, lw=1, alpha=0.7)
        _tumour(tumour, one, colour)
    for axis, name, unit in ((normal, "normal T cells", "µl"), (car, "CAR T cells", "µl")):
        axis.set(ylabel=f"{name} per {unit}", xlabel=DAYS, yscale="log")
        number_ticks(axis)
    _tumour_axis(tumour, ds, missing_title(kept))
    return panels


def _side_by_side(count: int) -> list[Axes]:
    return list(plt.subplots(1, count, figsize=(11, 3.6), layout="constrained", sharex=True)[1])


def _tumour(axes: Axes, one: xr.Dataset, colour: str) -> None:
    day, cells = one["time"].values, counted(one, "B").values.astype(float)
    axes.plot(day, tumour_ml(np.where(cells > 0, cells, np.nan)), color=colour, lw=1, alpha=0.7)
    if int(one["outcome"]) == CURE:
        axes.plot(float(one["event_time"]), tumour_ml(_FLOOR_CELLS), "o", color=colour, ms=4,
                  clip_on=False)  # fmt: skip


def _tumour_axis(axes: Axes, ds: xr.Dataset, title: str | None) -> None:
    threshold, progression = float(ds.attrs["threshold"]), float(ds.attrs["progression"])
    axes.axhline(tumour_ml(threshold), color=GREY, ls="--", lw=0.8)
    _, *clones = names_counted(ds, "B")
    first = sum((ds[f"{name}0"] for name in clones), ds["B0"])
    axes.axhline(tumour_ml(progression * float(first.min())), color=GREY, ls=":", lw=0.8)
    top = tumour_ml(10 * progression * float(first.max()))
    axes.set(ylabel="tumour in ml", xlabel=DAYS, yscale="log", ylim=(tumour_ml(_FLOOR_CELLS), top))
    for event in sorted({int(outcome) for outcome in ds["outcome"].values}):
        axes.plot([], [], color=OUTCOME[event], label=MEANINGS[event])
    # The line of progression would strike the words through.
    axes.legend(loc="upper center", title=title, framealpha=1.0, edgecolor="none")
