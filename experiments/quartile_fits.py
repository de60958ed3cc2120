"""The fits behind table 1: three quartiles, their errors, a tumour that grows logistically."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, TABLE_1, Finding, main, variable, verdict
from matplotlib.figure import Figure
from published import QUARTILE_COLUMN

import vcohort as vc
from vcohort.colours import BLUE, GREY
from vcohort.plots.style import plain

TITLE = "The fits behind table 1"

FREE = ("r_N", "rho_C", "K_C", "a", "b", "gamma_B", "k_B")
STARTS = 200
LOGISTIC_CAPACITY = 50.0
# What three printed digits leave open, relatively.
PRINTED = 0.005
NORMAL_95 = 1.959964


def run(patients: int, seed: int) -> xr.Dataset:
    """Fit the quartiles, the lower one with table 1's killing too, and with a logistic tumour."""
    table = vc.data.fit_table()
    options = {"loss": "kimmel2021", "starts": STARTS, "seed": seed, "progress": False}
    fit = vc.fit(table, FREE, tolerance=1e-6, **options)
    high = QUARTILE_COLUMN["gamma_B"][1]
    held = vc.fit(
        vc.data.fit_table("q1"), [name for name in FREE if name != "gamma_B"],
        vc.Cohort.from_values(FIGURES, gamma_B=high), tolerance=1e-6, **options,
    )  # fmt: skip
    first = vc.presets()[FIGURES].values["B0"]
    saturating = vc.Cohort.from_values(
        FIGURES, model=vc.car_t(proliferation="saturation"), K_B=LOGISTIC_CAPACITY * first
    )
    logistic = vc.fit(table, FREE, saturating, tolerance=1e-6, **options)
    return xr.Dataset(
        {
            "estimate": fit["estimate"],
            "standard_error": fit["standard_error"],
            "loss": fit["loss"],
            "data_loss": fit["data_loss"],
            "logistic": logistic["estimate"],
            # The penalty of a parameter that is not free does not count in the fit's loss.
            "held_loss": variable(float(held["loss"][0]) + 0.01 * high, (), "1", "killing held"),
            "held_data_loss": variable(float(held["data_loss"][0]), (), "1", "killing held"),
        }
    )  # fmt: skip


def intervals(ds: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the ends of the 95 % intervals, from the covariance of the logs."""
    half = np.exp(NORMAL_95 * ds["standard_error"] / ds["estimate"])
    return ds["estimate"] / half, ds["estimate"] * half


def draw(ds: xr.Dataset) -> Figure:
    """Draw estimates with their intervals, and table 1, relative to table 1."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    table = vc.presets()[TABLE_1].values
    low, high = intervals(ds)
    known = vc.car_t().parameters
    for row, name in enumerate(FREE):
        for shift, (quartile, marker) in enumerate(zip(("q1", "median", "q3"), ["v", "o", "^"],
                                                       strict=True)):  # fmt: skip
            at = ds["estimate"].sel(patient=quartile, parameter=name) / table[name]
            ends = [
                each.sel(patient=quartile, parameter=name) / table[name] for each in (low, high)
            ]
            place = row + 0.2 * (shift - 1)
            plain(axes).plot([float(end) for end in ends], [place, place], color=BLUE, lw=1)
            axes.plot(
                float(at), place, marker, color=BLUE, ms=5, label=quartile if not row else None
            )
        axes.plot(np.array(QUARTILE_COLUMN[name]) / table[name], [row, row], "|", color=GREY, ms=22,
                  label=None if row else "table 1, quartile column")  # fmt: skip
    axes.axvline(1.0, color=GREY, lw=0.8)
    axes.set_yticks(range(len(FREE)), [f"${known[name].symbol}$" for name in FREE])
    axes.set(xscale="log", xlim=(0.03, 30), xlabel="relative to table 1's fitted value")
    axes.legend(frameon=False)
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set the fits beside table 1."""
    return [_column(ds), _known(ds), _logistic(ds)]


def _column(ds: xr.Dataset) -> Finding:
    ends = {name: (float(ds["estimate"].sel(parameter=name).min()),
                   float(ds["estimate"].sel(parameter=name).max())) for name in FREE}  # fmt: skip
    off = [
        (name, own, printed)
        for name in FREE
        for own, printed in zip(ends[name], QUARTILE_COLUMN[name], strict=True)
        if abs(own / printed - 1) > PRINTED
    ]
    text = "; ".join(f"{name} {printed:.4g} where we find {own:.4g}" for name, own, printed in off)
    lower = ds.sel(patient="q1")
    return Finding(
        "table 1's quartile column is that of the fits to the quartiles of the CAR T cells",
        "; ".join(
            f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in QUARTILE_COLUMN.items()
        ),
        "; ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in ends.items()),
        verdict(not off, len(off) <= 2),
        f"All ends but {len(off)} of {2 * len(FREE)} agree within {PRINTED:.1%}: {text}. "
        f"With gamma_B held at {QUARTILE_COLUMN['gamma_B'][1]:g} the lower quartile's loss is "
        f"{float(ds['held_loss']):.4f} instead of {float(lower['loss']):.4f}, that of the data "
        f"alone {float(ds['held_data_loss']):.4f} instead of {float(lower['data_loss']):.4f}: the "
        "data cannot tell. The presets `kimmel2021-q1`, `-median` and `-q3` are our fits.",
    )


def _known(ds: xr.Dataset) -> Finding:
    low, high = (each.sel(patient="median") for each in intervals(ds))
    table = vc.presets()[TABLE_1].values
    inside = all(float(low.sel(parameter=name)) < table[name] < float(high.sel(parameter=name))
                 for name in FREE)  # fmt: skip
    return Finding(
        "the fitted values of table 1 are those of the median fit, within its errors",
        "; ".join(f"{name} {table[name]:.4g}" for name in FREE),
        "median fit (95 % interval): "
        + "; ".join(
            f"{name} {float(ds['estimate'].sel(patient='median', parameter=name)):.4g} "
            f"({float(low.sel(parameter=name)):.2g} to {float(high.sel(parameter=name)):.2g})"
            for name in FREE
        ),
        verdict(inside),
        "Intervals from the covariance of the logs at the minimum. Eleven data say r_N, K_C and b "
        "to within a fifth, and next to nothing of rho_C, a and the killing.",
    )


def _logistic(ds: xr.Dataset) -> Finding:
    change = np.abs(ds["logistic"] / ds["estimate"] - 1)
    worst = str(ds["parameter"].values[int(np.argmax(change.max("patient").values))])
    killing = [
        float(ds[each].sel(patient="median", parameter="gamma_B"))
        for each in ("estimate", "logistic")
    ]
    return Finding(
        "the tumour's growth may be taken as independent of its size (section 4)",
        "assumed",
        f"logistic growth with a capacity of {LOGISTIC_CAPACITY:g} first sizes changes no estimate "
        f"by more than {float(change.max()):.2%} ({worst})",
        verdict(float(change.max()) < 0.01),
        f"gamma_B of the median fit becomes {killing[1]:.4f} per day instead of {killing[0]:.4f}: "
        "the tumour is small from the second week on.",
    )


if __name__ == "__main__":
    main()
