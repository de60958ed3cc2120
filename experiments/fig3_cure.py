"""Figure 3c, d: who is cured, by CAR T cell capacity, normal T cells, tumour size and growth."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    PRESETS,
    SIGMA,
    TABLE_1,
    TUMOURS_ML,
    Finding,
    deviations,
    free_at_720,
    main,
    outcomes,
    variable,
    verdict,
)
from matplotlib.figure import Figure
from published import (
    CAPACITIES,
    CURED_BY_CAPACITY,
    CURED_BY_GROWTH,
    CURED_BY_NORMAL,
    CURED_BY_SIZE,
    GROWTH_RATES,
)

import vcohort as vc
from vcohort.colours import GREY
from vcohort.plots.style import SERIES, plain

TITLE = "Figure 3c, d: the probability of cure"

K_C = np.arange(100.0, 201.0, 5.0)
# Normal T cells per microlitre at the infusion.
N0 = np.arange(1.0, 13.0)
PUBLISHED = {
    "K_C": lambda tumour: (CAPACITIES, CURED_BY_CAPACITY[tumour]),
    "N0": lambda tumour: (N0, CURED_BY_NORMAL[tumour]),
}
# Of 36 true values the farthest is beyond this once in a hundred times.
LIMIT = 3.6


def run(patients: int, seed: int) -> xr.Dataset:
    """Return the shares without progression at day 720, of all the cohorts."""
    sizes = list(CURED_BY_SIZE)
    by_size = [free(FIGURES, patients, seed, B0=vc.units.tumour_cells(size)) for size in sizes]
    by_growth = np.array([
        [free(FIGURES, patients, seed, B0=vc.units.tumour_cells(size), r_B=rate)
         for rate in GROWTH_RATES]
        for size in five_tumours()
    ])  # fmt: skip
    long_name = "share without progression at day 720"
    return xr.merge([
        cure_over("K_C", K_C, patients, seed), cure_over("N0", N0, patients, seed),
        xr.Dataset(
            {
                "by_size": variable(np.array(by_size), "size", "1", long_name),
                "by_growth": variable(by_growth, ("quantile", "growth"), "1", long_name),
            },
            {
                "size": variable(sizes, "size", "ml", "baseline tumour"),
                "quantile": [0.0, 0.25, 0.5, 0.75, 1.0],
                "growth": variable(list(GROWTH_RATES), "growth", "/day", "growth rate"),
            },
        ),
    ])  # fmt: skip


def five_tumours() -> np.ndarray:
    """Return the trial's smallest, quartile and largest tumours, in ml."""
    return np.quantile(vc.data.baseline_tumour_volumes().values, [0, 0.25, 0.5, 0.75, 1])


def free(preset: str, patients: int, seed: int, **overrides: float) -> float:
    """Return the share of a cohort that is free of progression at day 720."""
    population = vc.Population(preset, SIGMA, **overrides)
    return free_at_720(outcomes(population, patients, seed, horizon=720.0))


def cure_over(name: str, shown: np.ndarray, patients: int, seed: int) -> xr.Dataset:
    """Return the share free of progression over one number of T cells, for three tumours."""
    values, found = vc.units.t_cells(shown), np.empty((len(PRESETS), len(TUMOURS_ML), len(shown)))
    for index in np.ndindex(found.shape):
        tumour = vc.units.tumour_cells(list(TUMOURS_ML.values())[index[1]])
        overrides = {name: values[index[2]], "B0": tumour}
        found[index] = free(PRESETS[index[0]], patients, seed, **overrides)
    long_name = "share without progression at day 720"
    return xr.Dataset(
        {f"over_{name}": variable(found, ("preset", "tumour", name), "1", long_name)},
        {
            "preset": list(PRESETS), "tumour": list(TUMOURS_ML),
            name: variable(shown, name, "cells/ul", vc.car_t().param(name).description),
        },
    )  # fmt: skip


def draw(ds: xr.Dataset) -> Figure:
    """Draw the shares over each, and the published ones as points."""
    figure, panels = plt.subplots(2, 2, figsize=(10.5, 7.5), layout="constrained", sharey=True)
    _over(panels[0, 0], ds, "K_C", "carrying capacity of CAR T cells, per µl")
    _over(panels[0, 1], ds, "N0", "normal T cells at the infusion, per µl")
    _by_size(panels[1, 0], ds)
    _by_growth(panels[1, 1], ds)
    for letter, axes in zip("cd", panels[0], strict=True):
        axes.set_title(letter, loc="left", fontweight="bold")
    for axes in panels[:, 0]:
        axes.set(ylabel="share without progression, day 720", ylim=(-0.02, 1.02))
    return figure


def _over(axes, ds: xr.Dataset, name: str, label: str) -> None:
    for tumour, colour in zip(TUMOURS_ML, SERIES, strict=False):
        lines = ds[f"over_{name}"].sel(tumour=tumour)
        plain(axes).plot(ds[name], lines.sel(preset=FIGURES), color=colour,
                         label=f"{tumour} tumour, {TUMOURS_ML[tumour]:g} ml")  # fmt: skip
        axes.plot(ds[name], lines.sel(preset=TABLE_1), ":", color=colour)
        axes.plot(*PUBLISHED[name](tumour), "o", color=colour, ms=4)
    axes.plot([], [], "o", color=GREY, ms=4, label="published")
    axes.plot([], [], ":", color=GREY, label="dotted: table 1")
    axes.set(xlabel=label)
    axes.legend(frameon=False, fontsize=8)


