"""Distributions: what they take, that they stay what they are when moved, and what they record."""

import json
import warnings
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import vcohort as vc
from vcohort.populations.distributions import median_of

CENTRES = {"K_C": 7e10, "r_B": 0.1}
COVARIANCE = np.array([[4.9e19, -3e7], [-3e7, 1e-4]])
LOGS = np.array([[0.04, -0.01], [-0.01, 0.09]])


@dataclass(frozen=True)
class Scaled:
    """A distribution of the user's own, of two values, that says how it moves."""

    high: float

    def quantile(self, u):
        return self.high * np.where(u < 0.2, 0.5, 1.0)

    def moved_to(self, centre):
        return Scaled(centre)


@dataclass(frozen=True)
class Stuck:
    """One that does not."""

    high: float

    def quantile(self, u):
        return np.full_like(u, self.high)


class Doubled(vc.LogNormal):
    """One that would inherit how its parent moves, and become it."""

    def quantile(self, u):
        return 2.0 * super().quantile(u)


LAWS = {
    "fixed": vc.Fixed(0.08),
    "normal": vc.Normal(0.08, 0.0123456789012345678),
    "log-normal": vc.LogNormal(0.08, 0.4),
    "uniform": vc.Uniform(0.05, 0.11),
    "few": vc.Empirical([0.08] * 80 + [0.05] * 15 + [0.2] * 5),
    "many": vc.Empirical(np.random.default_rng(1).lognormal(-2.5, 0.5, 1000)),
}
OWN = {"own": Scaled(0.08)}


def population(**options):
    return vc.Population("kimmel2021-figures", **options)


def drawn(made, name="r_B", seed=3):
    return np.asarray(made.sample(400, seed)[name])


def axis(made, value):
    """The patients of a sweep's cell at a value, by their own parameter."""
    from vcohort.sweeps.api import plan_of  # noqa: PLC0415
    from vcohort.sweeps.compute import cells  # noqa: PLC0415

    plan = plan_of(made, {"r_B": [value]}, 400, seed=3)
    return cells.draw(plan, cells.spans(plan, 0)[0]).table.values["r_B"]


MOVES = {"replace": lambda made, value: drawn(made.replace(r_B=value)), "sweep": axis}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("kind", [*LAWS, *OWN])
@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_a_moved_distribution_is_the_same_one_elsewhere(kind, move, sigma):
    """Every family here has a scale: about another centre, all values are multiplied."""
    law = {**LAWS, **OWN}[kind]
    made = population(sigma=sigma, r_B=law)
    there = MOVES[move](made, 3.0 * median_of(law))
    np.testing.assert_allclose(there, 3.0 * drawn(made), rtol=1e-12)
    assert type(made.replace(r_B=0.1).distributions["r_B"]) is type(law)


@pytest.mark.parametrize("log", [False, True])
def test_a_joint_distribution_keeps_its_relative_covariance(log):
    joint = vc.MultivariateNormal(CENTRES, LOGS if log else COVARIANCE, log=log)
    made = population(joint=joint)
    moved = made.replace(K_C=1.4e11, gamma_B=1.2)
    np.testing.assert_allclose(drawn(moved, "K_C"), 2.0 * drawn(made, "K_C"), rtol=1e-12)
    np.testing.assert_allclose(drawn(moved), drawn(made), rtol=1e-12)
    swept = vc.sensitivity_map(made, {"K_C": [7e10, 1.4e11], "r_B": [0.1]}, 8, progress=False)
    cells = [made.replace(K_C=at, r_B=0.1).sample(8, 0, design="sobol") for at in (7e10, 1.4e11)]
    expected = [float(vc.cure_probability(cell).mean()) for cell in cells]
    assert swept["cure_probability"].values[:, 0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("law", "centre", "message"),
    [
        *((law, bad, "r_B = .* moves the centre of") for bad in (0.0, -0.1)
          for law in (vc.Normal(0.1, 0.01), vc.LogNormal(0.1, 0.1), vc.Uniform(0.1, 0.2),
                      vc.Empirical([0.1, 0.2, 0.3]))),
        (vc.Fixed(0.1), -0.1, "r_B = -0.1 is impossible"),
        (vc.Uniform(0.0, 0.0), 0.1, "no positive factor"),
        (vc.Empirical([0.0, 0.0, 0.3]), 0.1, "no positive factor"),
        (Stuck(0.1), 0.1, r"no method moved_to\(centre\)"),
        (Doubled(0.1, 0.1), 0.1, r"no method moved_to\(centre\)"),
        *((law, bad, "r_B = .* (finite|neither a number)") for bad in (np.nan, "0.1", True, [0.1])
          for law in LAWS.values()),
    ],
)  # fmt: skip
def test_what_cannot_be_moved_is_refused(law, centre, message):
    with pytest.raises(vc.VcohortError, match=message):
        population(r_B=law).replace(r_B=centre)


