"""All pictures, drawn of small datasets made by hand, some of them hard: what tests look at."""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import vcohort as vc
from tests.test_plots import MAP, fit_of
from vcohort import data, plots

LONG = "a second infusion on day 60, after lymphodepletion with fludarabine and cyclophosphamide"

VISITS = [0.0, 14.0, 28.0, 91.0, 182.0, 365.0, 720.0]
PARAMETERS = ["r_N", "rho_C", "K_N", "K_C", "a", "b", "r_B", "gamma_B", "k_B"]


@cache
def cohort(count=60):
    """Patients of one infusion and a second, with all that a run can read off."""
    patients = vc.Population("zuma1").sample(count, seed=3)
    regimen = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))
    ends = [vc.Nadir(), vc.Kinetics(), vc.Response((28.0, 91.0)), vc.BestResponse()]
    return vc.simulate(
        patients, "hybrid", 720.0, regimen=regimen, save_at=VISITS, endpoints=ends, seed=3,
        tolerance=1e-2, progress=False,
    )  # fmt: skip


def swept(shape=(5, 6, 4), third="r_B"):
    """A sweep over two axes in even ratios and a third."""
    first, second = np.geomspace(2e10, 8e10, shape[0]), np.geomspace(0.5, 2.0, shape[1])
    values = np.linspace(0.061, 0.123, shape[2])
    rank = np.linspace(0.0, 1.0, shape[0])[:, None, None] + np.linspace(0.0, 1.0, shape[1])[:, None]
    cure = np.clip(rank / 2.0 - np.linspace(0.0, 0.2, shape[2]), 0.0, 1.0)
    over, about = ("K_C", "gamma_B", third), {"units": "1", "long_name": "mean P(cure), exact"}
    return xr.Dataset(
        {"cure_probability": (over, cure, about),
         "cure_probability_error": (over, 0.02 + 0.0 * cure),
         "steps": (over, np.ones(shape, int))},
        {"K_C": ("K_C", first, {"units": "cells"}),
         "gamma_B": ("gamma_B", second, {"units": "/day"}),
         third: (third, values, {"units": "/day"})},
    )  # fmt: skip


def dosed():
    """A sweep over the dose, and over another name."""
    over, about = ("C0", "r_B"), {"units": "1", "long_name": "mean P(cure), exact"}
    dose, rate = np.geomspace(2e7, 2e9, 7), np.array([0.06, 0.1, 0.2])
    cure = 1.0 / (1.0 + (3e8 / dose[:, None]) * (rate / 0.1))
    day = np.array([90.0, 365.0])
    pfs = np.stack([cure, 0.9 * cure], axis=-1)
    return xr.Dataset(
        {"cure_probability": (over, cure, about), "steps": (over, np.ones(cure.shape, int)),
         "pfs": ((*over, "day"), pfs, {"units": "1", "long_name": "progression-free survival"})},
        {"C0": ("C0", dose, {"units": "cells"}), "r_B": ("r_B", rate, {"units": "/day"}),
         "day": ("day", day, {"units": "day"})},
    )  # fmt: skip


def local():
    """Derivatives of two outputs of one patient, and of P(cure)."""
    count = len(PARAMETERS)
    slope = np.linspace(-1.0, 2.0, count)
    return xr.Dataset(
        {"ranking": (("patient", "parameter"), [np.geomspace(1e-3, 1.0, count)]),
         "cure_sensitivity": (("patient", "parameter"), [slope]),
         "output_sensitivity": (("patient", "output", "parameter"), [[slope, 1e9 * slope]]),
         "output_value": (("patient", "output"), [[0.4, 2e10]])},
        {"patient": ["P$1$"], "parameter": PARAMETERS, "output": ["cure", "C_max"]},
    )  # fmt: skip


def indices():
    """Sobol' indices."""
    total = np.linspace(0.01, 0.6, len(PARAMETERS))
    shares = {"first": 0.8 * total, "total": total}
    shares |= {f"{name}_interval": 0.1 * value for name, value in shares.items()}
    over = ("output", "parameter")
    return xr.Dataset({name: (over, [value]) for name, value in shares.items()},
                      {"output": ["cure"], "parameter": PARAMETERS})  # fmt: skip


def screened():
    """Morris' effects, some of them alike."""
    effect = np.concatenate([np.zeros(4), np.linspace(0.1, 0.6, len(PARAMETERS) - 4)])
    over = ("output", "parameter")
    return xr.Dataset({name: (over, [effect]) for name in ("mu_star", "sigma")},
                      {"output": ["cure"], "parameter": PARAMETERS})  # fmt: skip


