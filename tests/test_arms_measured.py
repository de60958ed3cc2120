"""What arms are compared by: medians, peaks, responses, exact cures, several populations."""

import json
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import scipy
import xarray as xr

import vcohort as vc
from tests.conftest import FEW, Z_LIMIT
from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED

AGAIN = vc.Regimen(vc.Infusion(60.0), vc.Lymphodepletion(60.0, 0.01))
RUN = vc.Run(method="exact", horizon=700.0, endpoints=FEW)


def trial_of(days, labels=None, horizon=1000.0, **more):
    """Return a cohort by hand: those with a day beyond the horizon are undecided."""
    days = np.asarray(days, float)
    progressed = days <= horizon
    variables = {
        "outcome": ("patient", np.where(progressed, PROGRESSION, UNDECIDED).astype(np.int8)),
        "event_time": ("patient", np.minimum(days, horizon)),
        **{name: ("patient", np.asarray(values)) for name, values in more.items()},
    }
    labels = np.arange(days.size) if labels is None else labels
    return xr.Dataset(variables, {"patient": labels}, {"horizon": horizon})


def rows(ds, arm="two"):
    return ds.sel(arm=arm)


@pytest.fixture(scope="module")
def cohort():
    return vc.Population("kimmel2021-figures", 0.1).sample(3000, seed=1)


def test_treatments_are_compared_by_exact_probabilities_too(cohort):
    ds = rows(vc.compare({"one": vc.Regimen(), "two": AGAIN}, cohort=cohort, run=RUN))
    exact = [np.asarray(vc.cure_probability(cohort, 700.0, regimen=each), float)
             for each in (None, AGAIN)]  # fmt: skip
    here = ds.sel(statistic="cure_probability")
    assert float(here["difference"]) == pytest.approx((exact[1] - exact[0]).mean(), rel=1e-6)
    error = (exact[1] - exact[0]).std(ddof=1) / np.sqrt(3000)
    assert float(here["difference_error"]) == pytest.approx(error, rel=1e-6)
    # Chance is drawn about the probabilities: the shares differ from them by no more than it.
    drawn = float(ds["difference"].sel(statistic="cure"))
    chance = np.sqrt(sum((each * (1 - each)).mean() for each in exact) / 3000)
    assert abs(drawn - float(here["difference"])) < Z_LIMIT * chance


@pytest.mark.parametrize("is_paired", [True, False])
def test_the_error_of_medians_is_that_of_the_bootstrap(is_paired):
    random = np.random.default_rng(1)
    base = random.exponential(300.0, 2000)
    two = base * random.lognormal(0.3, 0.2, 2000)
    labels = np.arange(2000) + (0 if is_paired else 10_000)
    ds = rows(vc.compare({"one": trial_of(base), "two": trial_of(two, labels)}))
    here = ds.sel(statistic="median")
    assert float(here["difference"]) == np.sort(two)[999] - np.sort(base)[999]
    assert bool(ds["paired"]) is is_paired
    again = []
    for _ in range(600):
        chosen = random.integers(0, 2000, 2000)
        other = chosen if is_paired else random.integers(0, 2000, 2000)
        again.append(np.median(two[other]) - np.median(base[chosen]))
    np.testing.assert_allclose(here["difference_error"], np.std(again, ddof=1), rtol=0.2)


def test_the_median_is_that_of_kaplan_and_meier(cohort):
    ds = vc.simulate(cohort, run=RUN, progress=False)
    found = vc.compare({"one": ds, "two": ds}).sel(arm="one", statistic="median")["value"]
    assert float(found) == vc.median_survival(ds)


def test_a_median_that_is_not_reached_is_infinite_and_differs_by_nothing_known():
    few = trial_of([10.0, 20.0, 5000.0, 5000.0, 5000.0])
    ds = rows(vc.compare({"one": trial_of([1.0, 2.0, 3.0, 4.0, 5.0]), "two": few}, days=[15.0]))
    here = ds.sel(statistic="median")
    assert np.isinf(here["value"]) and np.isnan(here["difference"]) and np.isnan(here["lower"])