@pytest.mark.parametrize(
    "act",
    [
        lambda fixed: fixed.replace(sigma=0.1),
        lambda fixed: vc.sweep(fixed, {"sigma": [0.0, 0.1]}, 4, progress=False),
        lambda fixed: vc.Population("kimmel2021-figures", 0.1, **fixed.overrides),
    ],
)
def test_a_sigma_by_which_nothing_varies_is_refused(act):
    values = vc.presets()["kimmel2021-figures"].values
    laws = {name: vc.Fixed(value) for name, value in values.items() if name not in {"N0", "C0"}}
    with pytest.raises(vc.VcohortError, match=r"By sigma = 0\.1 nothing varies"):
        act(population(**laws))


MAKERS = {
    "Fixed": vc.Fixed,
    "Normal mean": lambda x: vc.Normal(x, 0.1),
    "Normal sd": lambda x: vc.Normal(1.0, x),
    "LogNormal median": lambda x: vc.LogNormal(x, 0.1),
    "LogNormal sigma": lambda x: vc.LogNormal(1.0, x),
    "LogitNormal median": lambda x: vc.LogitNormal(x, 0.1),
    "LogitNormal sigma": lambda x: vc.LogitNormal(0.5, x),
    "Uniform lower": lambda x: vc.Uniform(x, 2.0),
    "Uniform upper": lambda x: vc.Uniform(0.0, x),
    "joint centre": lambda x: vc.MultivariateNormal({"r_B": x}, [[1.0]]),
}


@pytest.mark.parametrize("bad", [np.nan, np.inf, "1", True, None, 1j, [1.0, 2.0], {}])
@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_no_finite_number_makes_no_distribution(maker, bad):
    with pytest.raises(vc.VcohortError, match="is impossible: it must be"):
        MAKERS[maker](bad)


@pytest.mark.parametrize(
    "kind", [np.float64, np.float32, np.array, Fraction, Decimal, lambda x: int(2 * x)]
)
@pytest.mark.parametrize("maker", MAKERS)
def test_numbers_of_any_kind_make_the_same_distribution(maker, kind):
    given = kind(0.5)
    made, expected = MAKERS[maker](given), MAKERS[maker](float(given))
    assert made == expected and repr(made) == repr(expected)


@pytest.mark.parametrize(
    "values", [[], 5.0, [[1.0, 2.0]], ["1", "2"], [True, False], [1.0, np.nan], [np.inf], {1, 2}]
)
def test_what_is_no_list_of_finite_numbers_is_not_observed(values):
    with pytest.raises(vc.VcohortError, match="Empirical"):
        vc.Empirical(values)


@pytest.mark.parametrize(
    "quantile",
    [
        lambda u: 0.1,
        lambda u: u[:1],
        lambda u: np.stack([u, u]),
        lambda u: np.where(u > 0.9, np.nan, 0.1),
        lambda u: (0.1 + u).astype(str),
        lambda u: u > 0.5,
        lambda u: u + 1j,
    ],
)
def test_a_quantile_function_must_give_one_number_each(quantile):
    own = type("Own", (), {"quantile": lambda self, u: quantile(u)})()
    with pytest.raises(vc.VcohortError, match=r"quantile|r_B"):
        population(r_B=own).sample(100)


def test_uniform_numbers_are_not_for_writing():
    own = type("Own", (), {"quantile": lambda self, u: np.add(u, 0.1, out=u)})()
    with pytest.raises(ValueError, match="read-only"):
        population(r_B=own).sample(100)


LABELLED = {
    "DataFrame": lambda matrix, names: pd.DataFrame(matrix, names, names),
    "DataArray": lambda matrix, names: xr.DataArray(
        matrix, dims=("one", "other"), coords={"one": names, "other": names}
    ),
}


