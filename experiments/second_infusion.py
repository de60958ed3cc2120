"""A second infusion: its day, with and without lymphodepletion, and lymphodepletion alone."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import (
    FIGURES,
    SIGMA,
    TUMOURS_ML,
    Finding,
    main,
    outcomes,
    variable,
    verdict,
)
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.colours import GREY
from vcohort.plots.style import DAYS, SERIES, plain

TITLE = "A second infusion"

DEPTH = 0.01
TREATED = np.array([10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0])
RATES = (0.05, 0.065, 0.1)
SURVIVAL_DAYS = np.arange(0.0, 1001.0, 5.0)
# The day of the survival curves: the tumour is far below its first size, and growing.
SHOWN = 100.0

# The open code's runs: days of the infusion, variability, size that counts as progression, end.
CODE_DAYS = np.arange(10.0, 601.0, 10.0)
CODE_SIGMAS = (SIGMA, 0.15)
CODE = {"progression": 5.0, "horizon": 1000.0}


def regimens(day: float) -> dict[str, vc.Regimen]:
    """Return what is given on a day."""
    infusion = vc.Infusion(day)
    return {
        "nothing more": vc.Regimen(),
        "infusion alone": vc.Regimen(infusion),
        "infusion, half of normal T cells left": vc.Regimen(
            infusion, vc.Lymphodepletion(day, (0.5, 1.0))
        ),
        "infusion after lymphodepletion": vc.Regimen(infusion, vc.Lymphodepletion(day, DEPTH)),
        "lymphodepletion alone, sparing half of CAR T": vc.Regimen(
            vc.Lymphodepletion(day, (DEPTH, 0.5))
        ),
        "lymphodepletion alone, of both": vc.Regimen(vc.Lymphodepletion(day, DEPTH)),
    }


def run(patients: int, seed: int) -> xr.Dataset:
    """Return probabilities of cure by day, rate and tumour, and survival curves."""
    given = list(regimens(SHOWN))
    shape = (len(RATES), len(TUMOURS_ML), len(given), TREATED.size)
    found, free = np.empty(shape), np.empty(shape)
    for index in np.ndindex(shape):
        tumour = vc.units.tumour_cells(list(TUMOURS_ML.values())[index[1]])
        population = vc.Population(FIGURES, SIGMA, r_B=RATES[index[0]], B0=tumour)
        if given[index[2]] == "nothing more" and index[3]:
            found[index], free[index] = found[(*index[:3], 0)], free[(*index[:3], 0)]
            continue
        regimen = regimens(float(TREATED[index[3]]))[given[index[2]]]
        ds = outcomes(population, max(patients // 5, 100), seed, regimen=regimen)
        found[index] = float((ds["outcome"] == 1).mean())
        free[index] = float(vc.progression_free_survival(ds, [720.0])[0])
    dims = ("growth", "tumour", "regimen", "treated")
    return xr.Dataset(
        {
            "cured": variable(found, dims, "1", "share cured before any progression"),
            "free": variable(free, dims, "1", "progression-free survival at day 720"),
            "survival": variable(
                survival(patients, seed), ("regimen", "day"), "1", "progression-free survival"
            ),
            "as_code": variable(
                as_the_code_runs(max(patients // 10, 100), seed),
                ("sigma", "given", "code_day"), "1",
                "share that has not reached 5 times its first size by day 1000",
            ),
        },
        {
            "growth": variable(np.array(RATES), "growth", "/day", "growth rate of the tumour"),
            "tumour": list(TUMOURS_ML), "regimen": given,
            "treated": variable(TREATED, "treated", "day", "day of treatment"),
            "day": variable(SURVIVAL_DAYS, "day", "day", "days since the first infusion"),
            "sigma": list(CODE_SIGMAS), "given": [given[0], given[1], given[3]],
            "code_day": variable(CODE_DAYS, "code_day", "day", "day of treatment"),
        },
    )  # fmt: skip


def as_the_code_runs(patients: int, seed: int) -> np.ndarray:
    """Return long-term survival by the open code's definitions, (sigma, regimen, day)."""
    found = np.empty((len(CODE_SIGMAS), 3, CODE_DAYS.size))
    for row, sigma in enumerate(CODE_SIGMAS):
        population = vc.Population(FIGURES, sigma)
        for column, day in enumerate(CODE_DAYS):
            nothing, alone, _, both, *_ = regimens(float(day)).values()
            for place, regimen in enumerate((nothing, alone, both)):
                if place == 0 and column:
                    found[row, 0, column] = found[row, 0, 0]
                    continue
                ds = outcomes(population, patients, seed, regimen=regimen, **CODE)
                found[row, place, column] = float((ds["outcome"] != 2).mean())
    return found