def test_peaks_and_responses_are_counted_by_hand():
    one = {"C_max": [1.0, 2.0, 3.0, 4.0], "best_response": [0, 1, 2, 3],
           "response_day_30": [1, 1, 2, 3]}  # fmt: skip
    two = {"C_max": [2.0, 2.0, 5.0, 4.0], "best_response": [0, 0, 0, 1],
           "response_day_30": [0, 1, 1, -1]}  # fmt: skip
    days = [10.0, 20.0, 30.0, 40.0]
    ds = rows(vc.compare({"one": trial_of(days, **one), "two": trial_of(days, **two)}, days=[15.0]))
    expected = {"C_max": (3.25, 0.75), "complete_response": (0.75, 0.5),
                "overall_response": (1.0, 0.5), "complete_response_30": (0.25, 0.25),
                "overall_response_30": (0.75, 0.25)}  # fmt: skip
    for name, (value, difference) in expected.items():
        here = ds.sel(statistic=name)
        assert float(here["value"]) == value and float(here["difference"]) == difference
        assert str(here["unit"].item()) == ("cells" if name == "C_max" else "1")


def test_what_the_arms_mean_different_things_by_is_left_out():
    short, long = (trial_of([10.0, 2000.0], best_response=[0, 1]) for _ in range(2))
    short["best_response"].attrs["long_name"] = "best tumour response until day 90"
    long["best_response"].attrs["long_name"] = "best tumour response until day 180"
    ds = vc.compare({"one": short, "two": long})
    assert "complete_response" not in ds["statistic"]


@pytest.mark.parametrize(
    "other",
    [{"visits": [28, 91]}, {"detection_limit": 1e9}, {"partial": 0.3}, {"until": 90.0}],
    ids=str,
)
def test_responses_that_were_judged_otherwise_are_left_out(other, cohort):
    few = cohort.select(slice(0, 20))

    def arm(**judged):
        ends = [vc.BestResponse(**judged)]
        if "visits" not in judged:
            ends.append(vc.Response((28.0,), **{k: v for k, v in judged.items() if k != "until"}))
        return vc.simulate(few, "exact", 200.0, endpoints=ends, progress=False)

    one = arm()
    assert "overall_response" in vc.compare({"one": one, "same": arm()})["statistic"]
    found = vc.compare({"one": one, "other": arm(**other)})["statistic"].values.tolist()
    assert "overall_response" not in found
    assert ("overall_response_28" in found) == ("until" in other)


@pytest.mark.parametrize("has_days", [True, False])
def test_peaks_after_the_shortest_horizon_are_left_out(has_days):
    """A second infusion after the end of the other arm is none of its peaks."""
    long, short = (trial_of([10.0, 90.0], horizon=last, C_max=[2.0, 8.0], T_max=[8.0, 70.0])
                   for last in (100.0, 30.0))  # fmt: skip
    short["T_max"].values[:] = 8.0
    early = long.assign(T_max=short["T_max"])
    if not has_days:
        long, short, early = (each.drop_vars("T_max") for each in (long, short, early))
    assert "C_max" not in vc.compare({"long": long, "short": short})["statistic"]
    assert ("C_max" in vc.compare({"long": early, "short": short})["statistic"]) == has_days
    assert "C_max" in vc.compare({"long": long, "too": long})["statistic"]


def test_an_arm_without_chance_is_told_of():
    one = trial_of([10.0, 20.0]).assign_attrs(method="exact")
    with pytest.warns(vc.VcohortWarning, match="Chance has no part in two"):
        vc.compare({"one": one, "two": one.assign_attrs(method="deterministic")}, days=[15.0])