def correlations():
    """Correlations of estimates."""
    matrix = np.cos(np.subtract.outer(np.arange(9.0), np.arange(9.0)))
    return xr.Dataset({"correlation": (("parameter", "other"), matrix)},
                      {"parameter": PARAMETERS, "other": PARAMETERS})  # fmt: skip


def profiled():
    """Profiles of seven parameters, of wide and of narrow ones."""
    names = PARAMETERS[:7]
    width = np.geomspace(0.02, 3.0, 7)[:, None]
    centre = np.geomspace(1e-3, 7e10, 7)[:, None]
    value = centre * np.exp(width * np.linspace(-1.0, 1.0, 15))
    deviance = 6.0 * np.linspace(-1.0, 1.0, 15) ** 2 + 0.0 * value
    one = ("patient", "parameter")
    return xr.Dataset(
        {"value": ((*one, "point"), value[None]), "deviance": ((*one, "point"), deviance[None]),
         "estimate": (one, centre.T), "lower": (one, (centre * np.exp(-0.8 * width)).T),
         "upper": (one, (centre * np.exp(0.8 * width)).T)},
        {"patient": ["a_patient$"], "parameter": names, "unit": ("parameter", ["cells"] * 7)},
        {"level": 3.84},
    )  # fmt: skip


def chains():
    """Posteriors of seven parameters, of wide and of narrow ones."""
    rng = np.random.default_rng(1)
    draws = {
        name: (("chain", "draw", "patient"),
               centre * np.exp(width * rng.standard_normal((2, 200, 1))), {"units": "cells"})
        for name, centre, width in zip(PARAMETERS, np.geomspace(1e-3, 7e10, 7),
                                       np.geomspace(0.01, 2.0, 7), strict=False)
    }  # fmt: skip
    return xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})


def of_population(random=("K_C", "rho_C", "gamma_B", "B0"), patients=40):
    """A fit of a population, with four starts, correlations, and a slope with a long name."""
    rng, count = np.random.default_rng(2), len(random)
    spread = np.geomspace(0.1, 0.8, count)
    spreads = (f"spread of {each}" for each in random)
    quantity = [*random, "slope of rho_C with (AGE / median)", *spreads,
                "correlation of gamma_B and rho_C", "error of C_per_ul"]  # fmt: skip
    end = np.concatenate([np.geomspace(1e-2, 9e10, count), [-1.0], spread, [0.4, 0.3]])
    left = np.exp(-np.arange(30.0) / 5.0)[None, :, None]
    trace = end * (1.0 + 0.5 * left * rng.uniform(-1.0, 1.0, (4, 1, end.size)))
    return xr.Dataset(
        {"trace": (("start", "turn", "quantity"), trace), "estimate": ("quantity", end),
         "random_effect": (("patient", "random"), spread * rng.normal(0.0, 0.9, (patients, count))),
         "effect_covariance": (("random", "other_random"), np.diag(spread**2)),
         "shrinkage": ("random", np.linspace(0.05, 0.97, count))},
        {"quantity": quantity, "random": list(random), "other_random": list(random)},
    )  # fmt: skip


def checked(limit=1.0):
    """Diagnostics of two observables, the first of which has values below the limit."""
    rng, days = np.random.default_rng(3), np.array([7.0, 14.0, 28.0, 60.0, 90.0])
    over = ("patient", "observation")
    names = np.array([["C_per_ul"] * 5 + ["B_ml"] * 5] * 40)
    middle = np.array([30.0, 60.0, 12.0, 2.0, 1.2, 90.0, 85.0, 80.0, 75.0, 70.0])
    own = middle * np.exp(0.4 * rng.standard_normal((40, 1)))
    value = own * np.exp(0.3 * rng.standard_normal((40, 10)))
    below = (value < limit) & (names == "C_per_ul")
    residual = np.where(below, np.nan, rng.standard_normal((40, 10)))
    bins = middle.reshape(2, 1, 5) * np.array([[0.4], [1.0], [2.4]])
    quantiles = np.stack([bins, bins])
    share = np.array([[0.0, 0.0, 0.0, 0.1, 0.3], [0.0] * 5])
    by, drawn = ("kind", "bin"), ("correction", "kind", "quantile", "bin")
    followed = np.linspace(0.0, 500.0, 60)
    survival = 0.3 + 0.7 * np.exp(-followed / 120.0)
    return xr.Dataset(
        {"day": (over, np.tile(days, (40, 2))), "observable": (over, names),
         "value": (over, np.maximum(value, limit)), "weight": (over, np.ones((40, 10))),
         "below": (over, below), "predicted": (over, np.tile(middle, (40, 1))),
         "individual_predicted": (over, own), "corrected": (over, np.maximum(value, limit)),
         "cwres": (over, residual), "npde": (over, residual),
         "bin_day": (by, np.stack([days, days])), "below_share": (by, share),
         "below_low": (by, 0.5 * share), "below_high": (by, 1.5 * share),
         "seen": (drawn, quantiles), "low": (drawn, 0.8 * quantiles),
         "high": (drawn, 1.3 * quantiles),
         **{f"survival{name}": ("survival_day", np.clip(survival + shift, 0.0, 1.0))
            for name, shift in (("", 0.03), ("_low", -0.1), ("_middle", 0.0), ("_high", 0.1))},
         "survival_day": followed},
        {"kind": ["C_per_ul", "B_ml"], "kind_unit": ("kind", ["/ul", "ml"]),
         "kind_name": ("kind", ["CAR T cells in blood", "tumour volume"]),
         "quantile": [0.05, 0.5, 0.95], "correction": ["none", "prediction"]},
    )  # fmt: skip


