"""Figure 3: CAR T kinetics, progression-free survival, the probability of cure and its time."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    GROWTH,
    NO,
    OTHER_PRESET,
    PRESETS,
    SIGMA,
    TABLE_1,
    TUMOURS_ML,
    YES,
    Finding,
    cured,
    days_of,
    main,
    outcomes,
    standard_error,
    variable,
    verdict,
)
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.plots.style import BLUE, DAYS, GREY, SERIES, plain

TITLE = "Figure 3: outcomes"

K_C = np.arange(100.0, 201.0, 5.0)
# Normal T cells per microlitre at the infusion.
N0 = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0])
SIGMAS = np.array([0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25])
SURVIVAL_DAYS = np.arange(0.0, 401.0)
KINETIC_DAYS = np.linspace(0.0, 100.0, 101)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Variability of the survival curves: the largest that the paper looks at.
WIDE = 0.25

# Open code of the paper, figure 3c, median tumour: free of progression at day 720, of 1000.
PUBLISHED_3C = {
    100: 0.0, 110: 0.0, 120: 0.006, 130: 0.11, 140: 0.476, 150: 0.808, 160: 0.975, 170: 0.998,
    180: 0.998, 190: 1.0, 200: 1.0,
}  # fmt: skip


def run(patients: int, seed: int) -> xr.Dataset:
    """Run all cohorts of the figure."""
    panels = [
        kinetics(min(patients, 2000), seed), survival(patients, seed),
        cure_over("K_C", K_C, vc.units.t_cells(K_C), patients, seed),
        cure_over("N0", N0, vc.units.t_cells(N0), patients, seed),
        variability(patients, seed),
    ]  # fmt: skip
    return xr.merge(panels)


def kinetics(patients: int, seed: int) -> xr.Dataset:
    """Return CAR T cells per microlitre: some patients, and quantiles of the cohort."""
    cohort = vc.Population(FIGURES, SIGMA).sample(patients, seed=seed)
    ds = vc.simulate(
        cohort, "deterministic", KINETIC_DAYS[-1], save_at=KINETIC_DAYS, progress=False
    )
    counts = vc.units.t_cells_per_ul(ds["C"].values)
    return xr.Dataset(
        {
            "patients_car_t": variable(counts[:21], ("one", "time"), "cells/ul", "CAR T cells"),
            "car_t": variable(
                np.quantile(counts, QUANTILES, axis=0), ("quantile", "time"), "cells/ul",
                "quantiles of CAR T cells",
            ),
        },
        {"time": variable(KINETIC_DAYS, "time", "day", "days"), "quantile": list(QUANTILES)},
    )  # fmt: skip


def survival(patients: int, seed: int) -> xr.Dataset:
    """Return survival by growth rate and variability, with the trial's tumours."""
    tumours = vc.Empirical(vc.data.baseline_tumour_cells())
    sigmas = (SIGMA, WIDE)
    curves = [
        [
            [
                vc.progression_free_survival(
                    outcomes(vc.Population(preset, sigma, r_B=rate, B0=tumours), patients, seed),
                    SURVIVAL_DAYS,
                ).values
                for rate in GROWTH.values()
            ]
            for sigma in sigmas
        ]
        for preset in PRESETS
    ]
    dims = ("preset", "sigma", "growth", "day")
    return xr.Dataset(
        {"survival": variable(np.array(curves), dims, "1", "progression-free survival")},
        {
            "preset": list(PRESETS), "sigma": list(sigmas), "growth": list(GROWTH),
            "day": variable(SURVIVAL_DAYS, "day", "day", "days"),
        },
    )  # fmt: skip


def cure_over(name: str, shown, values, patients: int, seed: int) -> xr.Dataset:
    """Return the share free of progression at day 720 over one parameter, for three tumours."""
    found = np.empty((len(PRESETS), len(TUMOURS_ML), len(values)))
    for index in np.ndindex(found.shape):
        preset, tumour = PRESETS[index[0]], list(TUMOURS_ML.values())[index[1]]
        overrides = {name: values[index[2]], "B0": vc.units.tumour_cells(tumour)}
        ds = outcomes(vc.Population(preset, SIGMA, **overrides), patients, seed, horizon=720.0)
        found[index] = float((ds["outcome"] != 2).mean())
    long_name = "share without progression at day 720"
    return xr.Dataset(
        {f"over_{name}": variable(found, ("preset", "tumour", name), "1", long_name)},
        {
            "preset": list(PRESETS), "tumour": list(TUMOURS_ML),
            name: variable(shown, name, "cells/ul", vc.car_t().param(name).description),
        },
    )  # fmt: skip