@pytest.mark.parametrize("is_paired", [True, False])
@pytest.mark.parametrize("share", [0.003, 0.5])
def test_intervals_of_shares_cover_also_near_none(is_paired, share):
    random = np.random.default_rng(3)
    hits, tries, n = 0, 400, 150
    labels = np.arange(n) + (0 if is_paired else n)
    for _ in range(tries):
        flags = random.random((2, n)) < np.array([[share], [1.5 * share]])
        one, two = (np.where(each, 10.0, 5000.0) for each in flags)
        row = rows(vc.compare({"one": trial_of(one), "two": trial_of(two, labels)}, days=[20.0]))
        here = row.sel(statistic="progression")
        hits += float(here["lower"]) <= 0.5 * share <= float(here["upper"])
    # Not less than asked for, but for chance; the adjusted intervals err on the wide side.
    assert hits / tries > 0.95 - Z_LIMIT * np.sqrt(0.95 * 0.05 / tries)


def test_none_of_a_few_is_no_certainty():
    alike = trial_of(np.full(20, 5000.0))
    ds = rows(vc.compare({"one": alike, "two": alike}, days=[100.0]))
    most = 1 - scipy.stats.beta.ppf(0.025, 20, 1)
    for name, reach in (("rmst_100", 100.0 * most), ("pfs_100", 0.0)):
        here = ds.sel(statistic=name)
        assert float(here["difference"]) == 0 and float(here["upper"]) == -float(here["lower"])
        assert float(here["upper"]) >= max(reach - 1e-9, 0.05)


def test_patients_of_another_population_are_no_pairs(cohort):
    """They have the same numbers and the same seed."""
    with_dose = cohort.replace(C0=np.asarray(cohort["C0"]) / 2)
    other = vc.Population("kimmel2021-figures", 0.2).sample(len(cohort), seed=1)
    cohorts = {"one": cohort, "dose": with_dose, "other": other}
    arms = {name: vc.simulate(each, run=RUN, progress=False) for name, each in cohorts.items()}
    with pytest.warns(vc.VcohortWarning, match=r"different populations \(sigma differ"):
        ds = vc.compare(arms)
    assert ds["paired"].values.tolist() == [True, True, False]
    with pytest.warns(vc.VcohortWarning, match="different populations"):
        vc.Trial(arms, 20).predict(trials=20)
    vc.compare({name: arms[name] for name in ("one", "dose")})


@pytest.mark.parametrize("change", ["seed", "no labels", "twice", "other labels"])
def test_only_the_same_patients_are_pairs(change, cohort):
    one = vc.simulate(cohort.select(slice(0, 50)), run=RUN, progress=False)
    two = {
        "seed": one.assign_attrs(cohort_seed="2"), "no labels": one.drop_vars("patient"),
        "twice": one.isel(patient=[0, *range(49)]),
        "other labels": one.assign_coords(patient=np.arange(50) + 1),
    }[change]  # fmt: skip
    assert bool(rows(vc.compare({"one": one, "again": one}), "again")["paired"])
    assert not bool(rows(vc.compare({"one": one, "two": two}))["paired"])


def test_the_difference_is_that_of_the_values_whoever_is_missing(cohort):
    one = vc.simulate(cohort.select(slice(0, 300)), run=RUN, progress=False)
    shuffled = one.isel(patient=np.random.default_rng(1).permutation(300)).copy(deep=True)
    broken = shuffled.copy(deep=True)
    broken["outcome"][:40] = -1
    with pytest.warns(vc.VcohortWarning, match="40 of 300"):
        ds = vc.compare({"one": one, "two": shuffled, "three": broken})
    assert ds["patients"].values.tolist() == [260] * 3
    known = np.isin(one["patient"], broken["patient"][40:])
    cured = float((one["outcome"] == CURE)[known].mean())
    np.testing.assert_allclose(ds["value"].sel(statistic="cure"), cured)
    finite = ds.drop_sel(statistic="median")
    base = finite["value"].sel(arm="one")
    np.testing.assert_allclose(finite["difference"], finite["value"] - base, atol=1e-9)