def weights(patients, models):
    rows = np.random.default_rng(1).dirichlet(np.ones(models), patients)
    return xr.Dataset(
        {"weight": (("patient", "model"), rows, {"long_name": "Akaike weight by AICc"})},
        {"patient": [f"P_{index}$" for index in range(patients)],
         "model": ["gompertz+T+saturating+exponential", *(f"law {k}" for k in range(1, models))]},
    )  # fmt: skip


def calibrated():
    """A calibration's curves and targets."""
    days = np.linspace(0.0, 700.0, 8)
    names = ("before", "calibrated", "fresh", "weighted")
    curves = {"trial": ("day", 0.4 + 0.6 * np.exp(-days / 100))}
    curves |= {name: ("day", 0.4 + 0.6 * np.exp(-days / (80 + 20 * k)))
               for k, name in enumerate(names)}  # fmt: skip
    number = np.array([0.4, 0.5, 30.0])
    found = {"wanted": number, "error": 0.1 * number, "found": 1.02 * number,
             "trial_low": 0.9 * number, "trial_high": 1.1 * number,
             "on_log": np.array([False, False, True])}  # fmt: skip
    return xr.Dataset(
        {**curves, **{name: ("statistic", values) for name, values in found.items()}},
        {"day": days, "statistic": ["share cured", "complete responses", "median peak, C_max"]},
        {f"rms_{name}": 0.012 for name in names},
    )  # fmt: skip


def treated(fields):
    """A regimen's grid over some fields."""
    about = {
        "day": {"units": "day", "long_name": "day of the second infusion and depletion"},
        "survival": {"units": "1", "long_name": "share of T cells that survives depletion"},
    }
    names = list(about)[:fields]
    over = [f"on_{name}" for name in names]
    values = np.linspace(0.2, 0.5, 4**fields).reshape((4,) * fields)
    return xr.Dataset(
        {"objective": (over, values, {"long_name": "mean P(cure)"}),
         "best": ("field", [50.0, 0.3][:fields]), "objective_best": 0.6, "objective_without": 0.1},
        {f"on_{name}": (f"on_{name}", np.linspace(1.0, 4.0, 4) * (20.0, 0.2)[k], about[name])
         for k, name in enumerate(names)} | {"field": names},
    )  # fmt: skip


def arms():
    """Three arms set against each other."""
    return vc.compare({"one infusion": cohort(), LONG: cohort().isel(patient=slice(50)),
                       "none": cohort(30)}, days=[90.0, 180.0, 365.0])  # fmt: skip


def several():
    """Arms of a survival picture."""
    return {
        "one infusion": cohort(),
        LONG: cohort(30),
        "_a $third$ arm": cohort().isel(patient=slice(40)),
    }


TABLE = {"time": [10.0, 30.0, 30.0, 50.0, 90.0, 400.0], "event": [1, 0, 1, 1, 0, 0]}

