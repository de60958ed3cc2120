"""The population that comes with the package: what it is, and that it shows what the trial did."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import binom

import vcohort as vc

ZUMA = vc.Population("zuma1")


def test_it_has_a_model_and_distributions_of_its_own():
    assert ZUMA.model == vc.car_t(memory="linear")
    baseline = vc.data.baseline_tumour_cells().values
    assert set(ZUMA.sample(500, seed=1)["B0"]) <= set(baseline)
    assert vc.Population.from_record(ZUMA.to_record()).to_record() == ZUMA.to_record()


def test_parameters_are_moved_or_replaced_as_in_any_population():
    values = ZUMA.sample(5, seed=2)
    moved = vc.Population("zuma1", k_B=1e9).sample(5, seed=2)
    ratio = moved["k_B"] / values["k_B"]
    np.testing.assert_allclose(ratio, ratio[0])
    fixed = vc.Population("zuma1", k_B=vc.Fixed(1e9))
    assert (fixed.sample(3)["k_B"] == 1e9).all()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"model": vc.car_t()}, "laws and correlations of its own"),
        ({"joint": vc.MultivariateNormal({"K_C": 7e10}, [[0.01]], log=True)}, "of its own"),
        ({"k_b": 1e9}, "Did you mean 'k_B'"),
        ({"k_B": -1.0}, "must be greater than 0"),
    ],
)
def test_what_it_cannot_be(options, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.Population("zuma1", **options)
    with pytest.raises(vc.VcohortError, match="Did you mean 'zuma1'"):
        vc.Population("zuma2")


@pytest.mark.slow
def test_fresh_patients_show_what_the_trial_showed():
    """Survival, responses and CAR T cell counts of ZUMA-1, on patients that nobody fitted."""
    cohort = ZUMA.sample(100_000, seed=31)
    visits = (28.0, 91.0, 182.0)
    ds = vc.simulate(
        cohort, "exact", 400.0, progress=False, endpoints=[vc.BestResponse(180.0)],
    )  # fmt: skip
    days = np.arange(0.0, 401.0)
    trial = vc.data.progression_free_survival().sel(day=days, method="ffill").values
    gap = vc.progression_free_survival(ds, days).values - trial
    assert np.sqrt(np.mean(gap**2)) <= 0.015
    band = vc.virtual_trials(ds, days, 101)
    assert np.mean((band["lower"] <= trial) & (trial <= band["upper"])) >= 0.9
    looks = vc.simulate(cohort, "exact", 182.0, endpoints=[vc.BestResponse(182.0, visits=visits)],
                        progress=False)  # fmt: skip
    for best in (ds["best_response"], looks["best_response"]):
        assert float((best == 0).mean()) == pytest.approx(0.54, abs=0.05)
        assert float((best <= 1).mean()) == pytest.approx(0.82, abs=0.05)
    measured = [7.0, 14.0, 28.0, 90.0]
    courses = vc.simulate(cohort.select(slice(0, 20_000)), "deterministic", 91.0, save_at=measured,
                          endpoints=[vc.Outcome()], progress=False)  # fmt: skip
    cells, counts = courses["C"] + courses["M"], vc.data.t_cell_counts()
    for p, name, near in ((0.25, "q1", 0.3), (0.5, "median", 0.15), (0.75, "q3", 0.3)):
        found = cells.quantile(p, "patient").values / vc.units.t_cells(1.0)
        wanted = counts[f"car_t_{name}"].sel(day=measured).values
        np.testing.assert_allclose(found, wanted, rtol=near, err_msg=name)


@pytest.mark.parametrize("count", [2, 500])
def test_patients_that_are_all_alike_are_told_of(count):
    alike = vc.Population("kimmel2021").sample(count)
    run = {"method": "deterministic", "horizon": 5.0, "endpoints": [vc.Outcome()]}
    with pytest.warns(vc.VcohortWarning, match=f"All {count} patients have the same parameters"):
        vc.simulate(alike, **run, progress=False)


def test_patients_that_differ_in_anything_are_not_told_of():
    run = {"method": "deterministic", "horizon": 5.0, "endpoints": [vc.Outcome()]}
    preset = vc.Population("kimmel2021")
    differ = vc.Regimen(vc.Infusion(np.array([1.0, 2.0])))
    with warnings.catch_warnings():
        warnings.simplefilter("error", vc.VcohortWarning)
        vc.simulate(preset.sample(1), **run, progress=False)
        vc.simulate(preset.sample(2), **run, regimen=differ, progress=False)
        vc.simulate(preset.replace(sigma=0.1).sample(2), **run, progress=False)
        vc.simulate(ZUMA.sample(2), **run, progress=False)


def test_virtual_trials_are_binomial():
    """Without censoring who is left of n is Binomial(n, S)."""
    cohort = vc.Population("kimmel2021-figures", r_B=vc.LogNormal(0.1, 0.5)).sample(40_000, 3)
    ds = vc.simulate(cohort, "exact", 400.0, endpoints=[vc.Outcome()], progress=False)
    days = [100.0, 200.0, 390.0]
    survival = vc.progression_free_survival(ds, days).values
    band = vc.virtual_trials(ds, days, 100)
    assert band.attrs["trials"] == 400
    for name, tail in (("lower", 0.05), ("upper", 0.95)):
        wanted = binom.ppf(tail, 100, survival) / 100
        np.testing.assert_allclose(band[name].values, wanted, atol=0.016)


@pytest.mark.parametrize(
    ("options", "match"),
    [((5, 0.9), "makes 2 trials"), ((0, 0.9), "patients = 0"), ((1, 1.5), "between 0 and 1")],
)
def test_trials_that_cannot_be(options, match):
    cohort = vc.Population("kimmel2021-figures").sample(14)
    ds = vc.simulate(cohort, "exact", 30.0, endpoints=[vc.Outcome()], progress=False)
    with pytest.raises(vc.VcohortError, match=match):
        vc.virtual_trials(ds, [9.0], *options)


def test_responses_are_drawn_as_their_shares():
    cohort = vc.Population("kimmel2021-figures", 0.2, gamma_B=0.3).sample(200, seed=4)
    ds = vc.simulate(cohort, "exact", 200.0, endpoints=[vc.BestResponse()], progress=False)
    axes = vc.plots.tumour_responses(ds, trial={"CR": 0.54, "PR": 0.28})
    best = ds["best_response"].values
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, [np.mean(best == flag) for flag in range(4)])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.54, 0.28])
    with pytest.raises(vc.VcohortError, match="Did you mean 'CR'"):
        vc.plots.tumour_responses(ds, trial={"CRR": 0.5}, axes=plt.figure().subplots())
