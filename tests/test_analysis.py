"""Global sensitivity, maps, calibration, weights, optimal regimens: truth, and bad input."""

import jax
import numpy as np
import pytest
import xarray as xr

import vcohort as vc


def ishigami(cohort):
    """Three parameters, uniform on (0.1, 0.2), stand for Ishigami's on (-pi, pi)."""
    x = [np.pi * (20 * (cohort[name] - 0.1) - 1) for name in ("r_N", "rho_C", "r_B")]
    return np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])


@pytest.fixture(scope="module")
def three():
    law = vc.Uniform(0.1, 0.2)
    return vc.Population("kimmel2021", r_N=law, rho_C=law, r_B=law)


def test_sobol_indices_of_ishigami_s_function(three):
    """Ishigami & Homma 1990: indices in closed form, for a = 7, b = 0.1."""
    a, b = 7.0, 0.1
    parts = [(1 + b * np.pi**4 / 5) ** 2 / 2, a**2 / 8, 8 * b**2 * np.pi**8 / 225]
    variance = sum(parts)
    ds = vc.sobol_indices(three, {"y": ishigami}, 4096, second_order=True, progress=False)
    one = ds.sel(output="y", parameter=["r_N", "rho_C", "r_B"], other=["r_N", "rho_C", "r_B"])
    first, total = np.array([*parts[:2], 0]), np.array([parts[0] + parts[2], parts[1], parts[2]])
    assert one["first"].values == pytest.approx(first / variance, abs=0.02)
    assert one["total"].values == pytest.approx(total / variance, abs=0.02)
    assert float(one["second"][0, 2]) == pytest.approx(parts[2] / variance, abs=0.03)
    inside = np.abs(one["first"].values - first / variance) <= 2.3 * one["first_interval"].values
    assert inside.all()
    assert ds.attrs["evaluations"] == 4096 * 8


def test_morris_of_a_linear_function(three):
    """Of a linear function every effect is its slope, and nothing spreads."""

    def linear(cohort):
        return 3 * cohort["r_N"] - 2 * cohort["rho_C"] + 0 * cohort["r_B"]

    ds = vc.morris(three, {"y": linear}, 16, progress=False).sel(output="y")
    # Between the 2.5 % and the 97.5 % quantile of (0.1, 0.2).
    expected = {"r_N": 3 * 0.095, "rho_C": -2 * 0.095, "r_B": 0.0}
    for name, slope in expected.items():
        assert float(ds["mu"].sel(parameter=name)) == pytest.approx(slope, abs=1e-9)
        assert float(ds["mu_star"].sel(parameter=name)) == pytest.approx(abs(slope), abs=1e-9)
    assert (ds["sigma"] < 1e-9).all()


class Atom:
    """A share of the patients has half the value of the others."""

    def __init__(self, value, share):
        self.value, self.share = value, share

    def quantile(self, u):
        return self.value * np.where(u < self.share, 0.5, 1.0)


ATOMS = {
    "own": lambda share: Atom(0.2, share),
    "empirical": lambda share: vc.Empirical(
        [0.1] * round(1000 * share) + [0.2] * (1000 - round(1000 * share))
    ),
}


def product(cohort):
    return 10.0 * cohort["r_N"] * (1.0 + cohort["rho_C"])


@pytest.mark.parametrize("share", [0.5, 0.2, 0.9])
@pytest.mark.parametrize("atom", ATOMS)
def test_indices_of_what_has_two_values(atom, share):
    """Of X (1 + Z), X of two values and Z uniform on (0, 1), the variances by hand."""
    law = ATOMS[atom](share)
    population = vc.Population("kimmel2021", r_N=law, rho_C=vc.Uniform(1e-9, 1.0))
    mean, square = 2.0 - share, 4.0 - 3.0 * share
    alone = {"r_N": 1.5**2 * (square - mean**2), "rho_C": mean**2 / 12}
    both = (square - mean**2) / 12
    ds = vc.sobol_indices(population, {"y": product}, 4096, seed=1).sel(output="y")
    for name, part in alone.items():
        variance = sum(alone.values()) + both
        assert float(ds["first"].sel(parameter=name)) == pytest.approx(part / variance, abs=0.03)
        total = (part + both) / variance
        assert float(ds["total"].sel(parameter=name)) == pytest.approx(total, abs=0.03)
    assert set(ds.attrs["not_varied"].split(", ")) == {*vc.presets()["kimmel2021"].values} - {
        "r_N",
        "rho_C",
    }


