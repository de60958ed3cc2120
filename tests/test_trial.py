"""Trials as tables of patients and as curves, in every form, against lifelines and by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import vcohort as vc
from vcohort.results.trial import read_curve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

# Five patients: two progress on day 30, one on day 90; one is lost on day 60, one on day 120.
TIME, EVENT = [30, 90, 60, 30, 120], [1, 1, 0, 1, 0]
PATIENTS = {"id": ["P1", "P2", "P3", "P4", "P5"], "time": TIME, "event": EVENT}
# By hand: 1 - 2/5, then one of the two who are left.
STEPS = {0.0: 1.0, 30.0: 0.6, 90.0: 0.3}
AT = [0.0, 29.9, 30.0, 89.0, 90.0, 120.0]
ON = [1.0, 1.0, 0.6, 0.6, 0.3, 0.3]

MONTH = 365.25 / 12


def saved(tmp_path, table, **options):
    path = tmp_path / "trial.csv"
    pd.DataFrame(table).to_csv(path, index=False, **options)
    return path


TABLES = {
    "dict": lambda tmp: PATIENTS,
    "without id": lambda tmp: {"time": TIME, "event": EVENT},
    "truth values": lambda tmp: {"Day": np.array(TIME), "Event": np.array(EVENT) == 1},
    "frame": lambda tmp: pd.DataFrame(PATIENTS),
    "frame by id": lambda tmp: pd.DataFrame(PATIENTS).set_index("id"),
    "rows in another order": lambda tmp: pd.DataFrame(PATIENTS).sample(frac=1, random_state=3),
    "dataset": lambda tmp: pd.DataFrame(PATIENTS).set_index("id").to_xarray(),
    "file": lambda tmp: saved(tmp, PATIENTS),
    "file's name": lambda tmp: str(saved(tmp, PATIENTS)),
    "file with semicolons": lambda tmp: saved(tmp, PATIENTS, sep=";", decimal=","),
    "months": lambda tmp: {"months": np.array(TIME) / MONTH, "event": EVENT},
    "weeks": lambda tmp: {"week": np.array(TIME) / 7, "event": EVENT},
    "years": lambda tmp: {"year": np.array(TIME) / 365.25, "event": EVENT},
    "spans": lambda tmp: {"time": pd.to_timedelta(TIME, unit="D"), "event": EVENT},
    "units": lambda tmp: xr.Dataset(
        {"time": ("id", np.array(TIME) / MONTH, {"units": "month"}), "event": ("id", EVENT)}
    ),
}


@pytest.mark.parametrize("form", TABLES)
def test_patients_in_every_form(form, tmp_path):
    table = TABLES[form](tmp_path)
    curve = read_curve(table)
    days = np.array([0.0, 29.0, 31.0, 89.0, 91.0, 120.0])
    np.testing.assert_allclose(curve.at(days), ON, rtol=1e-12)
    assert curve.last == pytest.approx(120)
    np.testing.assert_allclose(vc.progression_free_survival(table, days[:-1]), ON[:-1], rtol=1e-12)
    assert vc.median_survival(table) == pytest.approx(90)
    assert vc.restricted_mean_survival(table, 100.0) == pytest.approx(30 + 0.6 * 60 + 0.3 * 10)


CURVE = {"day": list(STEPS), "pfs": list(STEPS.values())}


def array(days=(0.0, 30.0, 90.0), values=(1.0, 0.6, 0.3), **attrs):
    return xr.DataArray(list(values), dims="day", coords={"day": ("day", np.asarray(days), attrs)})


CURVES = {
    "dict": lambda tmp: CURVE,
    "survival": lambda tmp: {"time": CURVE["day"], "Survival": CURVE["pfs"]},
    "frame": lambda tmp: pd.DataFrame(CURVE),
    "frame by day": lambda tmp: pd.DataFrame(CURVE).set_index("day"),
    "file": lambda tmp: saved(tmp, CURVE),
    "file with semicolons": lambda tmp: saved(tmp, CURVE, sep=";", decimal=","),
    "array": lambda tmp: array(),
    "dataset": lambda tmp: array().to_dataset(name="pfs"),
    "months": lambda tmp: {"month": np.array(CURVE["day"]) / MONTH, "pfs": CURVE["pfs"]},
    "units": lambda tmp: array(np.array(CURVE["day"]) / MONTH, units="months"),
    "weeks": lambda tmp: array(np.array(CURVE["day"]) / 7, units="w"),
    "years": lambda tmp: array(np.array(CURVE["day"]) / 365.25, units="Years"),
    "spans": lambda tmp: array(pd.to_timedelta(CURVE["day"], unit="D")),
    "our own": lambda tmp: vc.progression_free_survival(PATIENTS, CURVE["day"]),
    "our own, a frame": lambda tmp: vc.progression_free_survival(
        PATIENTS, CURVE["day"]
    ).to_dataframe(),
}


@pytest.mark.parametrize("form", CURVES)
def test_curves_in_every_form(form, tmp_path):
    curve = read_curve(CURVES[form](tmp_path))
    np.testing.assert_allclose(curve.days, CURVE["day"], rtol=1e-12)
    np.testing.assert_allclose(curve.survival, CURVE["pfs"], rtol=1e-12)
    assert curve.last == pytest.approx(90)


def random_trial(seed, n=200, ties=False):
    rng = np.random.default_rng(seed)
    progress, lost = rng.exponential(200, n), rng.uniform(20, 500, n)
    time = np.minimum(progress, lost)
    return {"time": np.ceil(time / 30) * 30 if ties else time, "event": progress <= lost}


@pytest.mark.parametrize("ties", [False, True])
def test_estimates_are_those_of_lifelines_and_scipy(ties):
    first, second = random_trial(1, ties=ties), random_trial(2, n=150, ties=ties)
    days = np.arange(0.0, 400.0, 7.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = KaplanMeierFitter().fit(first["time"], first["event"])
    expected = fit.survival_function_at_times(days)
    np.testing.assert_allclose(vc.progression_free_survival(first, days), expected, atol=1e-12)
    np.testing.assert_allclose(read_curve(first).at(days), expected, atol=1e-12)
    assert vc.median_survival(first) == pytest.approx(fit.median_survival_time_)
    test = logrank_test(first["time"], second["time"], first["event"], second["event"])
    found = vc.log_rank(first, second)
    assert found.statistic**2 == pytest.approx(test.test_statistic, rel=1e-9)
    assert found.pvalue == pytest.approx(test.p_value, rel=1e-9)
    censored = [
        stats.CensoredData(uncensored=one["time"][one["event"]], right=one["time"][~one["event"]])
        for one in (first, second)
    ]
    assert abs(found.statistic) == pytest.approx(abs(stats.logrank(*censored).statistic), rel=1e-9)


@pytest.fixture(scope="module")
def ds():
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(200, seed=1)
    return vc.simulate(cohort, "exact", endpoints=[vc.Outcome()], progress=False)


def test_a_virtual_cohort_against_a_trial_of_the_same_patients(ds, tmp_path):
    """Written down as a table it is followed as the cohort itself."""
    progressed = ds["outcome"].values == 2
    until = np.where(progressed, ds["event_time"], ds["followed_until"]).astype(float)
    other = random_trial(3)
    path = saved(tmp_path, {"id": np.arange(200), "time": until, "event": progressed.astype(int)})
    days = np.linspace(0.0, 700.0, 15)
    np.testing.assert_allclose(
        vc.progression_free_survival(path, days), vc.progression_free_survival(ds, days), atol=1e-9
    )
    for table in (path, pd.read_csv(path, float_precision="round_trip")):
        assert vc.log_rank(table, other) == pytest.approx(vc.log_rank(ds, other), rel=1e-6)
        assert vc.log_rank(ds, table).statistic == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("trial", "name", "end"),
    [
        (PATIENTS, "trial (n = 5)", 120.0),
        (CURVE, "trial", 90.0),
        (array().assign_attrs(label="mine"), "mine", 90.0),
        (array(np.array(CURVE["day"]) / 7, units="week"), "trial", 90.0),
    ],
)
def test_pictures_draw_a_trial_in_days(ds, trial, name, end):
    axes = vc.plots.progression_free_survival(ds, trial=trial)
    line = next(each for each in axes.get_lines() if each.get_label() == name)
    assert line.get_drawstyle() == "steps-post"
    days, survival = line.get_data()
    assert days[-1] == pytest.approx(end) and survival[-1] == pytest.approx(0.3)
    assert days[:3] == pytest.approx([0, 30, 90]) and survival[:3] == pytest.approx([1, 0.6, 0.3])


def test_every_arm_is_drawn_over_its_own_days(ds):
    """More arms than colours, a trial's patients among them, each to its own last day."""
    arms = {f"arm {k}": random_trial(k, n=20) for k in range(9)} | {"cohort": ds}
    axes = vc.plots.progression_free_survival(arms)
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert len(drawn) == 10 and "cohort (n = 200)" in drawn
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn.values()}) == 10
    assert drawn["arm 3 (n = 20)"].get_xdata()[-1] == pytest.approx(arms["arm 3"]["time"].max())
    assert axes.get_xlim()[1] == 720.0
    reverse = vc.plots.progression_free_survival(dict(reversed(arms.items())))
    assert reverse.get_xlim()[1] == 720.0
    for nothing in ({}, None, [ds]):
        with pytest.raises(vc.VcohortError, match="Give a dataset of"):
            vc.plots.progression_free_survival(nothing)


