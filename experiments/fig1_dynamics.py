"""Figure 1d to f: no response, transient response, long-term response."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, Finding, main, verdict
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.colours import BLUE, GREEN, VERMILLION
from vcohort.plots.style import DAYS, plain

TITLE = "Figure 1d–f: three courses"

# Killing per tumour cell and day, and CAR T cell capacity per microlitre; all else as published.
COURSES = {
    "no response": (0.05, 139.28),
    "transient response": (1.15, 110.0),
    "long-term response": (1.15, 165.0),
}


def run(patients: int, seed: int) -> xr.Dataset:
    """Follow the differential equations of three patients for a year."""
    rates, capacities = (np.array(part) for part in zip(*COURSES.values(), strict=True))
    cohort = vc.Cohort.from_values(FIGURES, gamma_B=rates, K_C=vc.units.t_cells(capacities))
    days = np.linspace(0.0, 365.0, 366)
    ds = vc.simulate(
        cohort, "deterministic", 365.0, save_at=days, seed=seed, dtype="float64", progress=False
    )
    return ds.assign_coords(course=("patient", list(COURSES)))


def draw(ds: xr.Dataset) -> Figure:
    """Draw N, C per microlitre and B in ml, one panel a course."""
    figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained", sharey=True)
    for index, axes in enumerate(panels):
        one, day = ds.isel(patient=index), ds["time"].values
        curves = (
            (vc.units.t_cells_per_ul(one["N"]), GREEN, "normal T cells per µl"),
            (vc.units.t_cells_per_ul(one["C"]), BLUE, "CAR T cells per µl"),
            (vc.units.tumour_ml(one["B"]), VERMILLION, "tumour in ml"),
        )
        for values, colour, label in curves:
            plain(axes).plot(day, values, color=colour, label=label)
        axes.set(xlabel=DAYS, yscale="log", ylim=(1e-9, 1e5), xlim=(0, 365))
        axes.set_title(str(one["course"].values), loc="left")
    panels[0].set_ylabel("cells per µl, ml")
    panels[0].legend(frameon=False, loc="lower left")
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Say whether the three courses are there."""
    volume = vc.units.tumour_ml(ds["B"])
    first = volume.isel(time=0)
    least, last = (volume.min("time") / first).values, (volume.isel(time=-1) / first).values
    expected = least[0] > 0.9 and least[1] < 0.1 and last[1] > 1 and last[2] < 1e-3
    return [
        Finding(
            "no response, transient response with relapse, long-term response",
            "schematic",
            "tumour at its least and after a year, relative to the first: "
            + "; ".join(
                f"{name} {low:.2g}, {end:.2g}"
                for name, low, end in zip(COURSES, least, last, strict=True)
            ),
            verdict(bool(expected)),
        )
    ]


if __name__ == "__main__":
    main()
