"""What vc.kaplan_meier and vc.cox take and refuse; virtual cohorts against lifelines."""

import warnings

import numpy as np
import pandas as pd
import pytest

import vcohort as vc

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import CoxPHFitter, KaplanMeierFitter

# By hand: two of five progress on day 30, one of the two left on day 90; bands by lifelines.
TIME, EVENT = [30, 90, 60, 30, 120], [1, 1, 0, 1, 0]
TABLE = {"id": ["a", "b", "c", "d", "e"], "time": TIME, "event": EVENT}
LONG = {"patient": list("abcde"), "day": [7] * 5, "observable": ["C_per_ul"] * 5,
        "value": [31.5, 12.25, 3.0, 9.0, 4.0], "AGE": [71, 50, 60, 65, 40]}  # fmt: skip
TRIAL = vc.read_trial(LONG, survival=TABLE)

FORMS = {
    "lists": lambda: vc.kaplan_meier(TIME, EVENT),
    "arrays": lambda: vc.kaplan_meier(np.array(TIME, float), np.array(EVENT) == 1),
    "series": lambda: vc.kaplan_meier(pd.Series(TIME), pd.Series(EVENT)),
    "from day 0 on": lambda: vc.kaplan_meier(TIME, EVENT, start=[0] * 5),
    "spans": lambda: vc.kaplan_meier(pd.to_timedelta(TIME, unit="D"), EVENT),
    "table": lambda: vc.kaplan_meier(TABLE),
    "frame": lambda: vc.kaplan_meier(pd.DataFrame(TABLE)),
    "ADTTE": lambda: vc.kaplan_meier(
        {"USUBJID": [*"abcde", "a"], "PARAMCD": ["PFS"] * 5 + ["OS"], "AVAL": [*TIME, 9],
         "CNSR": [0, 0, 1, 0, 3, 0]}, endpoint="PFS",
    ),
    "trial": lambda: vc.kaplan_meier(TRIAL),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_by_hand_in_every_form(form):
    found = FORMS[form]()
    np.testing.assert_array_equal(found["time"], [0, 30, 60, 90, 120])
    np.testing.assert_allclose(found["survival"], [1, 0.6, 0.6, 0.3, 0.3], rtol=1e-15)
    np.testing.assert_array_equal(found["at_risk"], [5, 5, 3, 2, 1])
    np.testing.assert_array_equal(found["events"], [0, 2, 0, 1, 0])
    np.testing.assert_array_equal(found["censored"], [0, 0, 1, 0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        band = KaplanMeierFitter().fit(TIME, EVENT).confidence_interval_survival_function_
    np.testing.assert_allclose(found["lower"][1:], band.iloc[1:, 0], rtol=1e-9)
    np.testing.assert_allclose(found["upper"][1:], band.iloc[1:, 1], rtol=1e-9)
    assert float(found["median"]) == 90 and float(found["median_upper"]) == np.inf
    assert float(found["restricted_mean"]) == pytest.approx(30 + 0.6 * 60 + 0.3 * 30)
    assert found.attrs["patients"] == 5 and vc.validate(found) is found


def test_a_curve_of_the_estimate_is_that_of_the_patients():
    days = [0.0, 45.0, 90.0]
    for one in (TRIAL, TABLE):
        wanted = vc.SurvivalTarget(TABLE, days)
        target = vc.SurvivalTarget(one, days)
        np.testing.assert_array_equal(target.values, wanted.values)
        np.testing.assert_array_equal(target.errors, wanted.errors)
    of_estimate = vc.SurvivalTarget(vc.kaplan_meier(TRIAL), days)
    np.testing.assert_allclose(of_estimate.values, wanted.values, rtol=1e-15)
    np.testing.assert_array_equal(of_estimate.errors, wanted.errors)
    assert vc.log_rank(TRIAL, TABLE).statistic == pytest.approx(0, abs=1e-12)
    axes = vc.plots.progression_free_survival({"mine": TRIAL}, trial=TRIAL)
    assert any("n = 5" in line.get_label() for line in axes.get_lines())


@pytest.fixture(scope="module")
def ds():
    """A cohort some of whose undecided patients, and cured ones, were lost early."""
    cohort = vc.Population("kimmel2021-figures", 0.15).sample(300, seed=4)
    found = vc.simulate(cohort, "hybrid", 400.0, endpoints=[vc.Outcome()], progress=False)
    days = found["event_time"].values.astype(float)
    lost = np.where(np.random.default_rng(5).random(300) < 0.4, 120.0 + np.arange(300) % 90, 400.0)
    early = days > lost
    outcome = np.where(early, 0, found["outcome"].values)
    assert (early & (found["outcome"].values == 2)).sum() > 10
    return found.assign(
        outcome=("patient", outcome, found["outcome"].attrs),
        event_time=("patient", np.where(early, lost, days), found["event_time"].attrs),
    )


def seen(ds):
    """Return when each was last seen, and whether it had progressed: the cured to the horizon."""
    event = ds["outcome"].values == 2
    return np.where(ds["outcome"].values == 1, 400.0, ds["event_time"].values), event


def test_the_undecided_are_censored_when_they_were_last_seen(ds):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = KaplanMeierFitter().fit(*seen(ds))
    found = vc.kaplan_meier(ds)
    wanted = fit.survival_function_at_times(found["time"].values)
    np.testing.assert_allclose(found["survival"], wanted, atol=1e-12)
    undecided = (ds["outcome"].values == 0) & (ds["event_time"].values < 400.0)
    assert undecided.sum() > 20
    assert float(found["censored"].sel(time=slice(1, 399)).sum()) == undecided.sum()
    days = np.arange(0.0, 400.0, 20.0)
    np.testing.assert_allclose(
        vc.progression_free_survival(ds, days), fit.survival_function_at_times(days), atol=1e-12
    )
    with_all = 1 - (ds["outcome"].values == 2).mean()
    assert float(found["survival"][-1]) < with_all - 0.01


def test_hazard_ratios_of_a_virtual_cohort_are_those_of_lifelines(ds):
    time, event = seen(ds)
    table = pd.DataFrame({"time": time, "event": event, "r_B": ds["r_B"], "K_C": ds["K_C"] / 1e10})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = CoxPHFitter().fit(table, "time", "event")
    found = vc.cox(ds.assign(K_C=ds["K_C"] / 1e10), ["r_B", "K_C"])
    np.testing.assert_allclose(found["log_hazard_ratio"], fit.params_, rtol=1e-6)
    np.testing.assert_allclose(found["standard_error"], fit.standard_errors_, rtol=1e-6)
    assert float(found["pvalue_of_all"]) == pytest.approx(
        fit.log_likelihood_ratio_test().p_value, rel=1e-5
    )


def test_texts_are_compared_with_the_first_in_the_alphabet():
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"time": rng.exponential(90, 120), "event": rng.random(120) < 0.7,
                          "site": rng.choice(["b", "a", "c"], 120)})  # fmt: skip
    found = vc.cox(table, ["site"])
    assert found["covariate"].values.tolist() == ["site=b", "site=c"]
    by_hand = table.drop(columns="site").assign(
        **{each: 1.0 * (table["site"] == each) for each in "bc"}
    )
    own = vc.cox(by_hand, ["b", "c"])
    np.testing.assert_allclose(found["hazard_ratio"], own["hazard_ratio"], rtol=1e-12)


def test_covariates_of_a_trial():
    found = vc.cox(TRIAL, ["AGE"])
    own = vc.cox(pd.DataFrame(TABLE).assign(AGE=LONG["AGE"]), ["AGE"])
    assert float(found["hazard_ratio"][0]) == pytest.approx(float(own["hazard_ratio"][0]))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e11])