BAD = {
    "a list": ([1.0, 0.5], "must be a DataArray over 'day', or a CSV file's path.*'event'"),
    "a number": (0.4, "must be a DataArray over 'day'"),
    "nothing": (None, "must be a DataArray over 'day'"),
    "an array": (np.ones(3), "must be a DataArray over 'day'"),
    "a series": (pd.Series([1.0, 0.5], index=[0, 30]), "must be a DataArray over 'day'"),
    "no file": ("nosuch.csv", "There is no file nosuch.csv"),
    "no event": ({"time": TIME}, "It is not plain what these columns are: time"),
    "both": (PATIENTS | {"pfs": EVENT}, "It is not plain what these columns are"),
    "no time": ({"event": EVENT}, "one column of days, 'time' or 'day', not none"),
    "two times": (PATIENTS | {"day": TIME}, "not time and day"),
    "hours": ({"hours": TIME, "event": EVENT}, "Unknown column 'hours'"),
    "arms": (PATIENTS | {"arm": list("ABABA")}, "Unknown column 'arm'"),
    "counts": (PATIENTS | {"weight": [1] * 5}, "Unknown column 'weight'"),
    "twice": (PATIENTS | {"id": ["P1", "P2", "P1 ", "P4", "P5"]}, "P1 comes again in row 3"),
    "twice, a number": (PATIENTS | {"id": [1, 2, "1", 4, 5]}, "1 comes again in row 3"),
    "no label": (PATIENTS | {"id": ["P1", "", "P3", "P4", "P5"]}, "nothing, in row 2"),
    "other codes": (PATIENTS | {"event": [1, 2, 0, 1, 0]}, "event holds 2, in row 2.*1 or 0"),
    "no code": (PATIENTS | {"event": [1, None, 0, 1, 0]}, "in row 2: it must hold 1 or 0"),
    "no day": (PATIENTS | {"time": [30, None, 60, 30, 120]}, "in row 2 is impossible"),
    "early": (PATIENTS | {"time": [30, -1, 60, 30, 120]}, "time = -1 in row 2 is impossible"),
    "text": (PATIENTS | {"time": [30, "9+", 60, 30, 120]}, r"text, '9\+', in row 2"),
    "endless": (PATIENTS | {"time": [30, np.inf, 60, 30, 120]}, "not finite, in row 2"),
    "dates": (PATIENTS | {"time": pd.to_datetime(["2020-01-01"] * 5)}, "a date"),
    "nobody": ({"time": [], "event": []}, "empty"),
    "two units": (
        xr.Dataset({"month": ("id", TIME, {"units": "week"}), "event": ("id", EVENT)}),
        "its name says another",
    ),
    "two ends": (PATIENTS | {"stop": TIME}, "not time and stop"),
    "two starts": (PATIENTS | {"start": [0] * 5, "entry": [0] * 5}, "start and entry both say"),
    "late start": (PATIENTS | {"start": [0, 0, 60, 0, 0]}, "start = 60 in row 3: .*before the end"),
    "early start": (PATIENTS | {"entry": [0, -1, 0, 0, 0]}, "entry = -1 in row 2"),
    "no start": (PATIENTS | {"start": [0, None, 0, 0, 0]}, "start = None in row 2"),
    "free too late": (PATIENTS | {"last_free": [31, 0, "", 0, ""]}, "last_free = 31 in row 1"),
}