def test_no_patient_known_in_all_arms_is_refused(cohort):
    ds = vc.simulate(cohort.select(slice(0, 20)), run=RUN, progress=False)
    first, last = (ds.where(each) for each in (ds["patient"] < 10, ds["patient"] >= 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", vc.VcohortWarning)
        with pytest.raises(vc.VcohortError, match="none has an outcome in all"):
            vc.compare({"one": first, "two": last})


def test_progression_that_means_another_thing_is_told_of():
    one = trial_of([10.0, 20.0]).assign_attrs(progression=1.2)
    with pytest.warns(vc.VcohortWarning, match=r"progression differs \(one: 1.2, two: 1.5\)"):
        vc.compare({"one": one, "two": one.assign_attrs(progression=1.5)}, days=[15.0])


def test_arms_over_more_than_patients_are_refused():
    one = trial_of([10.0, 20.0])
    for other in (xr.concat([one, one], "cell"), one.isel(patient=0)):
        with pytest.raises(vc.VcohortError, match="not over patients alone"):
            vc.compare({"one": one, "two": other}, days=[15.0])


def test_several_populations_tell_how_sure_the_parameters_are():
    cohorts = [vc.Population("kimmel2021-figures", 0.1, K_C=centre).sample(400, seed=1)
               for centre in (6e10, 6.5e10, 7e10, 7.5e10)]  # fmt: skip
    arms = {"one": vc.Regimen(), "two": AGAIN}
    ds = rows(vc.compare(arms, cohort=cohorts, run=RUN, confidence=0.5))
    each = [rows(vc.compare(arms, cohort=one, run=RUN))["difference"] for one in cohorts]
    each = np.stack([one.sel(statistic="cure_probability") for one in each])
    here = ds.sel(statistic="cure_probability")
    np.testing.assert_allclose(here["difference_of_each"], each)
    assert float(here["difference"]) == pytest.approx(each.mean())
    low, high = np.quantile(each, [0.25, 0.75])
    assert float(here["parameter_lower"]) == pytest.approx(low)
    assert float(here["parameter_upper"]) == pytest.approx(high)


def test_populations_are_drawn_as_a_fit_says():
    names = ["r_B", "K_C"]
    fit = xr.Dataset(
        {"estimate": (("patient", "parameter"), [[0.1, 7e10]]),
         "standard_error": (("patient", "parameter"), [[0.02, 7e9]]),
         "correlation": (("patient", "parameter", "other"), [[[1.0, 0.8], [0.8, 1.0]]])},
        {"patient": ["median"], "parameter": names, "other": names}, {"kind": "fit"},
    )  # fmt: skip
    population = vc.Population("kimmel2021-figures", 0.1)
    drawn = vc.drawn_populations(population, fit, 2000, seed=1)
    logs = np.log([[float(each.overrides[name]) for name in names] for each in drawn])
    np.testing.assert_allclose(logs.mean(axis=0), np.log([0.1, 7e10]), atol=0.02)
    np.testing.assert_allclose(logs.std(axis=0), [0.2, 0.1], rtol=0.1)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.8, abs=0.05)
    assert all(each.sigma == 0.1 for each in drawn)
    unsure = fit.copy(deep=True)
    unsure["standard_error"][0, 1] = np.nan
    both = xr.concat([fit, fit.assign_coords(patient=["q1"])], "patient")
    for wrong, message in ((unsure, "How sure K_C is"), (both, "choose one"), (3, "nothing")):
        with pytest.raises(vc.VcohortError, match=message):
            vc.drawn_populations(population, wrong)


ROOT = np.array([[0.2, 0.0], [0.1, 0.3]])
PLACES = np.log([7e10, 0.03, 0.1])


def population_fit(**changed):
    """A fit of two parameters that correlate and a fixed one, of a model, made by hand."""
    names, quantity = ["K_C", "rho_C", "r_B"], [
        "K_C", "rho_C", "r_B", "rho_C of AGE", "spread of K_C", "spread of rho_C",
        "correlation of rho_C and K_C", "error of C_per_ul",
    ]  # fmt: skip
    roles = ["typical"] * 3 + ["covariate"] + ["spread"] * 2 + ["correlation", "error"]
    vector = np.array([*PLACES, -1.0, *np.log(np.diag(ROOT)), ROOT[1, 0], np.log(0.3)])
    sd = np.array([0.05, 0.1, 0.2, 0.3, 0.15, 0.1, 0.02, 0.1])
    tied = np.eye(8)
    tied[0, 1] = tied[1, 0] = 0.6
    return xr.Dataset(
        {"estimate": ("quantity", [7e10, 0.03, 0.1, -1.0, 0.2, 0.3, 0.3, 0.3]),
         "standard_error": ("quantity", changed.get("error", sd)), "vector": ("number", vector),
         "vector_covariance": (("number", "other_number"), tied * np.outer(sd, sd)),
         "covariate_shift": (("patient", "parameter"), np.zeros((5, 3))),
         "effect_covariance": (("random", "other_random"), ROOT @ ROOT.T)},
        {"quantity": quantity, "role": ("quantity", roles), "parameter": names,
         "scale": ("parameter", ["log"] * 3), "random": names[:2]},
        {"kind": "population_fit", "asked": json.dumps({"covariance": [names[:2]]}),
         "population_record": json.dumps(vc.Population("kimmel2021-figures").to_record())},
    )  # fmt: skip


def test_populations_are_drawn_as_a_fit_of_a_population_says():
    """Typical values, spreads and the correlation; what was not fitted is the population's own."""
    fit = population_fit()
    own = vc.fitted_population(fit)
    drawn = vc.drawn_populations(own, fit, 4000, seed=1)
    typical = np.log([[*each.joint.centre, each.overrides["r_B"].value] for each in drawn])
    np.testing.assert_allclose(typical.mean(axis=0), PLACES, atol=0.02)
    np.testing.assert_allclose(typical.std(axis=0), [0.05, 0.1, 0.2], rtol=0.06)
    assert np.corrcoef(typical.T)[0, 1] == pytest.approx(0.6, abs=0.04)
    root = np.linalg.cholesky([each.joint.covariance for each in drawn])
    for place, sd in ((0, 0.15), (1, 0.1)):
        logs = np.log(root[:, place, place])
        assert logs.mean() == pytest.approx(np.log(ROOT[place, place]), abs=0.01)
        assert logs.std() == pytest.approx(sd, rel=0.06)
    assert root[:, 1, 0].mean() == pytest.approx(0.1, abs=0.002)
    assert root[:, 1, 0].std() == pytest.approx(0.02, rel=0.06)
    (other,) = vc.drawn_populations(own.replace(gamma_B=vc.LogNormal(1.0, 0.4)), fit, 1, seed=1)
    assert other.overrides["gamma_B"] == vc.LogNormal(1.0, 0.4)
    assert other.joint.centre.tolist() == drawn[0].joint.centre.tolist()


def test_what_a_fit_of_a_population_does_not_tell_is_refused():
    fit, own = population_fit(), vc.fitted_population(population_fit())
    unsure = population_fit(error=[0.1, 0.1, 0.1, 0.1, np.nan, 0.1, 0.1, 0.1])
    another = vc.Population("kimmel2021-figures", joint=vc.MultivariateNormal(
        {"a": 0.4, "b": 0.5}, np.diag([0.01, 0.01]), log=True))  # fmt: skip
    function = fit.copy()
    del function.attrs["population_record"]
    for wrong, base, options, message in (
        (unsure, own, {}, "How sure spread of K_C"), (fit, another, {}, "a, b of the population"),
        (fit, own, {"patient": 1}, "of all patients"), (function, own, {}, "function of your own"),
    ):  # fmt: skip
        with pytest.raises(vc.VcohortError, match=message):
            vc.drawn_populations(base, wrong, **options)


def test_populations_are_drawn_from_a_posterior_and_a_calibration():
    draws = xr.Dataset(
        {"r_B": (("chain", "draw", "patient"), np.linspace(0.05, 0.15, 12).reshape(2, 6, 1)),
         "scale": (("chain", "draw", "patient"), np.ones((2, 6, 1)))}, {"patient": ["p"]},
    )  # fmt: skip
    tree = xr.DataTree.from_dict({"/": xr.Dataset(attrs={"kind": "posterior"}), "posterior": draws})
    population = vc.Population("kimmel2021-figures", 0.1)
    found = [float(each.overrides["r_B"]) for each in vc.drawn_populations(population, tree, 12)]
    np.testing.assert_allclose(sorted(found), np.linspace(0.05, 0.15, 12))
    calibration = xr.Dataset(
        {"location": ("parameter", [0.1]), "location_error": ("parameter", [0.3])},
        {"parameter": ["r_B"]}, {"kind": "calibration"},
    )  # fmt: skip
    found = vc.drawn_populations(population, calibration, 2000)
    logs = np.log([float(each.overrides["r_B"]) for each in found])
    assert logs.mean() == pytest.approx(np.log(0.1), abs=0.03)
    assert logs.std() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    ("arms", "options", "message"),
    [
        ({"one": vc.Regimen(), "two": 3}, {"cohort": "cohort"}, "arm 'two' = 3"),
        ({"one": vc.Regimen(), "two": AGAIN}, {}, "whose"),
        ({"one": vc.Regimen(), "two": AGAIN}, {"cohort": vc.Population("kimmel2021")}, "Cohort is"),
        ({"one": vc.Regimen(), "two": AGAIN}, {"cohort": []}, "empty list"),
        ({"one": vc.Regimen(), "two": AGAIN}, {"cohort": "cohort", "run": 3}, "run = 3"),
        ({"one": vc.Regimen(), "two": AGAIN},
         {"cohort": "cohort", "run": vc.Run(regimen=AGAIN)}, "a regimen of its own"),
        ({"one": trial_of([1.0]), "two": trial_of([2.0])}, {"cohort": "cohort"}, "are for arms"),
        ({"one": [trial_of([1.0])] * 2, "two": trial_of([2.0])}, {}, "of each population"),
        ({"one": [], "two": []}, {}, "of each population"),
    ],
)  # fmt: skip
def test_arms_that_make_no_sense_are_refused(arms, options, message, cohort):
    if isinstance(options.get("cohort"), str):
        options = {**options, "cohort": cohort}
    with pytest.raises(vc.VcohortError, match=message):
        vc.compare(arms, **options)


