"""Growth laws against the T cell counts: Gompertz, generalised logistic, explicit interaction."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from common import FIGURES, Finding, main, variable, verdict
from matplotlib.figure import Figure
from scipy.optimize import least_squares

import vcohort as vc
from vcohort.plots.style import DAYS, GREY, SERIES, plain

TITLE = "Growth laws"

# What each law leaves free: growth and capacity of CAR T cells, and what is its own.
SHARED = ("r_N", "rho_C", "K_C", "a", "b")
LAWS = {"gompertz": SHARED, "logistic": (*SHARED, "c"), "interaction": (*SHARED, "delta_N")}
STARTS, DAYS_SHOWN = 256, np.linspace(0.0, 200.0, 201)
_STEP = 1e-4


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return days, normal and CAR T cells per microlitre: medians of ZUMA-1."""
    counts = vc.data.t_cell_counts()
    car = counts["car_t_median"].values
    return counts["day"].values.astype(float), counts["alc_median"].values - car, car


def counts(law: str, logs: np.ndarray, days: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """Return N and C per microlitre (candidate, 2, day) of parameters given as logs."""
    values = dict(zip(LAWS[law], np.exp(np.atleast_2d(logs)).T, strict=True))
    cohort = vc.Cohort.from_values(FIGURES, model=vc.car_t(growth=law), **values)
    ds = vc.simulate(
        cohort, "deterministic", float(days[-1]), save_at=days, dtype="float64",
        tolerance=tolerance, endpoints=[vc.Outcome()], progress=False,
    )  # fmt: skip
    return np.stack([vc.units.t_cells_per_ul(ds[state].values) for state in "NC"], axis=1)


def residuals(law: str, logs: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """Return weighted residuals (candidate, 10): the published weights 1 and 10 over the peaks."""
    days, normal, car = data()
    found = counts(law, logs, days, tolerance)
    return np.concatenate(
        [(found[:, 0] - normal) / normal.max(), np.sqrt(10.0) * (found[:, 1] - car) / car.max()],
        axis=1,
    )


def bounds(law: str) -> np.ndarray:
    """Return the logs of the bounds (parameter, 2): the usual range of each."""
    params = [vc.car_t(growth=law).param(name) for name in LAWS[law]]
    return np.log([param.usual for param in params])


def fit(law: str, starts: int, seed: int) -> tuple[float, np.ndarray]:
    """Return the least sum of squares and its parameters: many starts, the best ones refined."""
    low, high = bounds(law).T
    design = np.random.default_rng(seed).uniform(low, high, (starts, low.size))
    first = (residuals(law, design, tolerance=0.1) ** 2).sum(axis=1)

    def slope(logs: np.ndarray) -> np.ndarray:
        steps = _STEP * np.eye(low.size)
        both = residuals(law, np.concatenate([logs + steps, logs - steps]))
        return (both[: low.size] - both[low.size :]).T / (2 * _STEP)

    fits = [
        least_squares(
            lambda logs: residuals(law, logs)[0], design[index], slope, (low, high), max_nfev=60
        )
        for index in np.argsort(first)[:4]
    ]
    best = min(fits, key=lambda each: each.cost)
    return 2.0 * float(best.cost), best.x


def run(patients: int, seed: int) -> xr.Dataset:
    """Fit all laws; keep losses, parameters, curves."""
    days, *_ = data()
    fits = {law: fit(law, STARTS, seed) for law in LAWS}
    loss = np.array([value for value, _ in fits.values()])
    free = np.array([len(names) for names in LAWS.values()])
    number = 2 * days.size
    akaike = number * np.log(loss / number) + 2 * (free + 1)
    corrected = akaike + 2 * (free + 1) * (free + 2) / np.maximum(number - free - 2, 1)
    curves = np.stack([counts(law, logs, DAYS_SHOWN)[0] for law, (_, logs) in fits.items()])
    names = sorted({name for names in LAWS.values() for name in names})
    values = np.full((len(LAWS), len(names)), np.nan)
    for row, (law, (_, logs)) in enumerate(fits.items()):
        for name, value in zip(LAWS[law], np.exp(logs), strict=True):
            values[row, names.index(name)] = value
    return xr.Dataset(
        {
            "loss": variable(loss, "law", "1", "weighted sum of squares"),
            "aic": variable(akaike, "law", "1", "Akaike's information criterion"),
            "aicc": variable(corrected, "law", "1", "the same, for small samples"),
            "curve": variable(curves, ("law", "state", "time"), "cells/ul", "fitted T cells"),
            "value": variable(values, ("law", "parameter"), "as the parameter", "best value"),
        },
        {
            "law": list(LAWS), "state": ["N", "C"], "parameter": names,
            "time": variable(DAYS_SHOWN, "time", "day", "days since the first infusion"),
        },
    )  # fmt: skip


def draw(ds: xr.Dataset) -> Figure:
    """Draw the fitted laws over the counts."""
    figure, panels = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
    days, *observed = data()
    titles = ("normal T cells per µl", "CAR T cells per µl")
    for axes, state, truth, title in zip(panels, "NC", observed, titles, strict=True):
        for law, colour, style in zip(LAWS, SERIES, ("-", "--", "-."), strict=False):
            plain(axes).plot(ds["time"], ds["curve"].sel(law=law, state=state), style,
                             color=colour, label=law)  # fmt: skip
        axes.plot(days, truth, "o", color=GREY, label="ZUMA-1, median")
        axes.set(xlabel=DAYS, ylabel=title)
    panels[1].set(yscale="log", ylim=(5e-3, 1e2))
    panels[0].legend(frameon=False)
    return figure


def compare(ds: xr.Dataset) -> list[Finding]:
    """Say which law the data choose."""

    def each(name: str, form: str) -> str:
        return ", ".join(f"{law} {float(ds[name].sel(law=law)):{form}}" for law in LAWS)

    exponent = float(ds["value"].sel(law="logistic", parameter="c"))
    lowest = vc.car_t(growth="logistic").param("c").usual[0]
    first = str(ds["law"].values[int(np.argmin(ds["aicc"].values))])
    return [
        Finding(
            "the fit of the generalised logistic ends at Gompertz, c at its lower bound (3b)",
            "c at the lowest possible value",
            f"best c = {exponent:.3g}, bounds from {lowest:g}",
            verdict(exponent < 1.5 * lowest),
        ),
        Finding(
            "an information criterion chooses Gompertz (section 2)",
            "Gompertz",
            f"AICc: {each('aicc', '.1f')}; losses: {each('loss', '.2g')}",
            verdict(first == "gompertz"),
            "Ten data against five or six parameters: the criterion rests on its small-sample "
            "term.",
        ),
        Finding(
            "predation of CAR T cells by normal T cells was discarded (3c)",
            "discarded on statistical grounds",
            f"loss {float(ds['loss'].sel(law='interaction')):.2g} against "
            f"{float(ds['loss'].sel(law='gompertz')):.2g} of Gompertz, with one parameter more",
            verdict(
                float(ds["aicc"].sel(law="interaction")) > float(ds["aicc"].sel(law="gompertz"))
            ),
        ),
    ]


if __name__ == "__main__":
    main()