BAD_CURVES = {
    "percent": ({"day": [0, 30], "pfs": [100, 60]}, "must fall .*Divide percent by 100"),
    "percent by unit": (array().assign_attrs(units="%"), "unit of the survival is '%'"),
    "rising": ({"day": [0, 30, 60], "pfs": [1, 0.5, 0.6]}, "must fall"),
    "negative": ({"day": [0, 30], "pfs": [1, -0.1]}, "must fall"),
    "blank": ({"day": [0, 30], "pfs": [1, None]}, "not finite"),
    "unsorted": ({"day": [60, 0, 30], "pfs": [1, 0.9, 0.5]}, "days must increase"),
    "a day twice": ({"day": [0, 30, 30], "pfs": [1, 0.9, 0.5]}, "days must increase"),
    "two curves": ({"day": [0], "pfs": [1], "survival": [1]}, "two curves"),
    "another column": ({"day": [0], "pfs": [1], "at_risk": [9]}, "Unknown column 'at_risk'"),
    "empty": ({"day": [], "pfs": []}, "empty"),
    "other dimension": (array().rename(day="time"), "must be a DataArray over 'day'"),
    "no coordinate": (array().drop_vars("day"), "whose coordinate holds the days"),
    "two dimensions": (array().expand_dims("arm"), "must be a DataArray over 'day'"),
    "hours": (array(units="hours"), "unit of day is 'hours'"),
    "since": (array(units="days since 2020-01-01"), "unit of day is 'days since"),
    "dates": (array(np.array(["2020-01-01", "2020-01-31", "2020-03-01"], "M8[ns]")), "dates"),
    "texts": (array(["0", "30", "90"]), "day = .* is impossible"),
    "truth values": (array(values=[True, False, False]), "trial = .* is impossible"),
}