@pytest.mark.parametrize("is_paired", [True, False])
def test_the_hazard_ratio_is_the_known_one_with_the_bootstrap_s_error(is_paired):
    random = np.random.default_rng(5)
    base = random.exponential(300.0, 1500)
    # The hazard is 0.6 of the other's; half of the time is the patient's own.
    two = np.where(random.random(1500) < 0.5, base / 0.6, random.exponential(500.0, 1500))
    labels = np.arange(1500) + (0 if is_paired else 10_000)
    ds = rows(vc.compare({"one": trial_of(base), "two": trial_of(two, labels)}))
    ends = np.log([float(ds[f"hazard_ratio{end}"]) for end in ("", "_lower", "_upper")])
    error = (ends[2] - ends[1]) / (2 * scipy.stats.norm.ppf(0.975))
    assert abs(ends[0] - np.log(0.6)) < Z_LIMIT * error
    again = []
    for _ in range(200):
        chosen = random.integers(0, 1500, 1500)
        other = chosen if is_paired else random.integers(0, 1500, 1500)
        tables = [{"time": np.minimum(days, 1000.0), "event": (days <= 1000.0).astype(int)}
                  for days in (two[other], base[chosen])]  # fmt: skip
        again.append(np.log(vc.hazard_ratio(*tables).ratio))
    np.testing.assert_allclose(error, np.std(again, ddof=1), rtol=0.25)