@pytest.mark.parametrize("share", [0.5, 0.02, 0.98, 0.001, 0.999])
@pytest.mark.parametrize("atom", ATOMS)
def test_screening_sees_what_is_rare(atom, share):
    """Between its ends the output doubles, in some of the steps of 2 / 3 of the range."""
    population = vc.Population("kimmel2021", r_N=ATOMS[atom](share), r_B=vc.Uniform(0.1, 0.2))
    ds = vc.morris(population, {"y": lambda cohort: cohort["r_N"]}, 64, levels=4, seed=1)
    one = ds.sel(output="y", parameter="r_N")
    assert (float(one["lower"]), float(one["upper"])) == (0.1, 0.2)
    assert 0.0 < float(one["mu"]) <= 0.1 / (2 / 3) + 1e-12
    assert float(ds["mu_star"].sel(output="y", parameter="r_B")) == 0.0


@pytest.mark.parametrize("share", [1e-6, 1.0 - 1e-6])
def test_a_design_that_misses_a_value_says_so(share):
    population = vc.Population("kimmel2021", r_N=Atom(0.2, share), rho_C=vc.Uniform(0.1, 0.2))
    with pytest.warns(vc.VcohortWarning, match=r"r_N: all 64 patients drawn have one value"):
        ds = vc.sobol_indices(population, {"y": product}, 16, second_order=False, seed=1)
    found = ds.sel(output="y")
    for kind in ("first", "total", "first_interval", "total_interval"):
        assert np.isnan(found[kind].sel(parameter="r_N"))
        assert np.isfinite(found[kind].sel(parameter="rho_C"))


def test_an_output_that_all_share_is_named_and_has_no_indices(three):
    outputs = {"constant": lambda cohort: np.full(len(cohort), 3.0), "y": ishigami}
    with pytest.warns(vc.VcohortWarning, match=r"^constant: all patients have one value"):
        ds = vc.sobol_indices(three, outputs, 16, second_order=True)
    assert np.isnan(ds.sel(output="constant").to_array()).all()
    assert np.isfinite(ds["total"].sel(output="y")).all()
    still = vc.morris(three, outputs, 4).sel(output="constant")
    assert (still[["mu", "mu_star", "sigma"]].to_array() == 0).all()


def test_a_measure_that_nothing_moves_is_named():
    population = vc.Population("kimmel2021-figures", r_B=vc.Uniform(0.09, 0.11))
    with pytest.warns(vc.VcohortWarning, match=r"^C_max: all patients have one value"):
        ds = vc.sobol_indices(population, ["C_max", "cure"], 8, progress=False)
    assert np.isnan(ds["total"].sel(output="C_max")).all()
    for record, kind in (("population_record", vc.Population), ("regimen_record", vc.Regimen)):
        assert kind.from_record(ds.attrs[record])


OUTPUTS = ("cure", "pfs_365", "rmst_720", "C_max", "T_max", "C_auc_28")


@pytest.fixture(scope="module")
def screened():
    population = vc.Population("kimmel2021-figures", sigma=0.1)
    return vc.morris(population, OUTPUTS, 24, levels=4, progress=False)


def test_screening_of_a_cohort(screened):
    """Sobol' and Morris find what the tumour cannot touch; units go along."""
    peak = screened["mu_star"].sel(output="C_max")
    assert (peak.sel(parameter=["gamma_B", "k_B", "r_B"]) == 0).all()
    assert (screened["mu"].sel(output="cure", parameter=["K_C", "gamma_B"]) > 0).all()
    assert (screened["mu"].sel(output="cure", parameter=["K_N", "r_B"]) < 0).all()
    assert list(screened["unit"].values) == ["1", "1", "day", "cells", "day", "cells day"]