def _by_size(axes, ds: xr.Dataset) -> None:
    plain(axes).plot(ds["size"], ds["by_size"], color=SERIES[0], label="ours")
    axes.plot(list(CURED_BY_SIZE), list(CURED_BY_SIZE.values()), "o", color=GREY, ms=4,
              label="published")  # fmt: skip
    axes.set(xlabel="baseline tumour, ml", xscale="log")
    axes.legend(frameon=False, fontsize=8)


def _by_growth(axes, ds: xr.Dataset) -> None:
    names = ("smallest", "lower quartile", "median", "upper quartile", "largest")
    for row, (name, colour) in enumerate(zip(names, SERIES, strict=False)):
        plain(axes).plot(ds["growth"], ds["by_growth"][row], color=colour, label=name)
        axes.plot(GROWTH_RATES, CURED_BY_GROWTH[row], "o", color=colour, ms=4)
    axes.plot([], [], "o", color=GREY, ms=4, label="published")
    axes.set(xlabel="growth rate of the tumour, per day")
    axes.legend(frameon=False, fontsize=8)


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set the shares beside the published ones."""
    patients = int(ds.attrs["patients"])
    return [_capacity(ds, patients), _normal(ds, patients), *_tumour(ds, patients)]


def _capacity(ds: xr.Dataset, patients: int) -> Finding:
    shares = ds["over_K_C"].sel(K_C=list(CAPACITIES), tumour=list(CURED_BY_CAPACITY))
    ours = shares.sel(preset=FIGURES).values
    theirs = np.array(list(CURED_BY_CAPACITY.values()))
    z = deviations(ours, theirs, patients)
    median = list(CURED_BY_CAPACITY).index("median")
    other = float(shares.sel(preset=TABLE_1, tumour="median", K_C=140.0))
    return Finding(
        "P(cure) rises with the carrying capacity K_C (3c), median tumour",
        ", ".join(f"{each}: {share:g}" for each, share in zip(CAPACITIES, theirs[median],
                                                              strict=True)),
        ", ".join(
            f"{each}: {share:.3f}" for each, share in zip(CAPACITIES, ours[median], strict=True)
        ),
        verdict(float(np.abs(z).max()) < LIMIT),
        f"Of {z.size} shares of three tumours the farthest is {np.abs(z).max():.1f} standard "
        f"errors away, root mean square {np.sqrt((z**2).mean()):.2f}. With table 1, 140 per µl "
        f"gives {other:.3f}: figure 3c was made with rho_C = 0.037.",
    )  # fmt: skip


def _normal(ds: xr.Dataset, patients: int) -> Finding:
    shares = ds["over_N0"].sel(preset=FIGURES)
    ours = shares.sel(tumour=list(CURED_BY_NORMAL)).values
    theirs = np.array(list(CURED_BY_NORMAL.values()))
    z = deviations(ours, theirs, patients)
    at = [0, 2, 5, 8, 11]

    def rows(table: np.ndarray) -> str:
        return "; ".join(
            f"{tumour}: " + ", ".join(f"{row[index]:.2f}" for index in at)
            for tumour, row in zip(CURED_BY_NORMAL, table, strict=True)
        )

    return Finding(
        "P(cure) falls with the normal T cells at the infusion (3d): 1, 3, 6, 9, 12 per µl",
        rows(theirs),
        rows(ours),
        verdict(float(np.abs(z).max()) < LIMIT),
        f"The farthest of {z.size} published shares is {np.abs(z).max():.1f} standard errors away; "
        f"their root mean square is {np.sqrt((z**2).mean()):.2f}.",
    )


def _tumour(ds: xr.Dataset, patients: int) -> list[Finding]:
    z_growth = deviations(ds["by_growth"].values, CURED_BY_GROWTH, patients)
    z_size = deviations(ds["by_size"].values, list(CURED_BY_SIZE.values()), patients)
    sizes = [4.24, 94.62, 659.4]
    return [
        Finding(
            "P(cure) falls with the tumour's growth rate (open code, figure 3): "
            f"{', '.join(f'{rate:g}' for rate in GROWTH_RATES)} per day, median tumour",
            ", ".join(f"{share:.2f}" for share in CURED_BY_GROWTH[2]),
            ", ".join(f"{float(share):.2f}" for share in ds["by_growth"][2]),
            verdict(float(np.abs(z_growth).max()) < LIMIT),
            f"Five tumours from the smallest to the largest: of {z_growth.size} shares the "
            f"farthest is {np.abs(z_growth).max():.1f} standard errors away, root mean square "
            f"{np.sqrt((z_growth**2).mean()):.2f}.",
        ),
        Finding(
            "P(cure) falls with the tumour's size (open code, figure 3): 4.24, 94.62, 659.4 ml",
            ", ".join(f"{CURED_BY_SIZE[size]:.3f}" for size in sizes),
            ", ".join(f"{float(ds['by_size'].sel(size=size)):.3f}" for size in sizes),
            verdict(float(np.abs(z_size).max()) < LIMIT),
            f"Of {z_size.size} tumours of the trial the farthest is {np.abs(z_size).max():.1f} "
            f"standard errors away, root mean square {np.sqrt((z_size**2).mean()):.2f}.",
        ),
    ]


if __name__ == "__main__":
    main()