@pytest.mark.parametrize("fault", [*BAD, *BAD_CURVES])
def test_what_is_no_trial_is_refused_in_a_sentence(fault):
    given, message = (BAD | BAD_CURVES)[fault]
    with pytest.raises(vc.VcohortError, match=message):
        read_curve(given)


@pytest.mark.parametrize(
    "call",
    [
        lambda trial: vc.calibrate(vc.Population(), trial, ["r_B"], progress=False),
        lambda trial: vc.plots.progression_free_survival({}, trial=trial),
        vc.median_survival,
        lambda trial: vc.restricted_mean_survival(trial, 30.0),
        lambda trial: vc.progression_free_survival(trial, [30.0]),
        lambda trial: vc.log_rank(PATIENTS, trial),
        lambda trial: vc.log_rank(trial, PATIENTS),
    ],
)
@pytest.mark.parametrize("fault", ["a list", "no event", "twice", "late start", "no file"])
def test_every_reader_of_trials_refuses_alike(call, fault):
    given, message = BAD[fault]
    message = message if fault != "a list" else "'event'"
    with pytest.raises(vc.VcohortError, match=message):
        call(given)


@pytest.mark.parametrize("curve", [CURVE, array(), array().to_dataset(name="pfs")])
def test_a_curve_does_not_tell_how_many_are_followed(curve):
    for call in (vc.median_survival, lambda each: vc.log_rank(PATIENTS, each)):
        with pytest.raises(vc.VcohortError, match="a trial's patients, as a CSV"):
            call(curve)


def test_a_virtual_cohort_is_no_trial(ds):
    with pytest.raises(vc.VcohortError, match="is a virtual cohort, and no trial"):
        vc.calibrate(vc.Population(), ds, ["r_B"], progress=False)


def test_days_after_the_last_patient_are_refused():
    with pytest.raises(vc.VcohortError, match="day = 121"):
        vc.progression_free_survival(PATIENTS, [121.0])
    for days in ([np.nan], [[1.0, 2.0]], ["30"], [True], np.array(["2020-01-01"], "M8[D]")):
        with pytest.raises(vc.VcohortError):
            vc.progression_free_survival(PATIENTS, days)
    for bad in (True, "30", None, [30.0], np.nan, -1.0):
        with pytest.raises(vc.VcohortError):
            vc.restricted_mean_survival(PATIENTS, bad)


@pytest.mark.parametrize(
    ("time", "event", "at_50", "median"),
    [
        ([10.0], [1], 0.0, 10.0),
        ([60.0], [0], 1.0, np.inf),
        ([50.0] * 3, [1] * 3, 0.0, 50.0),
        ([60.0] * 3, [0] * 3, 1.0, np.inf),
        ([0.0, 60.0], [1, 0], 0.5, 0.0),
    ],
    ids=["one", "one-censored", "one-day", "all-censored", "day-0"],
)
def test_smallest_trials(time, event, at_50, median):
    table = {"time": time, "event": event}
    assert read_curve(table).at(np.array([50.0])) == at_50
    assert vc.median_survival(table) == median