DRAWN = {
    "progression_free_survival": [
        lambda: plots.progression_free_survival(cohort()),
        lambda: plots.progression_free_survival(
            {**several(), "trial": TABLE}, trial=data.progression_free_survival()
        ),
    ],
    "cumulative_incidence": [lambda: plots.cumulative_incidence(cohort())],
    "event_times": [lambda: plots.event_times(cohort())],
    "car_t_kinetics": [
        lambda: plots.car_t_kinetics(cohort()),
        lambda: plots.car_t_kinetics(cohort(), trial=data.moffitt_car_t_counts(), individuals=0),
    ],
    "trajectories": [
        lambda: plots.trajectories(cohort()),
        lambda: plots.trajectories(cohort().isel(time=slice(2))),
    ],
    "tumour_responses": [
        lambda: plots.tumour_responses(cohort(), trial={"CR": 0.54, "PR": 0.28})
    ],
    "waterfall": [
        lambda: plots.waterfall(cohort()),
        lambda: plots.waterfall(cohort(200).drop_dims("time").drop_vars("best_response")),
    ],
    "spider": [
        lambda: plots.spider(cohort()),
        lambda: plots.spider(cohort().isel(time=slice(2))),
    ],
    "swimmer": [
        lambda: plots.swimmer(cohort()),
        lambda: plots.swimmer(cohort().isel(patient=slice(3)).drop_vars("best_response")),
    ],
    "exposure_response": [
        lambda: plots.exposure_response(cohort()),
        lambda: plots.exposure_response(cohort(), "B0", "progression", groups=3),
    ],
    "patient_card": [lambda: plots.patient_card(cohort(), np.linspace(0.0, 200.0, 9))],
    "phase_portrait": [lambda: plots.phase_portrait(cohort())],
    "heatmap": [
        lambda: plots.heatmap(swept()),
        lambda: plots.heatmap(swept(), x="K_C", y="gamma_B", panels="r_B"),
        lambda: plots.heatmap(swept((5, 6, 9)), x="K_C", y="gamma_B", panels="r_B"),
    ],
    "lines": [
        lambda: plots.lines(swept(), x="K_C", by="r_B"),
        lambda: plots.lines(swept((7, 4, 6)), x="gamma_B", by="r_B", panels="K_C"),
    ],
    "cure_map": [lambda: plots.cure_map(swept((9, 9, 2)), x="K_C", y="gamma_B", trial=(0.3, 0.5))],
    "dose_response": [
        lambda: plots.dose_response(dosed()),
        lambda: plots.dose_response(dosed(), ["cure_probability", "pfs"], at={"day": 365}),
    ],
    "tornado": [lambda: plots.tornado(local()), lambda: plots.tornado(indices())],
    "sensitivity_ranking": [lambda: plots.sensitivity_ranking(local())],
    "sensitivity_correlation": [lambda: plots.sensitivity_correlation(correlations())],
    "global_sensitivity": [
        lambda: plots.global_sensitivity(indices()),
        lambda: plots.global_sensitivity(screened()),
    ],
    "sensitivity_map": [lambda: plots.sensitivity_map(MAP, ["a", "b"])],
    "regimen_map": [lambda: plots.regimen_map(treated(1)), lambda: plots.regimen_map(treated(2))],
    "calibration": [lambda: plots.calibration(calibrated())],
    "targets": [lambda: plots.targets(calibrated())],
    "forest": [lambda: plots.forest(arms())],
    "fitted_curves": [
        lambda: plots.fitted_curves(fit_of(["P_1", "a$b$c", LONG])),
        lambda: plots.fitted_curves(fit_of([f"P{index}" for index in range(20)])),
        lambda: plots.fitted_curves(fit_of(["a", "b"], models=["gompertz+T", "_none", LONG])),
    ],
    "fit_starts": [lambda: plots.fit_starts(fit_of(["P_1", "a$b$c", LONG]))],
    "random_effects": [
        lambda: plots.random_effects(of_population()),
        lambda: plots.random_effects(of_population(PARAMETERS[:6])),
        lambda: plots.random_effects(of_population(("K_C",))),
        lambda: plots.random_effects(
            of_population(), {"AGE": np.linspace(30.0, 70.0, 40), LONG: ["female", "male"] * 20}
        ),
    ],
    "convergence": [lambda: plots.convergence(of_population())],
    "goodness_of_fit": [
        lambda: plots.goodness_of_fit(checked()),
        lambda: plots.goodness_of_fit(checked(), "B_ml"),
    ],
    "predictive_check": [
        lambda: plots.predictive_check(checked(), correction="prediction"),
        lambda: plots.predictive_check(checked(0.0), "B_ml"),
    ],
    "survival_check": [lambda: plots.survival_check(checked())],
    "profiles": [lambda: plots.profiles(profiled())],
    "posterior": [lambda: plots.posterior(chains())],
    "model_weights": [
        lambda: plots.model_weights(weights(2, 4)),
        lambda: plots.model_weights(weights(30, 4)),
    ],
}  # fmt: skip
"""By the name of the picture, ways to draw it."""

CASES = [(name, place) for name, ways in DRAWN.items() for place in range(len(ways))]


@cache
def figure_of(name, place):
    """Return what a picture returns, and its figure, drawn once for all tests."""
    found = DRAWN[name][place]()
    first = found if isinstance(found, plt.Axes) else found[0]
    first.figure.canvas.draw()
    return found, first.figure