def test_errors_do_not_depend_on_the_unit_of_a_covariate(scale):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({
        "time": rng.exponential(90, 150), "event": (rng.random(150) < 0.7).astype(int),
        "AGE": rng.normal(60, 10, 150), "cells": rng.lognormal(0, 1, 150),
    })  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = CoxPHFitter().fit(frame, "time", "event")
    found = vc.cox(frame.assign(cells=scale * frame["cells"]), ["AGE", "cells"])
    unit = np.array([1.0, scale])
    np.testing.assert_allclose(found["standard_error"] * unit, fit.standard_errors_, rtol=1e-5)
    both = fit.variance_matrix_.to_numpy()
    np.testing.assert_allclose(found["covariance"] * np.outer(unit, unit), both, rtol=1e-5)


@pytest.mark.parametrize("band", ["log-log", "greenwood"])
def test_where_nobody_is_left_the_median_has_no_upper_end(band):
    # By R: survfit(Surv(c(47, 90, 200, 378), rep(1, 4)) ~ 1) gives NA as the upper end.
    found = vc.kaplan_meier([47, 90, 200, 378], [1, 1, 1, 1], band=band)
    assert float(found["median_upper"]) == np.inf


def test_a_ratio_without_end_is_told():
    table = {"time": np.arange(1.0, 9.0), "event": [1, 1, 1, 0, 0, 0, 1, 0],
             "x": [0, 0, 0, 1, 1, 1, 0, 1]}  # fmt: skip
    with pytest.warns(vc.VcohortWarning, match="of x grows without end"):
        vc.cox(table, ["x"])