def measured(scale=0.0, outputs=OUTPUTS):
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(8, seed=1)
    moved = cohort.replace(K_C=cohort["K_C"] * np.exp(scale))
    return cohort, vc.local_sensitivity(
        moved, [0.0, 2000.0], ["K_C"], outputs=outputs, tolerance=1e-4, progress=False
    )


@pytest.mark.slow
def test_measures_are_the_methods_own_results(run):
    """Cure, survival, restricted mean and kinetics against those of the public functions."""
    cohort, ds = measured()
    got = ds["output_value"].to_pandas()
    kinetics = run(cohort, "deterministic", endpoints=[vc.Kinetics()])
    for name, key in {"C_max": "C_max", "T_max": "T_max", "C_auc_28": "C_auc"}.items():
        assert got[name].values == pytest.approx(kinetics[key].values, rel=1e-2)
    assert got["cure"].values == pytest.approx(np.asarray(vc.cure_probability(cohort)), abs=2e-3)
    # Survival on a day, and the area under each patient's curve.
    days = np.linspace(0.0, 720.0, 721)
    curve = np.asarray(vc.progression_free_probability(cohort, days), float)
    assert got["pfs_365"].values == pytest.approx(curve[:, 365], abs=5e-3)
    area = np.trapezoid(curve, days, axis=1)
    assert got["rmst_720"].values == pytest.approx(area, abs=0.6)
    assert got["rmst_720"].mean() == pytest.approx(area.mean(), abs=0.3)


def test_slopes_of_outputs_against_differences():
    # The day of the peak is that of a parabola in a step: its derivative is only as smooth.
    smooth, step = ("cure", "rmst_720", "C_max", "C_auc_28"), 1e-5
    above, below = (measured(sign * step, smooth)[1]["output_value"].values for sign in (1, -1))
    found = measured(outputs=smooth)[1]["output_sensitivity"].values[..., 0]
    expected = (above - below) / (2 * step)
    scale = np.abs(expected).max(axis=0)
    assert found / scale == pytest.approx(expected / scale, rel=5e-3, abs=1e-4)


def test_an_inverse_parameter_turns_the_sign(figures):
    cohort = figures().sample(1)
    ds = vc.local_sensitivity(cohort, [0.0, 100.0, 200.0], ["k_B", "1/k_B"], progress=False)
    both = ds["sensitivity"].sel(parameter="k_B") + ds["sensitivity"].sel(parameter="1/k_B")
    assert np.abs(both.values).max() < 1e-12
    assert "1/k_B" in [
        label.get_text().strip("$") for label in vc.plots.sensitivity_ranking(ds).get_yticklabels()
    ]


def test_a_map_is_each_cell_s_probability_and_slope(figures):
    population = figures(0.05)
    axes = {"K_C": [6.8e10, 7.2e10], "gamma_B": [1.0, 1.15, 1.3]}
    ds = vc.sensitivity_map(population, axes, 64, seed=4, progress=False)
    assert ds["cure_probability"].dims == ("K_C", "gamma_B")
    cell = vc.Population("kimmel2021-figures", 0.05, K_C=7.2e10, gamma_B=1.0).sample(
        64, seed=4, design="sobol"
    )
    assert float(ds["cure_probability"][1, 0]) == pytest.approx(
        float(vc.cure_probability(cell).mean()), abs=1e-3
    )

    def mean(scale):
        return vc.cure_probability(cell.replace(K_N=cell["K_N"] * scale)).mean()

    found = float(ds["sensitivity"].sel(parameter="K_N")[1, 0])
    assert found == pytest.approx(float(jax.jit(jax.grad(mean))(1.0)), rel=0.01)


TRUTH = {"r_B": vc.LogNormal(0.12, 0.4), "K_C": vc.LogNormal(7.3e10, 0.2)}