@pytest.mark.parametrize("is_paired", [True, False])
def test_the_cured_stay_at_risk_of_progression_in_the_hazard_ratio(is_paired):
    random = np.random.default_rng(9)
    base, two = random.exponential(300.0, 2000), random.exponential(500.0, 2000)
    labels = np.arange(2000) + (0 if is_paired else 10_000)
    arms = {"one": trial_of(base), "two": trial_of(two, labels)}
    # Of the first arm all who never progress are cured, early; of the other few are.
    for name, share in (("one", 1.0), ("two", 0.1)):
        outcome, days = (arms[name][each].values for each in ("outcome", "event_time"))
        cured = (outcome == UNDECIDED) & (random.random(2000) < share)
        outcome[cured], days[cured] = CURE, random.uniform(10.0, 50.0, cured.sum())
    ds = rows(vc.compare(arms))
    ratio, lower, upper = (float(ds[f"hazard_ratio{end}"]) for end in ("", "_lower", "_upper"))
    error = np.log(upper / lower) / (2 * scipy.stats.norm.ppf(0.975))
    assert abs(np.log(ratio / 0.6)) < Z_LIMIT * error
    assert ratio == pytest.approx(vc.hazard_ratio(arms["two"], arms["one"]).ratio, rel=1e-9)


def test_curves_that_cross_have_no_hazard_ratio():
    random = np.random.default_rng(6)
    # One loses more early, and few late.
    one = random.exponential(300.0, 4000)
    two = np.where(random.random(4000) < 0.5, random.exponential(60.0, 4000), 5000.0)
    with pytest.warns(vc.VcohortWarning, match="cross, near day"):
        ds = rows(vc.compare({"one": trial_of(one), "two": trial_of(two, np.arange(4000) + 9999)}))
    assert np.isnan(float(ds["hazard_ratio"]))
    # exp(-t/300) = (1 + exp(-t/60)) / 2
    root = scipy.optimize.brentq(lambda t: np.exp(-t / 300) - (1 + np.exp(-t / 60)) / 2, 50, 900)
    assert float(ds["crossing_day"]) == pytest.approx(root, rel=0.15)