def test_an_estimate_that_falls_to_nothing_before_others_are_watched_is_told():
    with pytest.warns(vc.VcohortWarning, match="by day 20 had progressed"):
        found = vc.kaplan_meier([10, 20, 90, 120], [1, 1, 1, 0], start=[0, 0, 30, 40])
    assert found["survival"].values.tolist() == [1, 0.5, 0, 0, 0]
    after = vc.kaplan_meier([10, 20, 90, 120], [1, 1, 1, 0], start=[0, 0, 30, 40], landmark=20)
    assert after["survival"].values.tolist() == [1, 0.5, 0.5]


TEN = {"time": list(range(1, 11)), "event": [1, 0] * 5, "x": [*range(9), 40], "y": [1] * 10,
       "z": [2 * each for each in [*range(9), 40]], "gap": [None, *range(9)],
       "word": ["", *"abababab", "a"]}  # fmt: skip

BAD = {
    "another length": (lambda: vc.kaplan_meier(TIME, EVENT[:3]), "one length"),
    "a number": (lambda: vc.kaplan_meier(3.0, 1), "time must be a list"),
    "other codes": (lambda: vc.kaplan_meier(TIME, [1, 2, 0, 1, 0]), "event holds 2, in row 2"),
    "no code": (lambda: vc.kaplan_meier(TIME, [1, None, 0, 1, 0]), "in row 2"),
    "a time alone": (lambda: vc.kaplan_meier(TIME), "Give event, too"),
    "nobody": (lambda: vc.kaplan_meier([], []), "empty"),
    "before day 0": (lambda: vc.kaplan_meier([30, -1], [1, 0]), "time = -1 in row 2"),
    "a late start": (lambda: vc.kaplan_meier([30, 9], [1, 0], start=[0, 9]), "start = 9 in row 2"),
    "a start of a table": (lambda: vc.kaplan_meier(TABLE, start=[0] * 5), "a table has its column"),
    "a late landmark": (lambda: vc.kaplan_meier(TABLE, landmark=120), "landmark = 120"),
    "a mean beyond": (lambda: vc.kaplan_meier(TABLE, until=121), "day = 121"),
    "another band": (lambda: vc.kaplan_meier(TABLE, band="plain"), "Unknown band"),
    "a percentage": (lambda: vc.kaplan_meier(TABLE, confidence=95), "between 0 and 1"),
    "an endpoint of lists": (lambda: vc.kaplan_meier(TIME, EVENT, endpoint="PFS"), "is of a table"),
    "no events": (lambda: vc.kaplan_meier(vc.read_trial(LONG)), "has no events"),
    "no covariate": (lambda: vc.cox(TEN, []), "no list of names"),
    "unknown covariate": (lambda: vc.cox(TEN, ["AGE"]), "Unknown column 'AGE'"),
    "unknown stratum": (lambda: vc.cox(TEN, ["x"], strata="site"), "Unknown column 'site'"),
    "constant": (lambda: vc.cox(TEN, ["x", "y"]), "The covariate y is 1.* of all"),
    "missing": (lambda: vc.cox(TEN, ["gap"]), "gap = None in row 1: It is missing"),
    "a missing text": (lambda: vc.cox(TEN, ["word"]), "word =  in row 1: It is missing"),
    "missing of a trial": (
        lambda: vc.cox(
            vc.read_trial(LONG | {"AGE": [71, "", 60, 65, 40]}, survival=TABLE), ["AGE"]
        ),
        "AGE is missing of 1 of 5 patients",
    ),
    "collinear": (lambda: vc.cox(TEN, ["x", "z"]), "follows from the others"),
    "nobody progresses": (lambda: vc.cox(TEN | {"event": [0] * 10}, ["x"]), "Nobody progresses"),
    "constant in its strata": (
        lambda: vc.cox(TEN | {"s": [1] * 5 + [2] * 5, "t": [1] * 5 + [2] * 5}, ["t"], strata="s"),
        "do not tell the covariates apart",
    ),
    "nobody progresses in either": (
        lambda: vc.hazard_ratio(TABLE | {"event": [0] * 5}, TABLE | {"event": [0] * 5}),
        "Nobody progresses",
    ),
    "strata of one alone": (
        lambda: vc.log_rank(TABLE | {"site": list("aabbb")}, TABLE, strata="site"),
        "Unknown column 'site'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_refused(fault):
    call, message = BAD[fault]
    with pytest.raises(vc.VcohortError, match=message):
        call()