@pytest.fixture(scope="module")
def recovered():
    """A synthetic trial without noise, of the same random numbers, and what is found from it."""
    days = np.arange(20.0, 721.0, 50.0)
    truth = vc.Population("kimmel2021-figures", **TRUTH).sample(1024, seed=7, design="sobol")
    exact = np.asarray(vc.progression_free_probability(truth, days)).mean(axis=0)
    curve = xr.DataArray(exact, dims="day", coords={"day": days})
    start = vc.Population("kimmel2021-figures", r_B=vc.LogNormal(0.2, 0.2))
    found = vc.calibrate(
        start,
        curve,
        ["r_B", "K_C"],
        days=days,
        n=1024,
        seed=7,
        starts=1,
        weights=True,
        progress=False,
    )
    return start, found


def test_calibration_recovers_a_synthetic_trial(recovered):
    start, found = recovered
    for name, law in TRUTH.items():
        one = found.sel(parameter=name)
        assert float(one["location"]) == pytest.approx(law.median, rel=0.01)
        assert float(one["spread"]) == pytest.approx(law.sigma, rel=0.05)
    assert found.attrs["rms_calibrated"] < 0.01
    assert found.attrs["rms_before"] > 0.1
    assert found.attrs["rms_fresh"] < 0.015
    assert found.attrs["rms_weighted"] <= found.attrs["rms_calibrated"]
    moved = vc.calibrated(start, found)
    assert moved.distributions["r_B"].median == pytest.approx(float(found["location"][0]))


def test_weights_of_greatest_entropy():
    """Matching a mean of 0.5 on 0 and 1: the weights in closed form; normal numbers are tilted."""
    ds = vc.entropy_weights(np.array([0.0, 0.0, 0.0, 1.0]), [0.5], tolerance=1e-9)
    assert ds["weight"].values == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2], rel=1e-4)
    x = np.random.default_rng(0).normal(size=20_000)
    tilted = vc.entropy_weights(x, [0.5], tolerance=1e-9)
    # The exponential tilt of a normal law to mean m costs m^2 / 2 nats.
    assert tilted.attrs["divergence"] == pytest.approx(0.125, abs=0.01)
    assert tilted["weight"].values == pytest.approx(np.exp(0.5 * x - 0.125), rel=0.15)
    assert float(tilted["weighted"][0]) == pytest.approx(0.5, abs=1e-6)


@pytest.fixture(scope="module")
def best():
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(64, seed=1, design="sobol")
    bounds = {"day": (20.0, 200.0), "survival": (0.05, 0.4), "cells": 1.8e8}
    return cohort, vc.optimize_regimen(
        cohort, bounds, max_C_max=4e10, grid=4, horizon=1000.0, progress=False
    )


def test_a_best_on_a_bound_is_told(best):
    """The fewer T cells live through lymphodepletion, the more patients are cured."""
    cohort, limited = best
    free = vc.optimize_regimen(cohort, {"day": 60.0, "survival": (0.05, 0.4)}, grid=2,
                               horizon=1000.0, progress=False)  # fmt: skip
    assert float(free["best"].sel(field="survival")) == pytest.approx(0.05, rel=1e-3)
    assert free["at_bound"].sel(field=["day", "survival"]).values.tolist() == [False, True]
    for name, low, high in (("day", 20.0, 200.0), ("survival", 0.05, 0.4)):
        value = float(limited["best"].sel(field=name))
        on_it = min(value / low, high / value) < 1.001
        assert bool(limited["at_bound"].sel(field=name)) == on_it


def test_the_best_regimen_beats_a_grid_and_keeps_its_limit(best, run):
    cohort, ds = best
    allowed = ds["objective"].values[ds["C_max"].values <= 4e10]
    assert float(ds["objective_best"]) >= allowed.max() - 1e-6
    assert float(ds["objective_best"]) > float(ds["objective_without"]) + 0.05
    assert float(ds["C_max_best"]) <= 4e10 * 1.001
    day, cells, survival = (float(ds["best"].sel(field=name)) for name in
                            ("day", "cells", "survival"))  # fmt: skip
    regimen = vc.Regimen(vc.Infusion(day, cells), vc.Lymphodepletion(day, survival))
    again = vc.cure_probability(cohort, 1000.0, regimen=regimen).mean()
    assert float(ds["objective_best"]) == pytest.approx(float(again), abs=2e-3)
    peaks = run(cohort, "deterministic", horizon=1000.0, regimen=regimen, endpoints=[vc.Kinetics()])
    assert float(ds["C_max_best"]) == pytest.approx(float(peaks["C_max"].quantile(0.95)), rel=2e-3)