def test_curves_of_one_law_do_not_cross_but_by_chance():
    random = np.random.default_rng(7)
    for _ in range(20):
        days = random.exponential(300.0, (2, 500))
        ds = rows(vc.compare({"one": trial_of(days[0]), "two": trial_of(days[1])}))
        assert np.isnan(float(ds["crossing_day"])) and 0.7 < float(ds["hazard_ratio"]) < 1.5


def test_without_progressions_in_one_arm_there_is_no_hazard_ratio():
    none, some = trial_of(np.full(30, 5000.0)), trial_of(np.linspace(10.0, 900.0, 30))
    ds = rows(vc.compare({"one": some, "two": none}))
    assert np.isnan(float(ds["hazard_ratio"])) and np.isnan(float(ds["crossing_day"]))


def test_the_hazard_ratio_s_error_is_that_of_survival_in_r(tmp_path):
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("R is not installed")
    random = np.random.default_rng(8)
    base = random.exponential(300.0, 200)
    two = np.where(random.random(200) < 0.5, base / 0.6, random.exponential(500.0, 200))
    lines = [
        f"{label},{min(day, 1000.0)!r},{int(day <= 1000.0)},{group}"
        for group, days in enumerate((base, two))
        for label, day in enumerate(days.tolist())
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["id,time,event,g", *lines]))
    program = (
        'library(survival); d <- read.csv("pairs.csv")\n'
        "a <- coxph(Surv(time, event) ~ g + cluster(id), d)\n"
        "b <- coxph(Surv(time, event) ~ g, d, robust = TRUE)\n"
        'cat(format(c(coef(a), sqrt(vcov(a)), sqrt(vcov(b))), digits = 10), sep = "\\n")'
    )
    done = subprocess.run([rscript, "-e", program], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    if done.returncode:
        pytest.skip("R has no package survival")
    log, *errors = map(float, done.stdout.split())
    for shift, error in zip((0, 1000), errors, strict=True):
        ds = rows(vc.compare({"one": trial_of(base),
                              "two": trial_of(two, np.arange(200) + shift)}))  # fmt: skip
        ends = np.log([float(ds[f"hazard_ratio{end}"]) for end in ("", "_lower", "_upper")])
        assert ends[0] == pytest.approx(log, rel=1e-6)
        wide = 2 * scipy.stats.norm.ppf(0.975)
        assert (ends[2] - ends[1]) / wide == pytest.approx(error, rel=1e-5)
