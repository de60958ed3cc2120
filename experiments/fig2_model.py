"""Figure 2a, b, d: T cells against the data, and two fates of one patient."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, MEDIAN_FIT, PRESETS, Finding, main, variable, verdict
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.colours import GREY
from vcohort.plots.style import DAYS, OUTCOME, SERIES, plain

TITLE = "Figure 2a, b, d: the model against the data, chance"

SHOWN = (*PRESETS, MEDIAN_FIT)
_TO_UNITS = {"N": 1 / vc.units.CELLS_PER_UL, "C": 1 / vc.units.CELLS_PER_UL, "B": 1e-9}


def paths(cohort: vc.Cohort, days: np.ndarray) -> np.ndarray:
    """Return N, C (cells/ul) and B (ml) by the differential equations, (state, patient, time)."""
    ds = vc.simulate(
        cohort, "deterministic", float(days[-1]), save_at=days, dtype="float64", tolerance=1e-6,
        progress=False,
    )  # fmt: skip
    return np.stack([ds[state].values * unit for state, unit in _TO_UNITS.items()])


def run(patients: int, seed: int) -> xr.Dataset:
    """Follow the median patient of each preset, and two of the fates of one."""
    days = np.linspace(0.0, 200.0, 401)
    states = np.stack([paths(vc.Cohort.from_values(each), days)[:, 0] for each in SHOWN], axis=1)
    pair, fate = two_fates(seed)
    return xr.Dataset(
        {
            "states": variable(
                states, ("state", "preset", "time"), "cells/ul, cells/ul, ml", "median patient"
            ),
            "tumour": variable(pair, ("fate", "day"), "ml", "tumour of one patient, two fates"),
        },
        {
            "state": list("NCB"), "preset": list(SHOWN), "fate": ["cure", "progression"],
            "time": variable(days, "time", "day", "days since the first infusion"),
            "day": variable(fate, "day", "day", "days since the first infusion"),
        },
    )  # fmt: skip


def two_fates(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tumour (ml) of one patient, once cured and once not, and the days."""
    days = np.unique(np.concatenate([np.linspace(0, 450, 451), np.linspace(50, 100, 501)]))
    cohort = vc.Population(FIGURES).sample(100, seed=seed)
    ds = vc.simulate(cohort, "hybrid", save_at=days, seed=seed, progress=False)
    first = [int(np.flatnonzero(ds["outcome"].values == event)[0]) for event in (1, 2)]
    return vc.units.tumour_ml(ds["B"].values[first]), days


def draw(ds: xr.Dataset) -> Figure:
    """Draw T cells and the two fates."""
    figure, panels = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    _t_cells(panels[0], ds, "N")
    _t_cells(panels[1], ds, "C")
    _fates(panels[2], ds)
    for letter, axes in zip("abd", panels, strict=True):
        axes.set_title(letter, loc="left", fontweight="bold")
    return figure


def _t_cells(axes, ds: xr.Dataset, state: str) -> None:
    data = vc.data.t_cell_counts()
    for preset, colour in zip(SHOWN, SERIES, strict=False):
        plain(axes).plot(ds["time"], ds["states"].sel(state=state, preset=preset), color=colour,
                         label=preset)  # fmt: skip
    if state == "N":
        axes.plot(data["day"], _normal(data), "o", color=GREY, label="ZUMA-1, ALC less CAR T")
        axes.set(ylabel="normal T cells per µl", xlabel=DAYS)
    else:
        spread = np.abs(
            np.stack([data["car_t_q1"], data["car_t_q3"]]) - data["car_t_median"].values
        )
        axes.errorbar(data["day"], data["car_t_median"], spread, fmt="o", color=GREY, capsize=3,
                      label="ZUMA-1, median and quartiles")  # fmt: skip
        axes.set(ylabel="CAR T cells per µl", xlabel=DAYS, yscale="log")
    axes.legend(frameon=False)