def variability(patients: int, seed: int) -> xr.Dataset:
    """Return the probability of cure, and quantiles of the events' days, over the variability."""
    share = np.empty((2, SIGMAS.size))
    days = np.empty((2, 2, SIGMAS.size, len(QUANTILES)))
    for row, column in np.ndindex(share.shape):
        ds = outcomes(vc.Population(PRESETS[row], SIGMAS[column]), patients, seed)
        share[row, column] = cured(ds)
        for event in (1, 2):
            when = days_of(ds, event)
            days[event - 1, row, column] = np.quantile(when, QUANTILES) if when.size else np.nan
    dims = ("preset", "spread", "quantile")
    return xr.Dataset(
        {
            "cured": variable(share, dims[:2], "1", "probability of cure"),
            "cure_day": variable(days[0], dims, "day", "day of cure"),
            "progression_day": variable(days[1], dims, "day", "day of progression"),
        },
        {"spread": variable(SIGMAS, "spread", "1", "sigma"), "quantile": list(QUANTILES)},
    )


def draw(ds: xr.Dataset) -> Figure:
    """Draw the six panels."""
    figure, panels = plt.subplots(3, 2, figsize=(10.5, 11), layout="constrained")
    _kinetics(panels[0, 0], ds)
    _survival(panels[0, 1], ds)
    _over(panels[1, 0], ds, "K_C", "carrying capacity of CAR T cells, per µl")
    _over(panels[1, 1], ds, "N0", "normal T cells at the infusion, per µl")
    _variability(panels[2, 0], panels[2, 1], ds)
    for letter, axes in zip("abcdef", panels.flat, strict=True):
        plain(axes).set_title(letter, loc="left", fontweight="bold")
    return figure


def _kinetics(axes, ds: xr.Dataset) -> None:
    trial = vc.data.moffitt_car_t_counts()
    axes.plot(ds["time"], ds["patients_car_t"].T, color=BLUE, lw=0.7, alpha=0.6)
    axes.plot([], [], color=BLUE, lw=0.7, label="21 virtual patients")
    spread = np.abs(np.stack([trial["q1"], trial["q3"]]) - trial["median"].values)
    axes.errorbar(trial["day"], trial["median"], spread, fmt="o", color=GREY, capsize=3,
                  label="Moffitt: median and quartiles")  # fmt: skip
    axes.set(xlabel=DAYS, ylabel="CAR T cells per µl", yscale="log", ylim=(5e-3, 2e2))
    axes.legend(frameon=False)


def _survival(axes, ds: xr.Dataset) -> None:
    trial = vc.data.progression_free_survival()
    for name, colour in zip(GROWTH, SERIES, strict=False):
        for sigma, style in ((WIDE, "-"), (SIGMA, ":")):
            label = f"{name}, {GROWTH[name]:g}/day" if style == "-" else None
            curve = ds["survival"].sel(preset=TABLE_1, sigma=sigma, growth=name)
            axes.plot(ds["day"], curve, style, color=colour, label=label)
    axes.plot([], [], ":", color=GREY, label=f"dotted: sigma {SIGMA:g}")
    axes.step(trial["day"], trial, where="post", color=GREY, label=trial.attrs["label"])
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02), xlim=(0, 400))
    axes.legend(frameon=False, fontsize=8)


def _over(axes, ds: xr.Dataset, name: str, label: str) -> None:
    for tumour, colour in zip(TUMOURS_ML, SERIES, strict=False):
        line = ds[f"over_{name}"].sel(preset=FIGURES, tumour=tumour)
        axes.plot(ds[name], line, color=colour, label=f"{tumour} tumour, {TUMOURS_ML[tumour]:g} ml")
        axes.plot(
            ds[name], ds[f"over_{name}"].sel(preset=TABLE_1, tumour=tumour), ":", color=colour
        )
    if name == "K_C":
        axes.plot(list(PUBLISHED_3C), list(PUBLISHED_3C.values()), "o", color=GREY, ms=4,
                  label="published, median tumour")  # fmt: skip
    axes.plot([], [], ":", color=GREY, label="dotted: table 1")
    axes.set(xlabel=label, ylabel="share without progression, day 720", ylim=(-0.02, 1.02))
    axes.legend(frameon=False, fontsize=8)


