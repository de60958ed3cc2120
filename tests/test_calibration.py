"""Calibration and weights of greatest entropy: degenerate curves and data, forms and names."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc

POPULATION = vc.Population("kimmel2021-figures", 0.05)
FALLING = {"day": [0, 60, 120, 200], "pfs": [1, 0.7, 0.5, 0.4]}


def calibrate(trial=None, free=("r_B",), population=POPULATION, **options):
    options = {"n": 64, "starts": 1, "days": [40.0, 80.0, 150.0], "progress": False} | options
    return vc.calibrate(population, FALLING if trial is None else trial, list(free), **options)


@pytest.mark.parametrize(
    ("trial", "options", "message"),
    [
        ({"day": [0, 400], "pfs": [1, 1]}, {}, "is 1 on all days compared, from 40 to 150"),
        ({"day": [0, 400], "pfs": [0, 0]}, {}, "is 0 on all days compared"),
        ({"time": [200, 300], "event": [0, 0]}, {}, "is 1 on all days compared"),
        ({"time": [200, 300], "event": [1, 0]}, {}, "is 1 on all days compared"),
        ({"time": [200], "event": [0]}, {"weights": True}, "is 1 on all days compared"),
        ({"time": [4], "event": [1]}, {"days": None}, "trial's last day, 4. By default"),
        (FALLING, {"days": [40.0, np.nan]}, "days must increase"),
        (FALLING, {"days": [40.0]}, "at least two"),
        (FALLING, {"days": [[40.0, 80.0]]}, "days must increase"),
        (FALLING, {"days": [40.0, 201.0]}, "trial's last day, 200"),
        (FALLING, {"days": ["40", "80"]}, "days = .* is impossible"),
        (FALLING, {"days": [False, True]}, "days = .* is impossible"),
        (FALLING, {"seed": True}, "seed = True is impossible"),
        (FALLING, {"seed": 1.0}, "seed = 1.0 is impossible"),
        (FALLING, {"seed": -1}, "seed = -1 is impossible"),
        (FALLING, {"starts": 0}, "starts = 0 is impossible"),
        (FALLING, {"starts": 1.0}, "starts = 1.0 is impossible"),
        (FALLING, {"progression": "1.2"}, "progression = .* is impossible"),
        (FALLING, {"weights": np.ones(64)}, "weights = .* is impossible"),
        (FALLING, {"free": ["r_B", "r_B"]}, "twice"),
    ],
)
def test_curves_and_options_that_tell_nothing(trial, options, message):
    with pytest.raises(vc.VcohortError, match=message):
        calibrate(trial, **options)


@pytest.mark.parametrize(
    "law",
    [
        vc.Empirical([0.1, 0.1, 0.2]),
        vc.Empirical([0.1]),
        vc.Uniform(0.1, 0.2),
        vc.Fixed(0.15),
    ],
)
def test_distributions_are_not_replaced_without_a_word(law):
    population = vc.Population("kimmel2021-figures", 0.05, r_B=law)
    with pytest.raises(vc.VcohortError, match="would replace by a log-normal"):
        calibrate(population=population)


def test_what_is_zero_cannot_be_scaled():
    population = vc.Population("kimmel2021-figures", 0.05, b=0.0)
    with pytest.raises(vc.VcohortError, match="b is 0"):
        calibrate(free=["b"], population=population)


def test_a_population_is_calibrated_under_its_treatments():
    """A second infusion is part of the course: what is found is what its exact law tells."""
    again = vc.Regimen(vc.Lymphodepletion(40.0, 0.05), vc.Infusion(40.0))
    with pytest.warns(vc.VcohortWarning, match="cannot meet all targets"):
        found = calibrate(regimen=again, n=256)
    cohort = vc.calibrated(POPULATION, found).sample(256, 0, design="sobol")
    days = found["day"].values
    law = np.asarray(vc.progression_free_probability(cohort, days, regimen=again))
    np.testing.assert_allclose(found["calibrated"], law.mean(axis=0), atol=2e-3)
    plain = np.asarray(vc.progression_free_probability(cohort, days)).mean(axis=0)
    assert np.abs(found["calibrated"] - plain).max() > 0.01


PATIENTS = {"time": [20, 60, 60, 100, 130, 200], "event": [0, 1, 1, 1, 0, 0]}


@pytest.fixture(scope="module")
def of_patients():
    return calibrate(PATIENTS, seed=3)


def test_patients_are_calibrated_to_as_their_curve(of_patients):
    """By hand: 1 - 2/5, then 2/3 of it. The seed is a number, of whatever type."""
    np.testing.assert_allclose(of_patients["trial"], [1.0, 0.6, 0.4], rtol=1e-12)
    curve = xr.DataArray(
        [1.0, 0.6, 0.4, 0.4],
        dims="day",
        coords={"day": ("day", np.array([0, 60, 100, 200]) / 7, {"units": "weeks"})},
    )
    days = xr.DataArray(np.array([40, 80, 150]) / 7, dims="d", attrs={"units": "week"})
    # The curve alone does not tell that it is of five patients.
    target = vc.SurvivalTarget(curve, days, error=0.5 / np.sqrt(5))
    again = calibrate(target, seed=np.uint8(3), days=None)
    # Days out of weeks are rounded.
    np.testing.assert_allclose(again["location"], of_patients["location"], rtol=2e-3)
    np.testing.assert_allclose(again["fresh"], of_patients["fresh"], atol=5e-3)


def test_the_last_seeds_are_followed_by_others():
    for seed in (2**64 - 1, np.uint8(255)):
        found = calibrate(seed=seed)
        assert found.attrs["seed"] == str(seed) and np.isfinite(found["fresh"]).all()


def test_fewer_data_than_numbers_are_told():
    """Before any work."""
    with pytest.raises(vc.VcohortWarning, match="1 numbers of the trial cannot tell 2"):
        calibrate(days=[0.0, 80.0])


def test_the_family_is_that_of_the_calibration(of_patients):
    """Also where another population has another law."""
    other = vc.Population("kimmel2021-figures", r_B=vc.Normal(0.1, 0.01))
    law = vc.calibrated(other, of_patients).distributions["r_B"]
    assert isinstance(law, vc.LogNormal)
    assert law.median == pytest.approx(float(of_patients["location"][0]))


@pytest.mark.filterwarnings("ignore:The population cannot meet")
def test_weights_match_what_a_trial_sees_at_its_visits():
    """On the days of the last visits the weighted patients are as many as the trial saw."""
    target = vc.SurvivalTarget(FALLING, [80.0, 150.0], visits=[70.0, 130.0, 200.0])
    # Of the preset's nobody has relapsed by then, and no slope leads on.
    start = vc.Population("kimmel2021-figures", 0.05, r_B=vc.LogNormal(0.2, 0.4))
    found = calibrate(target, population=start, days=None, weights=True)
    patients = vc.calibrated(start, found).sample(64, 0, design="sobol")
    drawn = patients.select(np.repeat(np.arange(64), 400)).renumbered()
    ds = vc.simulate(drawn, "exact", 150.0, endpoints=[vc.ProgressionAtVisits([70.0, 130.0])],
                     progress=False)  # fmt: skip
    seen = [(ds["seen_outcome"] != 2) | (ds["seen_time"] > day) for day in (70.0, 130.0)]
    weighted = [np.repeat(found["weight"].values, 400) @ each.values / len(drawn) for each in seen]
    np.testing.assert_allclose(weighted, [0.7, 0.5], atol=0.02)


def test_weights_that_cannot_matter_are_one():
    """All patients are alike, so that none can stand for another."""
    trial = {"day": [0, 0.001, 1], "pfs": [1, 0.9, 0.8]}
    with pytest.warns(vc.VcohortWarning, match="All weigh the same"):
        found = calibrate(trial, days=[0.0, 0.001, 0.002], weights=True)
    np.testing.assert_array_equal(found["weight"], 1.0)
    np.testing.assert_array_equal(found["weighted"], found["calibrated"])


NAMES = ["cure", "size", "day"]


@pytest.fixture(scope="module")
def statistics():
    rng = np.random.default_rng(5)
    return np.column_stack([rng.random(300) < 0.5, rng.normal(3, 1, 300), rng.exponential(9, 300)])


TARGETS = [0.6, 3.2, 8.0]

BY_NAME = {
    "frame": lambda x: pd.DataFrame(x, columns=NAMES),
    "frame in another order": lambda x: pd.DataFrame(x, columns=NAMES)[NAMES[::-1]],
    "frame with shuffled rows' labels": lambda x: pd.DataFrame(
        x, columns=NAMES, index=np.arange(len(x))[::-1]
    ),
    "columns": lambda x: dict(zip(NAMES, x.T, strict=True)),
    "truth values": lambda x: {"cure": x[:, 0] == 1, "size": x[:, 1], "day": list(x[:, 2])},
    "dataset": lambda x: pd.DataFrame(x, columns=NAMES).rename_axis("patient").to_xarray(),
    "array": lambda x: xr.DataArray(x, dims=("patient", "statistic"), coords={"statistic": NAMES}),
    "array the other way": lambda x: xr.DataArray(
        x.T, dims=("statistic", "patient"), coords={"statistic": NAMES}
    ),
}

WANTED = {
    "dict": lambda: dict(zip(NAMES, TARGETS, strict=True)),
    "dict in another order": lambda: dict(zip(NAMES[::-1], TARGETS[::-1], strict=True)),
    "series": lambda: pd.Series(TARGETS[::-1], index=NAMES[::-1]),
    "array": lambda: xr.DataArray(
        TARGETS[::-1], dims="statistic", coords={"statistic": NAMES[::-1]}
    ),
}


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("form", BY_NAME)
def test_statistics_meet_their_targets_by_name(form, wanted, statistics):
    found = vc.entropy_weights(BY_NAME[form](statistics), WANTED[wanted](), tolerance=1e-9)
    means = found["weight"].values @ statistics / len(statistics)
    assert means == pytest.approx(TARGETS, rel=1e-5)
    assert found["weighted"].sel(statistic=NAMES).values == pytest.approx(TARGETS, rel=1e-5)


@pytest.mark.parametrize(
    "wanted",
    [TARGETS, tuple(TARGETS), np.array(TARGETS), pd.Series(TARGETS),
     xr.DataArray(TARGETS, dims="statistic")],
)  # fmt: skip
def test_targets_without_names_are_in_order(wanted, statistics):
    for given in (statistics, pd.DataFrame(statistics, columns=NAMES)):
        found = vc.entropy_weights(given, wanted, tolerance=1e-9)
        assert found["weight"].values @ statistics / 300 == pytest.approx(TARGETS, rel=1e-5)


def frame(names=("a", "b"), rows=((0.0, 1.0), (1.0, 0.0), (1.0, 1.0))):
    return pd.DataFrame(list(rows), columns=list(names))


@pytest.mark.parametrize(
    ("statistics", "targets", "message"),
    [
        (frame(), {"a": 0.5, "c": 0.5}, "called a, b, the targets a, c"),
        (frame(), {"a": 0.5}, "as many targets"),
        (frame(), pd.Series([0.5, 0.5], index=["a", "a"]), "its name twice"),
        (frame(("a", "a")), {"a": 0.5, "b": 0.5}, "its name twice"),
        (frame().to_numpy().T[..., None], [0.5, 0.5], "as many targets"),
        (xr.DataArray(np.eye(2), dims=("a", "b")), [0.5, 0.5], "one must be 'patient'"),
        ({"a": [0.0, 1.0], "b": [0.0, 1.0, 2.0]}, [0.5, 0.5], "one length"),
        ([], [0.5], "as many targets"),
        (np.empty((3, 0)), [], "as many targets"),
        (["0", "1"], [0.5], "statistics = .* is impossible"),
        (
            {"a": pd.Series([0.0, 1.0]), "b": pd.Series([0.0, 1.0], index=[1, 0])},
            [0.5, 0.5],
            "a and b have different labels",
        ),
        ([0.0, 1.0], ["0.5"], "targets = .* is impossible"),
        ([0.0, 1.0], [True], "targets = .* is impossible"),
        ([0.0, 1.0], [np.nan], "finite"),
        ([0.0, np.inf], [0.5], "finite"),
        ([0.3, 0.3], [0.4], "no weights reach it"),
        (frame(), [0.0, 0.5], "Target b is 0.5, but no patient is outside 1 … 1"),
    ],
)
def test_statistics_that_do_not_fit(statistics, targets, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.entropy_weights(statistics, targets)


@pytest.mark.parametrize("tolerance", [-1.0, np.nan, np.inf, True, "1e-4"])
def test_tolerances_that_are_none(tolerance):
    with pytest.raises(vc.VcohortError, match="tolerance"):
        vc.entropy_weights([0.0, 1.0], [0.5], tolerance=tolerance)


@pytest.mark.parametrize(
    ("statistics", "targets", "expected"),
    [
        ([0.3] * 4, [0.3], [1, 1, 1, 1]),
        ([0.1 + 0.2] * 4, [0.3], [1, 1, 1, 1]),
        ([5.0], [5.0], [1]),
        ([0, 0, 0, 1], [0], [4 / 3, 4 / 3, 4 / 3, 0]),
        ([0, 0, 0, 1], [1], [0, 0, 0, 4]),
        ([0, 0, 0, 1e-15], [5e-16], [2 / 3, 2 / 3, 2 / 3, 2]),
        ([0, 0, 0, 1e15], [5e14], [2 / 3, 2 / 3, 2 / 3, 2]),
        # On the edge of the first; among those left, the second in closed form.
        ([[0, 0], [0, 0], [0, 1], [1, 1]], [0, 0.5], [1, 1, 2, 0]),
        ([[0, 7], [0, 7], [1, 7], [1, 7]], [0.25, 7], [1.5, 1.5, 0.5, 0.5]),
        (pd.Series([False, True, True, True]), 0.5, [2, 2 / 3, 2 / 3, 2 / 3]),
    ],
)
def test_weights_in_closed_form(statistics, targets, expected):
    found = vc.entropy_weights(statistics, targets, tolerance=1e-9)
    assert found["weight"].values == pytest.approx(expected, rel=1e-5)
    mass = np.array(expected) / len(expected)
    some = mass[mass > 0]
    divergence = float((some * np.log(some * len(expected))).sum())
    assert found.attrs["divergence"] == pytest.approx(divergence, abs=1e-5)
    assert found.attrs["effective_patients"] == pytest.approx(1 / (mass**2).sum(), rel=1e-5)


def test_statistics_that_contradict_each_other_are_told():
    with pytest.warns(vc.VcohortWarning, match="Statistic b is missed"):
        vc.entropy_weights(
            {"a": [0, 1, 2, 3.0], "b": [0, 1, 2, 3.0]}, {"a": 1.2, "b": 1.8}, tolerance=1e-4
        )