@pytest.mark.parametrize("label", LABELLED)
@pytest.mark.parametrize("series", [dict, pd.Series])
def test_labels_decide_not_places(label, series):
    joint = vc.MultivariateNormal(series(CENTRES), COVARIANCE)
    turned = LABELLED[label](COVARIANCE[::-1, ::-1], ["r_B", "K_C"])
    assert vc.MultivariateNormal(series(CENTRES), turned) == joint
    for wrong in (["r_B", "K_N"], ["r_B", "r_B"], [0, 1]):
        with pytest.raises(vc.VcohortError, match="labelled"):
            vc.MultivariateNormal(CENTRES, LABELLED[label](COVARIANCE, wrong))


@pytest.mark.parametrize(
    "covariance",
    [
        [[1.0, 0.5], [0.4, 1.0]],
        [[1e-4, 5e-9], [0.0, 1e-4]],
        [[0.0, 1.0], [1.0, 1.0]],
        [[-1.0, 0.0], [0.0, 1.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
        [[1.0, 1.1], [1.1, 1.0]],
    ],
)
def test_what_is_no_covariance_is_refused(covariance):
    with pytest.raises(vc.VcohortError, match="no covariance"):
        vc.MultivariateNormal(CENTRES, covariance)


def test_patients_of_a_joint_distribution_do_not_depend_on_its_order_or_on_their_neighbours():
    names = ["K_C", "r_B", "rho_C"]
    centre = dict(zip(names, (7e10, 0.1, 0.04), strict=True))
    deviation = np.array([7e9, 0.01, 0.002])
    correlation = np.array([[1.0, -0.6, 0.3], [-0.6, 1.0, 0.1], [0.3, 0.1, 1.0]])
    covariance = correlation * np.outer(deviation, deviation)
    one = population(joint=vc.MultivariateNormal(centre, covariance))
    order = [2, 0, 1]
    turned = {names[index]: centre[names[index]] for index in order}
    two = population(joint=vc.MultivariateNormal(turned, covariance[np.ix_(order, order)]))
    whole, other = one.sample(50, 5), two.sample(7, 5, first=31)
    for name in names:
        np.testing.assert_array_equal(whole[name][31:38], other[name])
    many = one.sample(200_000, 1)
    found = np.cov(np.stack([many[name] for name in names]))
    np.testing.assert_allclose(found / np.outer(deviation, deviation), correlation, atol=0.02)
    for name, sd in zip(names, deviation, strict=True):
        law = stats.norm(centre[name], sd)
        assert stats.kstest(one.sample(5000, 2)[name], law.cdf).pvalue > 1e-4


JOINT = {"log": vc.MultivariateNormal(CENTRES, LOGS, log=True),
         "normal": vc.MultivariateNormal(CENTRES, COVARIANCE / 3.0)}  # fmt: skip
POPULATIONS = {
    **{name: {"r_B": law, "sigma": 0.1 / 3.0} for name, law in LAWS.items()},
    **{name: {"joint": law, "K_N": 2.5e11 / 3.0} for name, law in JOINT.items()},
    "model": {"model": vc.car_t(growth="logistic"), "sigma": 0.1},
}


@pytest.mark.parametrize("kind", POPULATIONS)
def test_a_recorded_population_draws_the_same_bits(kind, tmp_path, run):
    made = population(**POPULATIONS[kind])
    cohort = made.sample(20, 2**64 - 1)
    ds = run(cohort, "deterministic", horizon=50.0)
    vc.save(ds, tmp_path / "run.nc")
    record = vc.load(tmp_path / "run.nc").attrs["population_record"]
    again = vc.Population.from_record(record).sample(20, int(ds.attrs["cohort_seed"]))
    for name, values in cohort.values.items():
        np.testing.assert_array_equal(again[name], values)
    assert again.model == made.model


@pytest.mark.parametrize("law", [*(law for law in LAWS.values() if "values" not in repr(law)),
                                 *JOINT.values()])  # fmt: skip
def test_a_short_text_of_a_distribution_is_the_distribution(law):
    assert eval(repr(law), vars(vc)) == law


def test_different_distributions_have_different_records():
    laws = [vc.Empirical([0.1, 0.2]), vc.Empirical([0.1, 0.20000000000000004]),
            vc.Empirical(np.linspace(0.1, 0.2, 50)), vc.Empirical(np.linspace(0.1, 0.2, 50) ** 1.1),
            vc.Normal(0.1, 0.01), vc.LogNormal(0.1, 0.01), Scaled(0.1), Stuck(0.1)]  # fmt: skip
    records = {json.dumps(population(r_B=law).to_record()) for law in laws}
    assert len(records) == len(laws)


@pytest.mark.parametrize("law", [Scaled(0.1), type("Mute", (), {"quantile": lambda self, u: u})()])
def test_a_record_says_what_it_cannot_make_again(law, run):
    made = population(r_B=law)
    ds = run(made.sample(3), "deterministic", horizon=50.0)
    with pytest.raises(vc.VcohortError, match=rf"of your own.*{type(law).__name__}"):
        vc.Population.from_record(ds.attrs["population_record"])


@pytest.mark.parametrize("record", ["", "{}", "[]", '{"preset": 3}', "{'a': 1}"])
def test_what_is_no_record_is_refused(record):
    with pytest.raises(vc.VcohortError, match="no record of a population"):
        vc.Population.from_record(record)


def schedule(patients):
    days = np.linspace(20.0, 30.0, patients) / 3.0
    return vc.Regimen(
        vc.Infusion(100.0 / 3.0),
        vc.Infusion(days, cells=1e9 / 7.0),
        vc.Lymphodepletion(np.where(days > 8.0, days, np.inf), (0.1 / 3.0, days / 100.0)),
    )


def test_a_recorded_regimen_is_the_same_to_the_last_bit(run):
    regimen = schedule(5)
    ds = run(population().sample(5), "deterministic", horizon=50.0, regimen=regimen)
    for again in (
        vc.Regimen.from_record(ds.attrs["regimen_record"], ds),
        vc.Regimen.from_record(json.dumps(regimen.to_record())),
    ):
        pairs = zip(regimen.named_fields(), again.named_fields(), strict=True)
        for (name, value, unit), (other, there, same) in pairs:
            assert (name, unit) == (other, same)
            np.testing.assert_array_equal(value, there)
    with pytest.raises(vc.VcohortError, match="Give the dataset too"):
        vc.Regimen.from_record(ds.attrs["regimen_record"])
    assert "33.333333333333336" in repr(regimen)


def test_values_that_were_replaced_are_told_of(run):
    cohort = population(sigma=0.1).sample(3).replace(r_B=0.1).replace(K_C=7e10, r_B=0.2)
    assert run(cohort, "deterministic", horizon=50.0).attrs["replaced"] == "r_B, K_C"


@pytest.mark.parametrize(
    "act",
    [
        lambda: population(joint=vc.MultivariateNormal({"C0": 1.8}, [[0.01]], log=True)),
        lambda: population().replace(C0=1.8),
        lambda: population(C0=vc.LogNormal(1e8, 0.1)).replace(C0=1.8),
        lambda: vc.sweep(population(), {"C0": [1.8, 1.9, 2.0]}, 2, progress=False),
        lambda: vc.sweep(population(), {"C0": [1e8, 1.9]}, 2, layout="table", progress=False),
        lambda: vc.sweep(population(), {"C0": (1.8, 1e9)}, 2, layout="sobol", cells=2,
                         progress=False),
        lambda: vc.sensitivity_map(population(), {"C0": [1.8, 2.0], "r_B": [0.1, 0.2]}, 1,
                                   progress=False),
    ],
)  # fmt: skip
def test_another_unit_is_told_of_once(act):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        act()
    assert len([each for each in told if "C0 = 1." in str(each.message)]) == 1


KINDS = (tuple, np.array, pd.Series, xr.DataArray, lambda values: list(map(Decimal, values)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"layout": "table"}, {"layout": "sobol", "cells": 2}])
def test_axes_of_any_kind_are_read_by_position(kind, options):
    from vcohort.sweeps.design.layout import make_layout  # noqa: PLC0415

    given = kind([8e10, 9e10])
    if isinstance(given, pd.Series):
        given = given.set_axis([1, 0])
    made = make_layout({"K_C": given}, options.get("layout", "grid"), options.get("cells"))
    expected = make_layout(
        {"K_C": [8e10, 9e10]}, options.get("layout", "grid"), options.get("cells")
    )
    np.testing.assert_array_equal(made.columns["K_C"][1], expected.columns["K_C"][1])


@pytest.mark.parametrize("bad", [["7e10", "8e10"], [True, False], [None, 1.0], [np.nan, 1.0], {}])
@pytest.mark.parametrize("options", [{}, {"layout": "table"}, {"layout": "sobol", "cells": 2}])
def test_axes_of_no_numbers_are_refused(bad, options):
    with pytest.raises(vc.VcohortError, match="The values of K_C must be"):
        vc.sweep(population(), {"K_C": bad}, 2, progress=False, **options)