def _variability(left, right, ds: xr.Dataset) -> None:
    for preset, colour in zip(PRESETS, SERIES, strict=False):
        left.plot(ds["spread"], ds["cured"].sel(preset=preset), "o-", ms=3, color=colour,
                  label=preset)  # fmt: skip
        days = ds["cure_day"].sel(preset=preset)
        right.fill_between(ds["spread"], days.sel(quantile=0.05), days.sel(quantile=0.95),
                           color=colour, alpha=0.25, lw=0)  # fmt: skip
        right.plot(ds["spread"], days.sel(quantile=0.5), color=colour,
                   label=f"{preset}: median, 5 to 95 %")  # fmt: skip
    left.set(xlabel="variability sigma", ylabel="probability of cure", ylim=(0, 1.02))
    right.set(xlabel="variability sigma", ylabel="day of cure")
    left.legend(frameon=False)
    right.legend(frameon=False)


def compare(ds: xr.Dataset) -> list[Finding]:
    """Set every panel beside the paper's."""
    patients = int(ds.attrs["patients"])
    return [
        *_kinetic_findings(ds), *_survival_findings(ds), *_cure_findings(ds, patients),
        *_variability_findings(ds),
    ]  # fmt: skip


def _kinetic_findings(ds: xr.Dataset) -> list[Finding]:
    trial = vc.data.moffitt_car_t_counts()
    ours = ds["car_t"].sel(time=trial["day"].values)
    inside = [
        bool(low <= value <= high)
        for low, value, high in zip(trial["q1"], ours.sel(quantile=0.5), trial["q3"], strict=True)
    ]
    widths = [
        np.log(quartiles[1] / quartiles[0]).mean()
        for quartiles in (
            (ours.sel(quantile=0.25).values, ours.sel(quantile=0.75).values),
            (trial["q1"].values, trial["q3"].values),
        )
    ]
    spread = float(widths[0] / widths[1])
    pairs = "; ".join(
        f"day {int(day)}: {float(value):.2g} ({float(low):.2g} to {float(high):.2g})"
        for day, low, value, high in zip(
            trial["day"], ours.sel(quantile=0.25), ours.sel(quantile=0.5),
            ours.sel(quantile=0.75), strict=True,
        )
    )  # fmt: skip
    return [
        Finding(
            "CAR T kinetics of the Moffitt patients, median (quartiles) per µl (3a)",
            "day 7: 27.5 (16.5 to 57.5); day 14: 9.1 (3.8 to 31.1); day 28: 2.1 (0.6 to 6.1); "
            "day 90: 0.1 (0.01 to 0.4)",
            pairs,
            verdict(all(inside) and spread > 0.5, all(inside)),
            f"The medians agree. Ours vary {spread:.2f} times as much (log quartiles): a "
            "variability of 5 % is far narrower than the patients.",
        )
    ]


def _survival_findings(ds: xr.Dataset) -> list[Finding]:
    trial = vc.data.progression_free_survival()
    reference = trial.sel(day=SURVIVAL_DAYS, method="ffill").values
    distance = np.sqrt(((ds["survival"] - reference) ** 2).mean("day"))

    def text(preset: str, sigma: float) -> str:
        values = distance.sel(preset=preset, sigma=sigma)
        return ", ".join(f"{name} {float(values.sel(growth=name)):.3f}" for name in GROWTH)

    own, best = (float(distance.sel(preset=each).min()) for each in PRESETS)
    return [
        Finding(
            "the model recapitulates ZUMA-1 for reasonable growth rates (3b)",
            "drawn; root-mean-square distance over days 0 to 400",
            f"sigma {WIDE:g}: {text(FIGURES, WIDE)} (table 1: {text(TABLE_1, WIDE)}); "
            f"sigma {SIGMA:g}: {text(FIGURES, SIGMA)} (table 1: {text(TABLE_1, SIGMA)})",
            YES if own < 0.06 else (OTHER_PRESET if best < 0.06 else NO),
            "The medium growth rate with table 1, and only with the wide variability: at 5 % the "
            "patients progress together, far later than the trial's. The paper does not say which "
            "variability its curves have.",
        )
    ]