GIVEN = vc.Regimen(
    vc.Infusion(0.0, 3e8), vc.Infusion([15.0, np.inf, 20.0, 25.0], 1e8),
    vc.Lymphodepletion(75.0, 0.5),
)  # fmt: skip


@pytest.mark.slow
def test_treatments_that_are_given_in_any_case():
    """The study's own come first and last; nothing of them is lost, on the same day neither."""
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(4, seed=3)
    # The middle of the days is that of a treatment which is given.
    ds = vc.optimize_regimen(
        cohort, {"day": (50.0, 100.0), "survival": (0.1, 0.9)}, "rmst_365", regimen=GIVEN, grid=3,
        horizon=800.0, progress=False,
    )  # fmt: skip
    options = {"endpoints": [vc.Outcome()], "progress": False}

    def mean_days(regimen):
        days = np.linspace(0.0, 365.0, 366)
        free = vc.progression_free_probability(cohort, days, regimen=regimen, noise=0.02)
        return float(np.trapezoid(np.asarray(free), days, axis=1).mean())

    assert float(ds["objective_without"]) == pytest.approx(mean_days(GIVEN), abs=0.5)
    day, survival = (float(ds["best"].sel(field=name)) for name in ("day", "survival"))
    best = vc.Regimen(*GIVEN.treatments, vc.Infusion(day), vc.Lymphodepletion(day, survival))
    assert float(ds["objective_best"]) == pytest.approx(mean_days(best), abs=0.5)
    corner = vc.Regimen(*GIVEN.treatments, vc.Infusion(100.0), vc.Lymphodepletion(100.0, 0.1))
    found = float(ds["objective"].sel(on_day=100.0, on_survival=0.1, method="nearest"))
    assert found == pytest.approx(mean_days(corner), abs=0.5)
    # On one day both are given: a share of a share lives.
    twice = vc.Regimen(*GIVEN.treatments[:2], vc.Infusion(75.0), vc.Lymphodepletion(75.0, 0.05))
    found = float(ds["objective"].sel(on_day=75.0, on_survival=0.1, method="nearest"))
    assert found == pytest.approx(mean_days(twice), abs=0.5)
    assert ds.attrs["regimen"] == repr(GIVEN)
    assert len(vc.simulate(cohort, "exact", regimen=best, **options)["outcome"]) == 4


def pfs(*values, days=(0.0, 100.0, 200.0)):
    return xr.DataArray(list(values), dims="day", coords={"day": list(days)})