def survival(patients: int, seed: int) -> np.ndarray:
    """Return the survival curves of all regimens on one day, (regimen, day)."""
    population = vc.Population(FIGURES, SIGMA)
    return np.stack(
        [
            vc.progression_free_survival(
                outcomes(population, patients, seed, regimen=regimen), SURVIVAL_DAYS
            ).values
            for regimen in regimens(SHOWN).values()
        ]
    )


def draw(ds: xr.Dataset) -> Figure:
    """Draw P(cure) over the day for rates and tumours, and the survival curves."""
    figure, panels = plt.subplots(2, 3, figsize=(12, 7.5), layout="constrained")
    for axes, rate in zip(panels[0], RATES, strict=True):
        _over_days(axes, ds, rate, "median", f"growth {rate:g}/day, median tumour")
    for axes, tumour in zip(panels[1, :2], ("smallest", "largest"), strict=True):
        _over_days(axes, ds, RATES[1], tumour, f"growth {RATES[1]:g}/day, {tumour} tumour")
    for regimen, colour in zip(ds["regimen"].values, (GREY, *SERIES), strict=False):
        plain(panels[1, 2]).plot(ds["day"], ds["survival"].sel(regimen=regimen), color=colour)
    panels[1, 2].set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02))
    panels[1, 2].set_title(f"treated on day {SHOWN:g}, median tumour", loc="left", fontsize=10)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _over_days(axes, ds: xr.Dataset, rate: float, tumour: str, title: str) -> None:
    for regimen, colour in zip(ds["regimen"].values, (GREY, *SERIES), strict=False):
        line = ds["cured"].sel(growth=rate, tumour=tumour, regimen=regimen)
        style = "--" if regimen == "nothing more" else "o-"
        plain(axes).plot(ds["treated"], line, style, ms=3, color=colour, label=str(regimen))
    axes.set(xlabel="day of treatment", ylabel="probability of cure", ylim=(-0.02, 1.02))
    axes.set_title(title, loc="left", fontsize=10)


