"""Trials that are planned: power in closed form, what is seen of patients, estimates by hand."""

import numpy as np
import pytest
import scipy
import xarray as xr

import vcohort as vc
from tests.conftest import Z_LIMIT
from tests.test_arms_measured import trial_of
from tests.test_cli import refused
from tests.test_cli import vcohort as vcohort
from vcohort.results.arms.arm import read_arm
from vcohort.results.planned.estimates import Curves
from vcohort.results.planned.watched import watch

N = 20_000
RATE = np.log(2.0) / 200.0


def exponential(rate, seed, horizon=730.5, **more):
    return trial_of(np.random.default_rng(seed).exponential(1 / rate, N), horizon=horizon, **more)


def schoenfeld(ratio, events, alpha=0.05):
    """Return the power of so many events, of arms of one size (Schoenfeld 1981)."""
    reach = abs(np.log(ratio)) * np.sqrt(events) / 2.0
    limit = scipy.stats.norm.isf(alpha / 2)
    return scipy.stats.norm.cdf(reach - limit) + scipy.stats.norm.cdf(-reach - limit)


@pytest.mark.parametrize(("ratio", "size"), [(0.6, 80), (0.7, 120), (1.0, 60), (1.5, 60)])
def test_power_is_that_of_the_closed_form(ratio, size):
    arms = {"one": exponential(RATE, 1), "two": exponential(ratio * RATE, 2)}
    ds = vc.Trial(arms, size).predict(trials=2000, seed=3).sel(arm="two")
    share = [1 - np.exp(-each * RATE * 730.5) for each in (1.0, ratio)]
    expected = schoenfeld(ratio, size * sum(share))
    # The formula is of a small effect: it is right to some hundredths.
    assert float(ds["power"]) == pytest.approx(expected, abs=0.03 + Z_LIMIT * 0.01)
    assert float(ds["power_error"]) < 0.0115
    in_favour = float(ds["better"])
    assert in_favour > 0.9 * float(ds["power"]) if ratio < 1 else in_favour < 0.05


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("enrolment", [0.0, 400.0])
def test_as_many_events_are_seen_as_enrolment_and_losses_leave(enrolment, dropout):
    ds = vc.Trial({"one": exponential(RATE, 1)}, 100, enrolment, dropout).predict(trials=500)
    entry = np.linspace(0.0, enrolment, 2001)
    lost = -np.log1p(-dropout) / 365.25
    seen = RATE / (RATE + lost) * (1 - np.exp(-(RATE + lost) * (730.5 - entry)))
    error = 10 * np.sqrt(0.25 / (500 * 100 / 100)) / 10
    assert float(ds["events"].sel(arm="one")) / 100 == pytest.approx(seen.mean(), abs=error)
    assert np.isnan(float(ds["power"].sel(arm="one")))


def test_an_early_analysis_sees_fewer_events():
    one = exponential(RATE, 1)
    ds = vc.Trial({"one": one}, 200, analysis=200.0).predict(trials=300)
    assert float(ds["events"].sel(arm="one")) == pytest.approx(100, abs=Z_LIMIT * 0.5)
    assert ds.attrs["analysis"] == 200.0 and "pfs_180" in ds["statistic"]


def test_what_a_trial_finds_is_what_its_patients_would():
    # All patients alike but for their days: a trial of n draws of few days is counted by hand.
    arm = trial_of([50.0, 150.0] * 2, horizon=300.0, best_response=[0, 2] * 2)
    ds = vc.Trial({"one": arm}, 4).predict(trials=4000, days=[100.0], confidence=0.5, seed=1)
    early = scipy.stats.binom(4, 0.5)
    for name, value in (("pfs_100", lambda k: 1 - k / 4), ("rmst_100", lambda k: 100 - 12.5 * k),
                        ("complete_response", lambda k: k / 4)):  # fmt: skip
        row = ds.sel(arm="one", statistic=name)
        assert float(row["middle"]) == value(2)
        ends = sorted(value(early.ppf(level)) for level in (0.25, 0.75))
        assert [float(row["lower"]), float(row["upper"])] == ends
        assert float(row["told"]) == 1.0
    median = ds.sel(arm="one", statistic="median")
    # Half or more of four early: two to four of them.
    assert float(median["middle"]) == 50.0 and float(median["upper"]) == 150.0


def test_survival_of_a_trial_is_the_estimate_of_kaplan_and_meier():
    arm = trial_of(np.random.default_rng(1).exponential(200.0, 40), horizon=300.0)
    seen = watch(
        read_arm("one", arm), 30, [np.random.default_rng(each) for each in range(5)],
        enrolment=100.0, dropout=0.3, visits=[28.0, 91.0, 182.0], analysis=300.0,
    )  # fmt: skip
    curves = Curves.of(seen)
    for trial in range(5):
        table = {"time": seen.days[trial], "event": seen.progressed[trial].astype(int)}
        days = [20.0, 91.0, 150.0]
        expected = vc.progression_free_survival(table, days)
        np.testing.assert_allclose([curves.at(day)[trial] for day in days], expected)
        assert curves.median()[trial] == vc.median_survival(table)
        area = vc.restricted_mean_survival(table, 150.0)
        assert curves.mean_until(150.0)[trial] == pytest.approx(area)
    assert {*np.unique(seen.days)} <= {0.0, 28.0, 91.0, 182.0}


def test_a_progression_is_seen_at_the_next_visit_of_who_is_still_there():
    arm = read_arm("one", trial_of([10.0, 28.0, 29.0, 200.0, 500.0], horizon=300.0))
    seen = watch(arm, 50, [np.random.default_rng(1)], enrolment=0.0, dropout=0.0,
                 visits=[28.0, 91.0, 182.0], analysis=300.0)  # fmt: skip
    expected = {0: (28.0, True), 1: (28.0, True), 2: (91.0, True), 3: (182.0, False),
                4: (182.0, False)}  # fmt: skip
    for place, day, progressed in zip(seen.chosen[0], seen.days[0], seen.progressed[0],
                                      strict=True):  # fmt: skip
        assert expected[int(place)] == (day, progressed)