def _cure_findings(ds: xr.Dataset, patients: int) -> list[Finding]:
    found = []
    medians = ds["over_K_C"].sel(tumour="median")
    rows = []
    for capacity, published in PUBLISHED_3C.items():
        ours = float(medians.sel(preset=FIGURES, K_C=capacity))
        # The published shares are of 1000 patients; a share of 0 or 1 has an error too.
        error = np.hypot(standard_error(published, 1000), standard_error(ours, patients))
        rows.append((capacity, published, ours, (ours - published) / error))
    worst = max(abs(row[3]) for row in rows)
    other = float(medians.sel(preset=TABLE_1, K_C=140.0))
    found.append(
        Finding(
            "P(cure) rises with the carrying capacity K_C (3c), median tumour",
            ", ".join(f"{capacity}: {published:g}" for capacity, published, *_ in rows),
            ", ".join(f"{capacity}: {ours:.3f} ({z:+.1f} SE)" for capacity, _, ours, z in rows),
            # One of eleven true rows is farther than this once in a hundred times.
            verdict(worst < 3.3),
            f"The farthest of eleven rows is {worst:.1f} standard errors away. With table 1, "
            f"140 per µl gives {other:.3f}: figure 3c was made with rho_C = 0.037.",
        )
    )
    shares = ds["over_N0"].sel(preset=FIGURES)
    falls = bool((shares.diff("N0") <= 0.01).all()) and float(shares[:, 0].max()) > 0.5
    found.append(
        Finding(
            "P(cure) falls with the normal T cells at the infusion (3d)",
            "falls",
            "; ".join(
                f"{tumour}: {float(shares.sel(tumour=tumour)[0]):.2f} at {N0[0]:g}, "
                f"{float(shares.sel(tumour=tumour, N0=6.0)):.2f} at 6, "
                f"{float(shares.sel(tumour=tumour)[-1]):.2f} at {N0[-1]:g} per µl"
                for tumour in TUMOURS_ML
            ),
            verdict(falls),
        )
    )
    return found  # fmt: skip


def _variability_findings(ds: xr.Dataset) -> list[Finding]:
    share = {each: ds["cured"].sel(preset=each).values for each in PRESETS}
    drops = share[TABLE_1][0] > 0.8 and share[TABLE_1][-1] < share[TABLE_1][0] - 0.2
    saturates = abs(share[TABLE_1][-1] - share[TABLE_1][-3]) < 0.05
    cures, progressions = _widths(ds, "cure_day"), _widths(ds, "progression_day")
    width = cures[TABLE_1]
    factors = [values[FIGURES][5] / values[FIGURES][0] for values in (cures, progressions)]
    return [
        Finding(
            "without variability the patient is most likely cured; P(cure) drops with sigma and "
            "saturates (3e)",
            "near 1, falling, then flat",
            "; ".join(
                f"{each}: {values[0]:.2f} at 0.001, {values[5]:.2f} at 0.05, {values[-1]:.2f} at "
                "0.25"
                for each, values in share.items()
            ),
            OTHER_PRESET if drops and saturates else NO,
            "With the values behind the other figures the median patient is not cured, and "
            "variability helps: 3e was made with table 1.",
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
                f"{each}: cures {cures[each][0]:.0f} days wide without, {cures[each][5]:.0f} with "
                f"sigma 0.05; progressions {progressions[each][0]:.0f} and "
                f"{progressions[each][5]:.0f}"
                for each in PRESETS
            ),
            verdict(min(factors) > 2, max(factors) > 2),
            "True of progression. Of cures chance alone makes half of the width, or all of it.",
        ),
    ]


def _widths(ds: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    """Return the days between the 5 and 95 % quantiles, by preset, over the variability."""
    width = ds[name].sel(quantile=0.95) - ds[name].sel(quantile=0.05)
    return {preset: width.sel(preset=preset).values for preset in PRESETS}


if __name__ == "__main__":
    main()
