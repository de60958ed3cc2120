"""Calibration to several targets: each statistic against what it says it is, and recovery."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort.analysis.calibration.fresh import simulated
from vcohort.analysis.calibration.search import cholesky
from vcohort.analysis.calibration.targets.quantile import smooth_quantiles

from .conftest import Z_LIMIT

POPULATION = vc.Population(
    "kimmel2021-figures", K_C=vc.LogNormal(7.2e10, 0.1), r_B=vc.LogNormal(0.09, 0.2)
)
DAYS = [60.0, 120.0, 200.0, 300.0]
CURVE = {"day": [0, *DAYS], "pfs": [1, 0.9, 0.7, 0.5, 0.45]}
TARGETS = (
    vc.SurvivalTarget(CURVE, DAYS),
    vc.ResponseTarget(complete=0.5, overall=0.8, until=90.0),
    vc.QuantileTarget("C_per_ul", {0.25: 10.0, 0.5: 20.0, 0.75: 30.0}, day=14.0),
    vc.QuantileTarget("C_max", {0.5: 1.5e10}),
    vc.QuantileTarget("C_auc_28", {0.5: 1.5e11}),
)
VISITS = (28.0, 91.0, 182.0, 273.0, 365.0)
# Their endpoints give things of one name: of each, the patients are the same.
ALIKE = (
    *TARGETS,
    vc.ResponseTarget(complete=0.5, overall=0.8, until=40.0, detection_limit=1e9),
    vc.ResponseTarget(complete=0.5, overall=0.8, until=200.0, visits=VISITS),
    vc.SurvivalTarget(CURVE, DAYS, visits=VISITS),
    vc.SurvivalTarget(CURVE, DAYS, visits=VISITS[1:], unscheduled=0.4),
    vc.QuantileTarget("C_auc_60", {0.5: 1.5e11}),
)


@pytest.fixture(scope="module")
def fresh():
    settings = {"method": "exact", "seed": 4}
    return simulated(POPULATION, ALIKE, vc.Run(**settings), 4)


def test_a_course_shows_what_patients_with_one_fate_show(fresh):
    """All numbers, of the same 20,000 patients: in their mean, and drawn."""
    from vcohort.analysis.calibration.follow import follow  # noqa: PLC0415

    cohort = POPULATION.sample(20_000, 4)
    values = {name: np.float32(value) for name, value in cohort.values.items()}

    @jax.jit
    def numbers(values):
        course = follow(cohort.replace(**values), ALIKE, vc.Run(method="exact"), 0.0)
        return jnp.concatenate([each.of_course(course) for each in ALIKE])

    found, drawn = np.asarray(numbers(values)), fresh.numbers()
    is_share = [not each.on_log for each in ALIKE for _ in each.labels]
    for k, label in enumerate(label for each in ALIKE for label in each.labels):
        if is_share[k]:
            z = (drawn[k] - found[k]) / np.sqrt(max(found[k] * (1 - found[k]), 5e-5) / 20_000)
            assert abs(z) < Z_LIMIT, label
        else:
            assert found[k] == pytest.approx(drawn[k], rel=0.01), label
    assert len({fresh.datasets[1].attrs["seed"], fresh.datasets[5].attrs["seed"]}) == 1


def test_the_best_response_is_that_of_the_smallest_tumour():
    """Read off a dense course, day by day."""
    cohort = vc.Population("kimmel2021-figures", 0.2, r_B=0.15, B0=5e10).sample(400, seed=2)
    days = np.arange(0.25, 60.1, 0.25)
    best = vc.BestResponse(60.0, detection_limit=1e9)
    ds = vc.simulate(cohort, "deterministic", 80.0, save_at=days, endpoints=[best], progress=False)
    tumour, first = ds["B"].values, cohort["B0"][:, None]
    before = np.maximum.accumulate(tumour, axis=1) < 1.2 * first
    smallest = np.where(before, tumour, first).min(axis=1)
    wanted = np.select([smallest < 1e9, smallest <= 0.5 * first[:, 0], ~before.all(axis=1)],
                       [0, 1, 3], 2)  # fmt: skip
    near = np.abs(np.log(smallest / 1e9)) < 0.02
    near |= np.abs(np.log(2 * smallest / first[:, 0])) < 0.02
    assert set(wanted) == {0, 1, 3} and near.mean() < 0.05
    np.testing.assert_array_equal(ds["best_response"].values[~near], wanted[~near])


def test_smooth_quantiles_are_those_of_the_sample():
    values = np.random.default_rng(1).normal(size=20_000)
    kept = np.arange(values.size) % 10 > 0
    at = np.array([0.05, 0.25, 0.5, 0.75])
    found = smooth_quantiles(jnp.float32(values), jnp.asarray(kept), jnp.float32(at))
    np.testing.assert_allclose(found, np.quantile(values[kept], at), atol=0.01)


def test_any_numbers_give_correlations():
    numbers = np.random.default_rng(2).normal(size=6)
    factor = np.asarray(cholesky(numbers, 4), float)
    matrix = factor @ factor.T
    np.testing.assert_allclose(matrix.diagonal(), 1.0, atol=1e-6)
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert matrix[0, 1] == pytest.approx(np.tanh(numbers[0]), rel=1e-5)
    # The partial correlation of 1 and 2, given 0.
    r01, r02, r12 = matrix[0, 1], matrix[0, 2], matrix[1, 2]
    partial = (r12 - r01 * r02) / np.sqrt((1 - r01**2) * (1 - r02**2))
    assert partial == pytest.approx(np.tanh(numbers[2]), rel=1e-4)


@pytest.mark.slow
def test_a_trial_of_three_kinds_of_targets_is_recovered():
    """Locations within 5 %, spreads within a fifth, the correlation within 0.15."""
    truth = {"K_C": (7.2e10, 0.12), "r_B": (0.09, 0.25), "rho_C": (0.037, 0.3)}
    tied = ("K_C", "rho_C")
    spread = np.array([truth[name][1] for name in tied])
    covariance = np.array([[1.0, 0.6], [0.6, 1.0]]) * np.outer(spread, spread)
    joint = vc.MultivariateNormal({name: truth[name][0] for name in tied}, covariance, log=True)
    known = vc.Population("kimmel2021-figures", joint=joint, r_B=vc.LogNormal(*truth["r_B"]))
    cohort = known.sample(50_000, seed=9)
    days = np.arange(0.0, 401.0, 20.0)
    best = vc.BestResponse(90.0)
    drawn = vc.simulate(cohort, "exact", 400.0, endpoints=[best], progress=False)
    courses = vc.simulate(cohort, "deterministic", 100.0, save_at=[14.0, 28.0, 90.0],
                          endpoints=[vc.Outcome()], progress=False)  # fmt: skip
    curve = vc.progression_free_survival(drawn, days)
    quartiles = [
        vc.QuantileTarget(
            "C", dict(zip((0.25, 0.5, 0.75), np.quantile(cells, (0.25, 0.5, 0.75)), strict=True)),
            day=float(day), error=0.02,
        )
        for day, cells in zip(courses["time"].values, courses["C"].values.T, strict=True)
    ]  # fmt: skip
    response = vc.ResponseTarget(
        complete=float((drawn["best_response"] == 0).mean()), until=90.0, error=0.01
    )
    start = vc.Population("kimmel2021-figures", K_C=8e10, r_B=0.07, rho_C=0.05)
    found = vc.calibrate(
        start, [vc.SurvivalTarget(curve, days, error=0.01), response, *quartiles], list(truth),
        correlated=tied, starts=2, progress=False,
    )  # fmt: skip
    for name, (location, width) in truth.items():
        each = found.sel(parameter=name)
        assert float(each["location"]) == pytest.approx(location, rel=0.05), name
        assert float(each["spread"]) == pytest.approx(width, rel=0.2), name
    assert float(found["correlation"].sel(parameter="K_C", other="rho_C")) == pytest.approx(
        0.6, abs=0.15
    )
    again = vc.calibrated(start, found)
    assert set(again.joint.names) == set(tied)
    assert float(np.abs(found["residual"]).max()) < 3.0


def test_a_target_that_cannot_be_met_is_told():
    """No capacity of CAR T cells moves normal T cells to ten times theirs."""
    impossible = vc.QuantileTarget("N_per_ul", {0.5: 5000.0}, day=100.0)
    with pytest.warns(vc.VcohortWarning, match="N_per_ul_day_100_q50 by 2"):
        ds = vc.calibrate(POPULATION, [TARGETS[0], impossible], ["K_C"], n=64, starts=1,
                          progress=False)  # fmt: skip
    assert float(ds["residual"].sel(statistic="N_per_ul_day_100_q50")) < -20
    assert set(ds["day"].values) == set(DAYS)
    axes = vc.plots.targets(ds)
    assert [each.get_text() for each in axes.get_yticklabels()] == ["N_per_ul_day_100_q50"]
    (point,) = [line for line in axes.lines if line.get_label() == "calibrated"]
    assert point.get_xdata()[0] == pytest.approx(float(ds["residual"][-1]), rel=1e-3)


QUARTILES = {0.25: 10.0, 0.5: 20.0}


def of_unit(value, unit):
    return xr.DataArray(value, attrs={"units": unit})


class Own(vc.Target):
    """A target with one label, whatever numbers it has."""

    labels = ("mine",)

    def __init__(self, values, error, shown=1):
        self._values, self._error, self.shown = np.array(values), error, shown

    values = property(lambda self: self._values)
    errors = property(lambda self: np.full(self._values.shape, self._error))

    def of_course(self, course):
        return jnp.ones(self.shown) * course.mean(course.path.log_tumour[-1])

    def of_dataset(self, ds, model):
        return np.ones(self.shown)


def test_days_of_targets_carry_their_unit():
    week = vc.QuantileTarget("C", QUARTILES, day=of_unit(2.0, "week"))
    assert week.day == 14.0
    assert vc.ResponseTarget(complete=0.5, until=of_unit(2.0, "week")).best.until == 14.0
    visits = vc.SurvivalTarget(CURVE, DAYS, visits=of_unit([4.0, 13.0, 52.0], "week")).visits
    assert visits == (28.0, 91.0, 364.0)
    per_ul = vc.QuantileTarget("C_per_ul", {0.5: of_unit(31.0, "cells/ul")}, day=7.0)
    assert per_ul.values == [31.0]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: vc.QuantileTarget("C_per_ull", QUARTILES, day=7.0), "Did you mean 'C_per_ul'"),
        (lambda: vc.QuantileTarget("C_per_ul", QUARTILES), "on which day"),
        (lambda: vc.QuantileTarget("C_max", QUARTILES, day=7.0), "Leave day out"),
        (lambda: vc.QuantileTarget("C_max", {}), "values by probability"),
        (lambda: vc.QuantileTarget("C_max", {25: 1.0}), "between 0 and 1"),
        (lambda: vc.QuantileTarget("C_max", {0.25: 2.0, 0.5: 1.0}), "rise with their"),
        (lambda: vc.QuantileTarget("C_max", {0.5: -2.0}), "greater than 0"),
        (lambda: vc.QuantileTarget("C_max", {0.5: 2.0}, error=0.0), "error = 0 is impossible"),
        (lambda: vc.QuantileTarget("C_max", {0.5: of_unit(31.0, "cells/ul")}), "read in cells"),
        (lambda: vc.QuantileTarget("C", {0.5: of_unit(31.0, "cells/ul")}, day=7.0), "in cells"),
        (lambda: vc.QuantileTarget("C_max", {0.5: np.nan}), "greater than 0"),
        (lambda: vc.QuantileTarget("C", QUARTILES, day=of_unit(2.0, "ug")), "one of day, week"),
        (lambda: vc.SurvivalTarget(CURVE, DAYS, visits=[28.0, 91.0]), "last visit is on day 91"),
        (lambda: vc.SurvivalTarget(CURVE, DAYS, unscheduled=0.5), "share of what visits see"),
        (lambda: vc.SurvivalTarget(CURVE, DAYS, visits=[91.0, 28.0]), "days that increase"),
        (lambda: vc.SurvivalTarget(CURVE, DAYS, visits=[400.0], unscheduled=2), "it is a share"),
        (lambda: vc.SurvivalTarget(CURVE, [60.0, 500.0]), "last day, 300"),
        (lambda: vc.ResponseTarget(complete=np.nan), "it is a share"),
        (lambda: vc.ResponseTarget(complete=0.5, detection_limit=0.1), "in cells in the body"),
        (lambda: vc.ResponseTarget(complete=0.5, until=20.0, visits=[28.0]), "nobody is seen"),
        (lambda: vc.calibrate(POPULATION, TARGETS, ["r_B"], trial_size=5000), "at most 2000"),
        (lambda: vc.calibrate(POPULATION, Own((1.0, 2.0), 0.1), ["r_B"]), "numbers of the shape"),
        (lambda: vc.calibrate(POPULATION, Own((np.nan,), 0.1), ["r_B"]), "finite numbers"),
        (lambda: vc.calibrate(POPULATION, Own((1.0,), 0.0), ["r_B"]), "error above 0"),
        (
            lambda: vc.calibrate(POPULATION, [TARGETS[0], Own((1.0,), 0.1, 2)], ["r_B"], n=8),
            "numbers of the shape",
        ),
        (vc.ResponseTarget, "give complete=0.54"),
        (lambda: vc.ResponseTarget(complete=54.0), "it is a share"),
        (lambda: vc.ResponseTarget(complete=0.9, overall=0.5), "must not be less"),
        (lambda: vc.ResponseTarget(complete=0.5, until=-1.0), "until=-1"),
        (lambda: vc.BestResponse(partial=2.0), "between 0 and 1"),
        (lambda: vc.calibrate(POPULATION, [TARGETS[0], CURVE], ["r_B"]), "is no target"),
        (lambda: vc.calibrate(POPULATION, TARGETS[:1] * 2, ["r_B"]), "pfs_60 is a target twice"),
        (lambda: vc.calibrate(POPULATION, TARGETS, ["r_B"], days=[1.0, 2.0]), "SurvivalTarget"),
        (lambda: vc.calibrate(POPULATION, TARGETS, ["r_B"], weights=True), "one survival curve"),
        (lambda: vc.calibrate(POPULATION, TARGETS, ["r_B"], correlated=["r_B"]), "at least two"),
        (lambda: vc.calibrate(POPULATION, TARGETS, ["r_B"], correlated=["r_b"]), "Did you mean"),
    ],
)
def test_bad_input(make, match):
    with pytest.raises(vc.VcohortError, match=match):
        make()


STATISTICS = {
    "peak": np.random.default_rng(3).lognormal(0.0, 1.0, 40_000),
    "cured": np.random.default_rng(4).random(40_000) < 0.3,
}


def test_plausible_patients_lie_within_all_ranges():
    """Without targets they weigh the same; a missing number is not plausible."""
    peak = np.where(np.arange(40_000) < 100, np.nan, STATISTICS["peak"])
    ds = vc.select_patients(STATISTICS | {"peak": peak}, {"peak": (0.5, np.inf)})
    wanted = peak >= 0.5
    np.testing.assert_array_equal(ds["plausible"].values == 1, wanted)
    np.testing.assert_allclose(ds["weight"].values, wanted / wanted.mean())
    assert ds.attrs["plausible_patients"] == wanted.sum()


def test_weights_and_chosen_patients_match_the_targets():
    targets = {"cured": 0.6, "peak": 2.0}
    ds = vc.select_patients(STATISTICS, {"peak": (0.2, 8.0)}, targets, n=5000, seed=7)
    chosen = ds["chosen"].values == 1
    assert chosen.sum() == 5000 and not (chosen & (ds["plausible"].values == 0)).any()
    for name, wanted in targets.items():
        values = STATISTICS[name].astype(float)
        assert float(np.mean(ds["weight"].values * values)) == pytest.approx(wanted, rel=1e-2)
        error = values[chosen].std() / np.sqrt(5000)
        assert abs(values[chosen].mean() - wanted) < Z_LIMIT * error


@pytest.mark.parametrize(
    ("ranges", "more", "match"),
    [
        ({"peek": (0, 1)}, {}, "Did you mean 'peak'"),
        ({"peak": (2, 1)}, {}, "lowest and highest"),
        ({"peak": (-2, -1)}, {}, "No patient is plausible"),
        ([("peak", 1)], {}, "bounds by name"),
        ({}, {"targets": {"cured": 2.0}}, "no patient is outside"),
        ({}, {"targets": {"cured": 0.99}, "n": 39_999}, "fewer than n = 39999"),
    ],
)
def test_selections_that_cannot_be(ranges, more, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.select_patients(STATISTICS, ranges, **more)