def test_a_trial_depends_on_its_number_alone():
    arms = {"one": exponential(RATE, 1), "two": exponential(0.7 * RATE, 2)}
    more = {**arms, "three": exponential(RATE, 3)}
    few, many = (vc.Trial(each, 20).predict(trials=50, seed=5) for each in (arms, more))
    xr.testing.assert_equal(few, many.sel(arm=["one", "two"]))


def test_assurance_is_the_mean_power_over_populations():
    ratios = (0.5, 0.7, 1.0)
    others = [exponential(ratio * RATE, 2 + index) for index, ratio in enumerate(ratios)]
    arms = {"one": [exponential(RATE, 1)] * 3, "two": others}
    ds = vc.Trial(arms, 60).predict(trials=1500).sel(arm="two")
    for place, ratio in enumerate(ratios):
        events = 60 * sum(1 - np.exp(-each * RATE * 730.5) for each in (1.0, ratio))
        found = float(ds["power_of_each"][place])
        assert found == pytest.approx(schoenfeld(ratio, events), abs=0.03 + Z_LIMIT * 0.022)
    assert float(ds["assurance"]) == pytest.approx(float(ds["better"]))
    assert "assurance" not in vc.Trial({"one": arms["one"][0]}, 20).predict(trials=10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arms": [3]}, "a mapping"), ({"arms": {}}, "no list of names"),
        ({"patients": 1}, "at least 2"), ({"patients": {"one": 20}}, "How many patients has 'two'"),
        ({"patients": {"one": 20, "tow": 3}}, "Did you mean 'two'"),
        ({"patients": 20.5}, "whole number"), ({"enrolment": -1.0}, "at least 0"),
        ({"enrolment": 800.0}, "after the enrolment"), ({"dropout": 5}, "share lost within a year"),
        ({"visits": [90.0, 28.0]}, "increase"), ({"visits": []}, "increase"),
        ({"analysis": 900.0}, "within the arms' horizon"),
        ({"visits": [800.0]}, "after the analysis"),
        ({"visits": [91.0], "analysis": 90.0}, "after the analysis"),
    ],
)  # fmt: skip
def test_impossible_trials_are_refused(settings, message):
    few = trial_of([10.0, 900.0] * 10, horizon=730.5)
    given = {"arms": {"one": few, "two": few}, "patients": 20, **settings}
    with pytest.raises(vc.VcohortError, match=message):
        vc.Trial(**given).predict(trials=10)


def test_impossible_predictions_are_refused():
    trial = vc.Trial({"one": trial_of([10.0, 900.0] * 10, horizon=730.5)}, 20)
    for given, message in (
        ({"trials": 3}, "at least 10"), ({"days": [800.0]}, "outside the run"),
        ({"reference": "two"}, "Unknown arm"), ({"alpha": 5}, "between 0 and 1"),
        ({"confidence": 95}, "between 0 and 1"), ({"days": []}, "at least one"),
    ):  # fmt: skip
        with pytest.raises(vc.VcohortError, match=message):
            trial.predict(**given)


def test_a_trial_of_more_patients_than_there_are_is_told_of():
    with pytest.warns(vc.VcohortWarning, match="Arm 'one' has 2 virtual patients"):
        vc.Trial({"one": trial_of([10.0, 900.0])}, 3).predict(trials=10)


def test_visits_twice_are_refused(run, figures):
    ds = run(figures(0.1).sample(20, seed=1), endpoints=[vc.ProgressionAtVisits([28.0, 91.0])])
    for each in (ds, vc.seen_at_visits(ds).drop_vars("seen_outcome")):
        with pytest.raises(vc.VcohortError, match="visits of its own"):
            vc.Trial({"one": each}, 10, visits=[28.0]).predict(trials=10)
    assert vc.Trial({"one": vc.seen_at_visits(ds)}, 10).predict(trials=10).sizes["arm"] == 1


def test_in_the_shell(vcohort, tmp_path, run, figures):
    for name, capacity in (("one", 7e10), ("two", 8e10)):
        cohort = figures(0.1, K_C=capacity).sample(60, seed=1)
        vc.save(run(cohort, "exact"), tmp_path / f"{name}.nc")
    flags = "-n 20 --enrolment 100 --trials 50 --dropout 0.1 --visits 91,182 --days 91 --seed 3"
    told = vcohort("trial", "one.nc", "two.nc", *flags.split())
    assert told.returncode == 0 and "power" in told.stdout, told.stderr
    arms = {name: vc.load(tmp_path / f"{name}.nc") for name in ("one", "two")}
    expected = vc.Trial(arms, 20, 100.0, 0.1, [91.0, 182.0]).predict(trials=50, days=[91.0], seed=3)
    xr.testing.assert_equal(vc.load(tmp_path / "trial.nc"), expected)
    for given, message in (
        (["-n", "20.5"], "whole number"), (["-n", "x"], "whole number"),
        (["-n", "one=20"], "How many patients has"), (["-n", "one=20", "-n", "one=30"], "twice"),
        (["-n", "20", "--dropout", "5"], "share lost"), (["-n", "20", "-o", "one.nc"], "would be"),
    ):  # fmt: skip
        where = [] if "-o" in given else ["-o", "x.nc"]
        refused(vcohort("trial", "one.nc", "two.nc", *given, *where, "--force"), message)
    assert not (tmp_path / "x.nc").exists()
