"""A calibration: its curve beside the trial's, and how far it is from its other targets."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY, VERMILLION
from vcohort.errors import VcohortError
from vcohort.plots.layout import panel, picture
from vcohort.plots.style import DAYS, SERIES
from vcohort.plots.words import own_legend
from vcohort.results.needed import need


@picture
def calibration(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the curves of :func:`vcohort.calibrate` with the trial's."""
    need(ds, "vc.calibrate", {"trial": ("day",)})
    axes = panel(axes)
    axes.plot(ds["day"], ds["trial"], drawstyle="steps-post", color=GREY, lw=1.8, label="trial")
    looks = {"before": ("--", VERMILLION), "calibrated": ("-", BLUE), "fresh": (":", "black"),
             "weighted": ("-", SERIES[2])}  # fmt: skip
    for name, (line, colour) in looks.items():
        if name in ds:
            rms = float(ds.attrs[f"rms_{name}"])
            axes.plot(ds["day"], ds[name], line, color=colour, label=f"{name} (rms {rms:.3f})")
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02))
    own_legend(axes)
    return axes


@picture
def targets(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw what :func:`vcohort.calibrate` met of its targets, but for the days of a curve.

    Each number by its distance to the target, in standard errors: of the calibrated population, and
    as a bar between 5 % and 95 % of virtual trials.
    """
    numbers = ("wanted", "error", "found", "trial_low", "trial_high")
    need(ds, "vc.calibrate", dict.fromkeys(numbers, ("statistic",)))
    on_days = [f"pfs_{day:g}" for day in ds["day"].values] if "day" in ds else []
    shown = ds.isel(statistic=~np.isin(ds["statistic"].values, on_days))
    if not shown.sizes["statistic"]:
        raise VcohortError("There is no target but a curve: vc.plots.calibration draws it.")

    def gap(name: str) -> np.ndarray:
        value, wanted = shown[name].values, shown["wanted"].values
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(shown["on_log"], np.log(value / wanted), value - wanted)
        return away / shown["error"].values

    axes = panel(axes)
    place = np.arange(shown.sizes["statistic"])[::-1]
    axes.axvspan(-1.0, 1.0, color=GREY, alpha=0.12, lw=0, label="one standard error")
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.hlines(place, gap("trial_low"), gap("trial_high"), color=SERIES[5], lw=5, alpha=0.6,
                label="90 % of virtual trials")  # fmt: skip
    axes.plot(gap("found"), place, "o", color=BLUE, label="calibrated")
    axes.set_yticks(place, shown["statistic"].values)
    axes.set(xlabel="distance to the target, in standard errors",
             ylim=(-0.6, place.size - 0.4))  # fmt: skip
    own_legend(axes)
    return axes
