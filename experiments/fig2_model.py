"""Figure 2: T cells against the data, sensitivities, correlations, two fates of one patient."""

from __future__ import annotations

from itertools import combinations

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, PRESETS, SIGMA, Finding, main, variable, verdict
from matplotlib.figure import Figure

import vcohort as vc
from vcohort.plots.style import DAYS, GREY, OUTCOME, SERIES, plain

TITLE = "Figure 2: the model against the data, sensitivities, chance"

PARAMETERS = ("r_N", "rho_C", "K_N", "K_C", "a", "b", "r_B", "gamma_B", "k_B")
_TO_UNITS = {"N": 1 / vc.units.CELLS_PER_UL, "C": 1 / vc.units.CELLS_PER_UL, "B": 1e-9}


def paths(cohort: vc.Cohort, days: np.ndarray) -> np.ndarray:
    """Return N, C (cells/ul) and B (ml) by the differential equations, (state, patient, time)."""
    ds = vc.simulate(
        cohort, "deterministic", float(days[-1]), save_at=days, dtype="float64", tolerance=1e-6,
        progress=False,
    )  # fmt: skip
    return np.stack([ds[state].values * unit for state, unit in _TO_UNITS.items()])


def run(patients: int, seed: int) -> xr.Dataset:
    """Follow the median patient of both presets, his sensitivities, and two of his fates."""
    days = np.linspace(0.0, 200.0, 401)
    states = np.stack([paths(vc.Cohort.from_values(each), days)[:, 0] for each in PRESETS], axis=1)
    local = [
        vc.local_sensitivity(vc.Cohort.from_values(each), days, PARAMETERS) for each in PRESETS
    ]
    together = [vc.identifiability(each) for each in local]
    pair, fate = two_fates(seed)
    slopes = np.stack([cure_slopes(each, patients, seed) for each in PRESETS])
    return xr.Dataset(
        {
            "states": variable(
                states, ("state", "preset", "time"), "cells/ul, cells/ul, ml", "median patient"
            ),
            "sensitivity": variable(
                np.stack([each["ranking"].values[0] for each in local]), ("preset", "parameter"),
                "1",
                "squared L2 norm of relative sensitivities over 200 days, to the largest",
            ),
            "correlation": variable(
                np.stack([each["correlation"].values for each in together]),
                ("preset", "parameter", "other"), "1", "correlation of sensitivities",
            ),
            "cure_slope": variable(
                slopes,
                ("preset", "parameter"),
                "1",
                "derivative of the mean probability of cure to the log of the parameter",
            ),
            "tumour": variable(pair, ("fate", "day"), "ml", "tumour of one patient, two fates"),
        },
        {
            "state": list("NCB"), "preset": list(PRESETS), "parameter": list(PARAMETERS),
            "other": list(PARAMETERS), "fate": ["cure", "progression"],
            "time": variable(days, "time", "day", "days since the first infusion"),
            "day": variable(fate, "day", "day", "days since the first infusion"),
        },
    )  # fmt: skip


def cure_slopes(preset: str, patients: int, seed: int) -> np.ndarray:
    """Return the derivatives (parameter,) of a cohort's P(cure) to ln(parameter), exactly."""
    cohort = vc.Population(preset, SIGMA).sample(patients, seed=seed)

    def mean(logs: dict[str, jax.Array]) -> jax.Array:
        values = {name: cohort[name] * jnp.exp(log) for name, log in logs.items()}
        return vc.cure_probability(cohort.replace(**values)).mean()

    slopes = jax.grad(mean)({name: jnp.zeros(()) for name in PARAMETERS})
    return np.array([float(slopes[name]) for name in PARAMETERS])