def compare(ds: xr.Dataset) -> list[Finding]:
    """Test the paper's conclusion."""
    gain = ds["cured"] - ds["cured"].sel(regimen="nothing more")

    def at(regimen: str, day: float, rate: float = RATES[1], tumour: str = "median") -> float:
        return float(gain.sel(regimen=regimen, treated=day, growth=rate, tumour=tumour))

    def best(regimen: str) -> tuple[float, float]:
        line = gain.sel(regimen=regimen, growth=RATES[1], tumour="median")
        return float(line.max()), float(TREATED[int(np.argmax(line.values))])

    _, alone, half, both, spared, neither = regimens(SHOWN)
    without = gain.sel(regimen=alone, growth=RATES[1], tumour="median")
    late = float(np.abs(without.sel(treated=slice(150, None))).max())
    gains = {regimen: best(regimen) for regimen in (alone, both, spared, neither)}
    share = gains[alone][0] / gains[both][0]
    without_runs, alone_runs, both_runs = (ds["as_code"].isel(given=index) for index in range(3))
    code = {
        sigma: (
            float(without_runs.sel(sigma=sigma)[0]),
            *(_best(line.sel(sigma=sigma)) for line in (alone_runs, both_runs)),
        )
        for sigma in CODE_SIGMAS
    }
    shares = {sigma: (one[0] - none) / (two[0] - none) for sigma, (none, one, two) in code.items()}
    after = ds["cured"].sel(regimen=both, growth=RATES[1], tumour="median")
    days = (40, 100, 200, 300, 400)
    return [
        Finding(
            "without lymphodepletion a second infusion gains next to nothing (3g)",
            "lymphodepletion is necessary",
            f"{gains[alone][0]:+.3f} of P(cure) at best, on day {gains[alone][1]:g}; "
            f"{at(alone, 100):+.3f} on day 100, {late:.3f} at most from day 150 on",
            verdict(gains[alone][0] < 0.05, share < 0.25),
            f"At best it gains {share:.0%} of what it gains after lymphodepletion: the second dose "
            "meets full ranks of normal T cells, and only adds its own short life to the tumour's "
            "low point. After that it gains nothing.",
        ),
        Finding(
            "with lymphodepletion that resets the T cells it improves outcomes (3g)",
            "improves",
            f"{gains[both][0]:+.3f} at best, on day {gains[both][1]:g}; P(cure) is "
            + ", ".join(f"{float(after.sel(treated=day)):.2f} on day {day}" for day in days)
            + f" (without: {float(ds['cured'].sel(growth=RATES[1], tumour='median')[0, 0]):.2f})",
            verdict(gains[both][0] > 0.2),
            "Later than about day 300 many tumours have progressed before.",
        ),
        Finding(
            "the same by the open code's definitions: full dose, N and C divided by 100, "
            "progression at 5 times the first size, share without it on day 1000",
            "lymphodepletion is necessary",
            "; ".join(
                f"sigma {sigma:g}: {none:.2f} without, at best {one[0]:.2f} (day {one[1]:g}) with "
                f"an infusion alone and {two[0]:.2f} (day {two[1]:g}) after lymphodepletion"
                for sigma, (none, one, two) in code.items()
            ),
            verdict(max(shares.values()) < 0.25),
            "Alone it gains "
            + " and ".join(f"{share:.0%}" for share in shares.values())
            + f" of what it gains after lymphodepletion, at best of {CODE_DAYS.size} days from "
            f"{CODE_DAYS[0]:g} to {CODE_DAYS[-1]:g}. The open code's own runs, sigma 0.15, are of "
            "an earlier model, with memory and effector CAR T cells, and tumours of 2 to 2000 ml; "
            "these are of the published model and the median tumour.",
            "The second infusion was run with an earlier model, of memory and effector cells.",
        ),
        Finding(
            "lymphodepletion alone might be sufficient, if it spares CAR T cells (3g)",
            "might",
            f"half of the CAR T cells spared: {at(spared, 40):+.3f} on day 40, "
            f"{at(spared, 100):+.3f} on day 100, {at(spared, 200):+.3f} on day 200; 1 % spared: "
            f"{at(neither, 40):+.3f}, {at(neither, 100):+.3f}, {at(neither, 200):+.3f}",
            verdict(at(spared, 100) > 0.1),
            "It works while CAR T cells are left to expand.",
        ),
        Finding(
            "the T cell density must be lowered sufficiently (3g)",
            "sufficiently",
            "an infusion with half of the normal T cells left gains "
            f"{at(half, 20):+.3f} on day 20, {at(half, 40):+.3f} on day 40 and "
            f"{at(half, 100):+.3f} on day 100, against {at(alone, 20):+.3f}, {at(alone, 40):+.3f} "
            f"and {at(alone, 100):+.3f} with none killed",
            verdict(best(half)[0] < 0.5 * gains[both][0]),
            "A half-empty niche still holds more T cells than the CAR T cells' capacity, and their "
            "turnover is faster there: they are lost sooner than with no depletion at all.",
        ),
    ]


def _best(line: xr.DataArray) -> tuple[float, float]:
    """Return the largest share, and its day."""
    return float(line.max()), float(CODE_DAYS[int(np.argmax(line.values))])


if __name__ == "__main__":
    main()
