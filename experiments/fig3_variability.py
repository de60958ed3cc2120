"""Figure 3e, f: the probability of cure, and its time, over the variability between patients."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    MEDIAN_FIT,
    NO,
    OTHER_PRESET,
    PRESETS,
    TABLE_1,
    Finding,
    cured,
    days_of,
    main,
    outcomes,
    variable,
    verdict,
)
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.plots.style import SERIES, plain

TITLE = "Figure 3e, f: variability"

SIGMAS = np.array([0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25])
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
KILLING = 1.15
FITTED = f"median fit, killing {KILLING:g}"
CASES = {**{preset: (preset, {}) for preset in PRESETS}, FITTED: (MEDIAN_FIT, {"gamma_B": KILLING})}


def run(patients: int, seed: int) -> xr.Dataset:
    """Return the probability of cure, and quantiles of the events' days, over the variability."""
    share = np.empty((len(CASES), SIGMAS.size))
    days = np.empty((2, len(CASES), SIGMAS.size, len(QUANTILES)))
    for row, (preset, overrides) in enumerate(CASES.values()):
        for column, sigma in enumerate(SIGMAS):
            ds = outcomes(vc.Population(preset, sigma, **overrides), patients, seed)
            share[row, column] = cured(ds)
            for event in (1, 2):
                when = days_of(ds, event)
                days[event - 1, row, column] = np.quantile(when, QUANTILES) if when.size else np.nan
    dims = ("case", "spread", "quantile")
    return xr.Dataset(
        {
            "cured": variable(share, dims[:2], "1", "probability of cure"),
            "cure_day": variable(days[0], dims, "day", "day of cure"),
            "progression_day": variable(days[1], dims, "day", "day of progression"),
        },
        {
            "case": list(CASES), "spread": variable(SIGMAS, "spread", "1", "sigma"),
            "quantile": list(QUANTILES),
        },
    )  # fmt: skip


def draw(ds: xr.Dataset) -> Figure:
    """Draw the probability of cure, and its days, over the variability."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
    for case, colour in zip(CASES, SERIES, strict=False):
        plain(left).plot(ds["spread"], ds["cured"].sel(case=case), "o-", ms=3, color=colour,
                         label=case)  # fmt: skip
    for preset, colour in zip(PRESETS, SERIES, strict=False):
        days = ds["cure_day"].sel(case=preset)
        plain(right).fill_between(ds["spread"], days.sel(quantile=0.05), days.sel(quantile=0.95),
                                  color=colour, alpha=0.25, lw=0)  # fmt: skip
        right.plot(ds["spread"], days.sel(quantile=0.5), color=colour,
                   label=f"{preset}: median, 5 to 95 %")  # fmt: skip
    left.set(xlabel="variability sigma", ylabel="probability of cure", ylim=(0, 1.02))
    right.set(xlabel="variability sigma", ylabel="day of cure")
    for letter, axes in zip("ef", (left, right), strict=True):
        axes.set_title(letter, loc="left", fontweight="bold")
        axes.legend(frameon=False)
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set shares and widths beside the paper's words."""
    share = {case: ds["cured"].sel(case=case).values for case in CASES}
    shaped = [case for case in (TABLE_1, FITTED) if _falls_and_saturates(share[case])]
    cures, progressions = _widths(ds, "cure_day"), _widths(ds, "progression_day")
    width = cures[TABLE_1]
    factors = [values[FIGURES][5] / values[FIGURES][0] for values in (cures, progressions)]
    return [
        Finding(
            "without variability the patient is most likely cured; P(cure) drops with sigma and "
            "saturates (3e)",
            "near 1, falling, then flat",
            "; ".join(
                f"{case}: {values[0]:.2f} at 0.001, {values[5]:.2f} at 0.05, {values[-1]:.2f} at "
                "0.25"
                for case, values in share.items()
            ),
            OTHER_PRESET if shaped and not _falls_and_saturates(share[FIGURES]) else NO,
            "With the values behind the other figures the median patient is not cured, and "
            f"variability helps. The shape is that of: {', '.join(shaped)}.",
            "Figure 3e needs the rho_C of table 1; figures 3c, 3d and 4 have that of the code.",
        ),
        Finding(
            "times to cure are narrow without variability and widen with it (3f)",
            "drastically",
            f"5 to 95 % of the cures, table 1: {width[0]:.0f} days at sigma 0.001, "
            f"{width[5]:.0f} at 0.05, {width[-1]:.0f} at 0.25",
            verdict(bool(width[-1] > 1.5 * width[0])),
        ),
        Finding(
            "variability between patients, more than chance, spreads the times (abstract, 3f)",
            "largely",
            "; ".join(
                f"{case}: cures {cures[case][0]:.0f} days wide without, {cures[case][5]:.0f} with "
                f"sigma 0.05; progressions {progressions[case][0]:.0f} and "
                f"{progressions[case][5]:.0f}"
                for case in PRESETS
            ),
            verdict(min(factors) > 2, max(factors) > 2),
            f"True of progression, whose width grows {factors[1]:.1f} times. That of cures grows "
            f"{factors[0]:.2f} times with the figures' values, and "
            f"{width[5] / width[0]:.2f} times with table 1: there chance alone makes all of it, or "
            "half.",
        ),
    ]


def _falls_and_saturates(share: np.ndarray) -> bool:
    """Return whether cure is likely at first, falls, and is nearly the same at the end."""
    return bool(share[0] > 0.8 and share[-1] < share[0] - 0.2 and abs(share[-1] - share[-3]) < 0.05)


def _widths(ds: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    """Return the days between the 5 and 95 % quantiles, by case, over the variability."""
    width = ds[name].sel(quantile=0.95) - ds[name].sel(quantile=0.05)
    return {case: width.sel(case=case).values for case in CASES}


if __name__ == "__main__":
    main()