def _fates(axes, ds: xr.Dataset) -> None:
    for index, name in enumerate(ds["fate"].values):
        cells = ds["tumour"].values[index]
        plain(axes).plot(ds["day"], np.where(cells > 0, cells, np.nan), color=OUTCOME[index + 1],
                         label=str(name))  # fmt: skip
    axes.axhline(vc.units.tumour_ml(100.0), color=GREY, ls="--", lw=0.8, label="100 cells")
    axes.set(xlabel=DAYS, ylabel="tumour in ml", yscale="log", ylim=(5e-10, 1e3))
    axes.legend(frameon=False, loc="upper center")


def _normal(data: xr.Dataset) -> xr.DataArray:
    return data["alc_median"] - data["car_t_median"]


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set the courses beside the data and the paper's words."""
    data = vc.data.t_cell_counts()
    each = ds["states"].sel(preset=list(SHOWN)).interp(time=data["day"].values)
    normal, car = (
        np.exp(np.abs(np.log(each.sel(state=state) / truth.values))).values
        for state, truth in (("N", _normal(data)), ("C", data["car_t_median"]))
    )
    courses = ds["states"].sel(state="C")
    peak = ds["time"].values[courses.argmax("time").values]
    start = vc.units.t_cells_per_ul(vc.presets()[FIGURES].values["C0"])
    kept = courses.sel(time=90.0).values / start
    own = each.sel(state="C", preset=MEDIAN_FIT).values
    return [
        Finding(
            "normal T cells follow the lymphocyte counts (2a)",
            "drawn",
            f"off by a factor of {normal[0].max():.2f} at most "
            f"({normal[1].max():.2f} with table 1, {normal[2].max():.2f} with the median fit)",
            verdict(normal.max() < 1.3),
        ),
        Finding(
            "CAR T cells follow the median counts (2b)",
            "drawn",
            f"off by a factor of {car[0, :4].max():.2f} at most up to day 90, and of "
            f"{car[0, 4]:.0f} on day 180; the median fit by {car[2, :3].max():.2f} up to day 28, "
            f"{car[2, 3]:.1f} on day 90 and {car[2, 4]:.1f} on day 180",
            verdict(car[0].max() < 2, min(car[0, :4].max(), car[2, :3].max()) < 2),
            "The data stop falling after day 90; the model, whose T cells have only one fate, does "
            "not, and the loss hardly asks for it: were there no CAR T cells at all on days 90 and "
            f"180, it would grow by {_late_loss(data):.5f}, where the median fit has "
            f"{_loss(ds, data):.4f}. That fit gives "
            f"{', '.join(f'{value:.4g}' for value in own)} per µl on days 7, 14, 28, 90 and 180.",
        ),
        Finding(
            "CAR T cells expand within the first two weeks (3c)",
            "peak before day 14",
            f"peak on day {peak[0]:.1f} ({peak[1]:.1f} with table 1, {peak[2]:.1f} with the median "
            "fit)",
            verdict(bool((peak < 14).all())),
        ),
        Finding(
            "the median patient has as many CAR T cells at day 90 as were infused (3c)",
            "comparable",
            f"{kept[2]:.2f} of the dose with the median fit ({kept[0]:.2f} with the figures' "
            f"values, {kept[1]:.2f} with table 1)",
            verdict(0.5 < kept[2] < 2),
            f"The data say {float(data['car_t_median'].sel(day=90)) / start:.2f}; the fit does "
            "not, for the reason above.",
        ),
    ]


def _late_loss(data: xr.Dataset) -> float:
    """Return the published loss of days 90 and 180 without any CAR T cells then."""
    late = data["car_t_median"].sel(day=[90, 180]).values
    return float((10 * (late / data["car_t_median"].values.max()) ** 2).sum())


def _loss(ds: xr.Dataset, data: xr.Dataset) -> float:
    """Return the published loss of the T cells, of the median fit."""
    found = ds["states"].sel(preset=MEDIAN_FIT).interp(time=data["day"].values)
    normal, car = _normal(data).values, data["car_t_median"].values
    missed = [(found.sel(state="N") - normal) / normal.max()]
    missed.append(np.sqrt(10) * (found.sel(state="C") - car) / car.max())
    return float(sum((each**2).sum() for each in missed))


if __name__ == "__main__":
    main()