VARIED = vc.Population("kimmel2021", 0.1)
TIED = vc.Population("kimmel2021", joint=vc.MultivariateNormal({"K_C": 7e10}, [[1e18]]))
ONE = vc.Cohort.from_values("kimmel2021")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vc.sobol_indices(VARIED, ["pfs"], 4), "Unknown measure 'pfs'"),
        (lambda: vc.sobol_indices(VARIED, "cure", 4), "no list of measures"),
        (lambda: vc.sobol_indices(VARIED, ["pfs_3000"], 4), "past the horizon"),
        (lambda: vc.sobol_indices(VARIED, n=1000), "power of 2"),
        (lambda: vc.sobol_indices(VARIED, n=True), "n = True is impossible"),
        (lambda: vc.sobol_indices(VARIED, n=1), "n = 1 is impossible"),
        (lambda: vc.sobol_indices(VARIED, n=4, confidence=1.0), "between 0 and 1"),
        (lambda: vc.sobol_indices(VARIED, {}, 4), "outputs = {} is impossible"),
        (lambda: vc.sobol_indices(VARIED, {"y": len}, 4, horizon=9.0), "horizon: of no meaning"),
        (lambda: vc.sobol_indices(VARIED, {"y": lambda c: c["K_C"] * 1j}, 4), "Output 'y'"),
        (lambda: vc.morris(VARIED, n=1), "n = 1 is impossible"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": ["7e10"], "r_B": [1]}), "must be a number"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": [True], "r_B": [1]}), "must be a number"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": [7e10], "r_B": [1]}, 0), "n = 0 is impossible"),
        (lambda: vc.sobol_indices(vc.Population("kimmel2021")), "nothing varies"),
        (lambda: vc.sobol_indices(TIED), "vary independently"),
        (lambda: vc.sobol_indices(VARIED, {"y": lambda cohort: 1.0}, 4), "shape"),
        (lambda: vc.morris(VARIED, levels=3), "even number"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": [1e10]}), "two axes"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": [1e10], "r_b": [1]}), "Did you mean 'r_B'"),
        (lambda: vc.sensitivity_map(VARIED, {"K_C": [-1.0], "r_B": [1]}), "impossible"),
        (lambda: vc.calibrate(VARIED, [1.0, 0.5], ["r_B"]), "must be a DataArray"),
        (lambda: vc.calibrate(VARIED, pfs(1, 0.5, 0.6), ["r_B"]), "must fall"),
        (lambda: vc.calibrate(VARIED, pfs(1, np.nan, 0.6), ["r_B"]), "not finite"),
        (lambda: vc.calibrate(VARIED, pfs(1, 0.8, 0.6), ["r_b"]), "Did you mean 'r_B'"),
        (lambda: vc.calibrate(VARIED, pfs(1, 0.8, 0.6), "r_B"), "no list of parameters"),
        (lambda: vc.calibrate(VARIED, pfs(1, 0.8, 0.6), ["r_B"], days=[0, 300]), "last day"),
        (lambda: vc.calibrate(TIED, pfs(1, 0.8, 0.6), ["r_B"]), "independently"),
        (lambda: vc.entropy_weights([0.0, 1.0], [2.0]), "no weights reach it"),
        (lambda: vc.entropy_weights([0.0, np.nan], [0.5]), "finite"),
        (lambda: vc.entropy_weights([0.0, 1.0], [0.5, 0.5]), "as many targets"),
        (lambda: vc.optimize_regimen(ONE, {"dya": (1, 2)}), "Did you mean 'day'"),
        (lambda: vc.optimize_regimen(ONE, {"survival": (0.1, 1)}), "has no 'day'"),
        (lambda: vc.optimize_regimen(ONE, {"day": 5.0}), "Every field is fixed"),
        (lambda: vc.optimize_regimen(ONE, {"day": (9, 5)}), "smaller one first"),
        (lambda: vc.optimize_regimen(ONE, {"day": (1, 5)}, "cures"), "Unknown objective"),
        (lambda: vc.optimize_regimen(ONE, {"day": (1, np.nan)}), "smaller one first"),
        (lambda: vc.optimize_regimen(ONE, {"day": (1, 5, 9)}), "two numbers, or one, not 3"),
        (lambda: vc.optimize_regimen(ONE, {"day": 0, "survival": (0.1, 1)}), "within 0.001"),
        (lambda: vc.optimize_regimen(ONE, {"day": "5"}), "bounds of day = '5'"),
        (lambda: vc.optimize_regimen(ONE, ["day"]), "bounds = "),
        (lambda: vc.optimize_regimen(ONE, {"day": (1, 5)}, grid=1), "grid = 1"),
        (
            lambda: vc.optimize_regimen(
                ONE, {"day": 9, "survival": (0.1, 1)}, regimen=vc.Regimen(vc.Infusion(9))
            ),
            "two of Infusion on day 9",
        ),
        (lambda: vc.optimize_regimen(ONE, {"day": (1, 5)}, regimen="weekly"), "is no regimen"),
        (lambda: vc.local_sensitivity(ONE, [0, 100], outputs=["pfs_365"]), "past the horizon"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(vc.VcohortError, match=message):
        call()