def two_fates(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tumour (ml) of one patient, once cured and once not, and the days."""
    days = np.unique(np.concatenate([np.linspace(0, 450, 451), np.linspace(50, 100, 501)]))
    cohort = vc.Population(FIGURES).sample(100, seed=seed)
    ds = vc.simulate(cohort, "hybrid", save_at=days, seed=seed, progress=False)
    first = [int(np.flatnonzero(ds["outcome"].values == event)[0]) for event in (1, 2)]
    return vc.units.tumour_ml(ds["B"].values[first]), days


def draw(ds: xr.Dataset) -> Figure:
    """Draw T cells, ranking and correlations, and the two fates."""
    figure, panels = plt.subplot_mosaic(
        [["a", "b", "d"], ["c", "C", "C"]], figsize=(13, 7.5), layout="constrained"
    )  # fmt: skip
    _t_cells(panels["a"], ds, "N")
    _t_cells(panels["b"], ds, "C")
    shown = ds.sel(preset=FIGURES).rename(sensitivity="ranking")
    vc.plots.sensitivity_ranking(shown, axes=panels["c"])
    vc.plots.sensitivity_correlation(shown, axes=panels["C"])
    _fates(panels["d"], ds)
    for letter, axes in panels.items():
        axes.set_title(letter.lower(), loc="left", fontweight="bold")
    return figure


def _t_cells(axes, ds: xr.Dataset, state: str) -> None:
    data = vc.data.t_cell_counts()
    for preset, colour in zip(PRESETS, SERIES, strict=False):
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
    """Set fits, ranking and correlations beside the paper's."""
    return [*_fits(ds), *_sensitivity_findings(ds)]


def _fits(ds: xr.Dataset) -> list[Finding]:
    data = vc.data.t_cell_counts()
    both = ds["states"].interp(time=data["day"].values)
    normal, car = (
        np.exp(np.abs(np.log(both.sel(state=state) / truth.values))).values
        for state, truth in (("N", _normal(data)), ("C", data["car_t_median"]))
    )
    peak = ds["time"].values[ds["states"].sel(state="C").argmax("time").values]
    start = vc.units.t_cells_per_ul(vc.presets()[FIGURES].values["C0"])
    kept = ds["states"].sel(state="C", time=90.0).values / start
    return [
        Finding(
            "normal T cells follow the lymphocyte counts (2a)",
            "drawn",
            f"off by a factor of {normal[0].max():.2f} at most "
            f"({normal[1].max():.2f} with table 1)",
            verdict(normal[0].max() < 1.3),
        ),
        Finding(
            "CAR T cells follow the median counts (2b)",
            "drawn",
            f"off by a factor of {car[0, :4].max():.2f} at most up to day 90 "
            f"({car[1, :4].max():.2f} with table 1), and of {car[0, 4]:.0f} ({car[1, 4]:.1f}) on "
            "day 180",
            verdict(car[0].max() < 2, car[0, :4].max() < 2),
            "The median stops falling after day 90; the model, whose T cells have only one fate, "
            "does not.",
        ),
        Finding(
            "CAR T cells expand within the first two weeks (3c)",
            "peak before day 14",
            f"peak on day {peak[0]:.1f} ({peak[1]:.1f} with table 1)",
            verdict(peak[0] < 14),
        ),
        Finding(
            "the median patient has as many CAR T cells at day 90 as were infused (3c)",
            "comparable",
            f"{kept[0]:.2f} of the dose ({kept[1]:.2f} with table 1)",
            verdict(0.2 < kept[0] < 5),
            "The data say 0.31: 0.112 per µl against a dose of 0.36.",
        ),
    ]


def _sensitivity_findings(ds: xr.Dataset) -> list[Finding]:
    ranked = {each: _ranked(ds, each) for each in PRESETS}
    pairs = {
        (first, second): [_correlation(ds, each, first, second) for each in PRESETS]
        for first, second in (("r_B", "k_B"), ("gamma_B", "k_B"), ("r_B", "gamma_B"))
    }
    (growth, killing, between) = pairs.values()
    return [
        Finding(
            "the carrying capacities and the killing rate are the most sensitive (2c)",
            "K_C, K_N and gamma_B first",
            "; ".join(f"{each}: {', '.join(names)}" for each, names in ranked.items()),
            verdict(set(ranked[FIGURES][:3]) == {"K_C", "K_N", "gamma_B"}),
        ),
        Finding(
            "k_B and gamma_B are not identifiable together (2c)",
            "-0.96",
            f"{killing[0]:.3f} ({killing[1]:.3f} with table 1)",
            verdict(abs(killing[0] + 0.96) < 0.015),
        ),
        Finding(
            "k_B and r_B are not identifiable together (2c)",
            "0.94",
            f"{growth[0]:.3f} ({growth[1]:.3f} with table 1)",
            verdict(abs(growth[0] - 0.94) < 0.015, growth[0] > 0.9),
            "Same sign, stronger. The paper does not give its times and growth rate; an absolute "
            f"value of 0.94 is what we find between r_B and gamma_B ({between[0]:.3f}).",
        ),
        Finding(
            "all other pairs are below 0.9 (2c)",
            "none above",
            "; ".join(f"{each}: {', '.join(_high(ds, each))}" for each in PRESETS),
            verdict(not _high(ds, FIGURES)),
            "Raw sensitivities of N and C (cells/µl) and B (ml), half a day apart over 200 days. "
            "With k_B removed r_B and gamma_B remain tied: B alone tells growth from killing.",
        ),
        Finding(
            "improving the CAR T cells' capacity and killing is most promising (3a)",
            "K_C and gamma_B",
            "change of P(cure) by 1 % more of each, at sigma 0.05: "
            + "; ".join(f"{each}: {_promising(ds, each)}" for each in PRESETS),
            verdict(_product(ds, FIGURES)[:2] == ["K_C", "gamma_B"]),
            "Of what belongs to the CAR T cells (K_C, gamma_B, k_B, rho_C, a, b) these two move "
            "P(cure) most; the derivative is exact.",
        ),
    ]


def _ranked(ds: xr.Dataset, preset: str) -> list[str]:
    ranked = ds["sensitivity"].sel(preset=preset)
    return [str(name) for name in ds["parameter"].values[np.argsort(-ranked.values)]]


def _product(ds: xr.Dataset, preset: str) -> list[str]:
    """Return the parameters of the CAR T product, the one that moves P(cure) most first."""
    slopes = ds["cure_slope"].sel(preset=preset)
    names = ["K_C", "gamma_B", "k_B", "rho_C", "a", "b"]
    return sorted(names, key=lambda name: -abs(float(slopes.sel(parameter=name))))


def _promising(ds: xr.Dataset, preset: str) -> str:
    slopes = ds["cure_slope"].sel(preset=preset)
    order = ds["parameter"].values[np.argsort(-np.abs(slopes.values))]
    return ", ".join(f"{name} {float(slopes.sel(parameter=name)) / 100:+.3f}" for name in order)


def _correlation(ds: xr.Dataset, preset: str, first: str, second: str) -> float:
    return float(ds["correlation"].sel(preset=preset, parameter=first, other=second))


def _high(ds: xr.Dataset, preset: str) -> list[str]:
    """Return the pairs above 0.9 other than those that the paper names."""
    named = {("r_B", "k_B"), ("gamma_B", "k_B")}
    pairs = [pair for pair in combinations(PARAMETERS, 2) if pair not in named]
    values = {pair: _correlation(ds, preset, *pair) for pair in pairs}
    return [
        f"{first}-{second} {value:.2f}"
        for (first, second), value in values.items()
        if abs(value) > 0.9
    ]


if __name__ == "__main__":
    main()
