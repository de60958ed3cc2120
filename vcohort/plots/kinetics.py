"""CAR T cells in blood over time: percentiles, single patients, a trial's quartiles."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY
from vcohort.given import whole
from vcohort.plots.layout import panel, picture
from vcohort.plots.patients import by_patient
from vcohort.plots.style import DAYS
from vcohort.plots.ticks import number_ticks, whole_cells
from vcohort.plots.words import missing_title, own_legend
from vcohort.results.counted import counted
from vcohort.results.needed import need
from vcohort.simulation.missing import NO_PATH, check_kept
from vcohort.units import t_cells_per_ul


@picture
def car_t_kinetics(
    ds: xr.Dataset,
    *,
    trial: xr.Dataset | None = None,
    individuals: int = 20,
    axes: Axes | None = None,
) -> Axes:
    """Draw the median of C over patients, its quartiles, its 5 to 95 % range, and a few patients.

    Memory cells count with C.
    ``ds`` needs ``save_at``. ``trial``: counts over ``day`` with ``median``, ``q1``, ``q3``
    in cells per microlitre, such as ``vc.data.moffitt_car_t_counts()``. ``individuals``: how many
    patients are lines of their own, the first of the dataset. Patients that are missing or masked
    are left out; the legend's title says how many.
    """
    individuals = whole("individuals", individuals)
    need(ds, "vc.simulate with save_at", {"C": ("patient", "time")})
    if trial is not None:
        about: dict[str, tuple[str, ...]] = dict.fromkeys(("q1", "median", "q3"), ("day",))
        need(trial, "vc.data.moffitt_car_t_counts", about, what="trial")
    cells = counted(by_patient(ds), "C").transpose("patient", "time").values
    kept = check_kept(np.isfinite(cells).all(axis=1), NO_PATH)
    axes = panel(axes)
    counts = t_cells_per_ul(cells[kept])
    low, first, median, third, high = np.quantile(counts, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    day = ds["time"].values
    axes.fill_between(day, low, high, color=BLUE, alpha=0.15, lw=0, label="5 to 95 %")
    axes.fill_between(day, first, third, color=BLUE, alpha=0.35, lw=0, label="quartiles")
    axes.plot(day, median, color=BLUE, zorder=3, label="median")
    for index, one in enumerate(counts[:individuals]):
        axes.plot(day, one, color=GREY, lw=0.5, alpha=0.6,
                  label="single patients" if index == 0 else None)  # fmt: skip
    if trial is not None:
        spread = np.abs(np.stack([trial["q1"], trial["q3"]]) - trial["median"].values)
        axes.errorbar(
            trial["day"], trial["median"], spread, fmt="o", color="black", capsize=3, zorder=4,
            label="trial: median and quartiles",
        )  # fmt: skip
    axes.set(xlabel=DAYS, ylabel="CAR T cells per µl of blood", yscale="log")
    whole_cells(axes)
    number_ticks(axes)
    own_legend(axes, missing_title(kept))
    return axes
