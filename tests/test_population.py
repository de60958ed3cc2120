"""Populations and designs: the laws they draw from, and that patient i is patient i."""

import numpy as np
import pytest
from scipy import stats

import vcohort as vc
from tests.conftest import P_LIMIT


def test_patient_i_depends_on_seed_and_i_alone():
    population = vc.Population("kimmel2021", 0.1, B0=vc.Uniform(1e9, 1e12))
    for design in ("random", "sobol"):
        whole = population.sample(1000, seed=3, design=design)
        part = population.sample(300, seed=3, design=design, first=500)
        for name in whole.values:
            assert np.array_equal(whole[name][500:800], part[name])
        assert np.array_equal(part.patient, np.arange(500, 800))


@pytest.mark.parametrize("first", [8190, 65_530, 131_070, 199_990])
def test_nor_on_which_thread_draws_it(first):
    population = vc.Population("kimmel2021", 0.1)
    whole, part = population.sample(200_010, seed=3), population.sample(20, seed=3, first=first)
    for name in whole.values:
        assert np.array_equal(whole[name][first : first + 20], part[name])


def test_overriding_one_parameter_leaves_the_others_draws_alone():
    plain = vc.Population("kimmel2021", 0.1).sample(50, seed=1)
    moved = vc.Population("kimmel2021", 0.1, r_B=vc.LogNormal(0.1, 0.5)).sample(50, seed=1)
    assert np.array_equal(plain["K_C"], moved["K_C"])
    assert not np.array_equal(plain["r_B"], moved["r_B"])


def test_seeds_differ():
    population = vc.Population("kimmel2021", 0.1)
    assert not np.array_equal(
        population.sample(9, seed=1)["K_C"], population.sample(9, seed=2)["K_C"]
    )


@pytest.mark.parametrize("design", ["random", "sobol", "latin-hypercube"])
def test_the_papers_variability(design):
    """Nine parameters vary by value (1 + sigma z), the three initial numbers do not."""
    cohort = vc.Population("kimmel2021", 0.05).sample(4096, seed=5, design=design)
    for name, value in vc.presets()["kimmel2021"].values.items():
        if name in {"N0", "C0", "B0"}:
            assert (cohort[name] == value).all()
        else:
            law = stats.norm(value, 0.05 * value)
            assert stats.kstest(cohort[name], law.cdf).pvalue > P_LIMIT


def test_large_sigma_is_floored_above_zero():
    cohort = vc.Population("kimmel2021", 1.0).sample(10_000, seed=1)
    assert (cohort["K_C"] > 0).all()
    assert (cohort["K_C"] == 1e-6 * 6.96e10).mean() == pytest.approx(stats.norm.cdf(-1), abs=0.02)


@pytest.mark.parametrize(
    ("distribution", "law"),
    [
        (vc.LogNormal(0.1, 0.4), stats.lognorm(0.4, scale=0.1)),
        (vc.Uniform(0.05, 0.3), stats.uniform(0.05, 0.25)),
        (vc.Normal(0.1, 0.01), stats.norm(0.1, 0.01)),
    ],
)
def test_distributions(distribution, law):
    cohort = vc.Population("kimmel2021", r_B=distribution).sample(20_000, seed=2)
    assert stats.kstest(cohort["r_B"], law.cdf).pvalue > P_LIMIT


def test_empirical_draws_are_the_observed_values_equally_often():
    observed = vc.data.baseline_tumour_cells()
    cohort = vc.Population("kimmel2021", B0=vc.Empirical(observed)).sample(50_000, seed=1)
    values, weights = np.unique(observed, return_counts=True)
    drawn, counts = np.unique(cohort["B0"], return_counts=True)
    assert np.array_equal(drawn, values)
    assert stats.chisquare(counts, 50_000 * weights / weights.sum()).pvalue > P_LIMIT


def test_fixed_ignores_sigma():
    assert (vc.Population("kimmel2021", 0.1, r_B=vc.Fixed(0.2)).sample(99)["r_B"] == 0.2).all()


@pytest.mark.parametrize("log", [False, True])
def test_correlated_parameters_have_the_covariance_asked_for(log):
    scale = np.array([0.1, 0.2]) if log else np.array([7e9, 0.02])
    covariance = np.array([[1.0, -0.6], [-0.6, 1.0]]) * np.outer(scale, scale)
    joint = vc.MultivariateNormal({"K_C": 7e10, "r_B": 0.1}, covariance, log=log)
    cohort = vc.Population("kimmel2021", joint=joint).sample(100_000, seed=4)
    pair = np.stack([cohort["K_C"], cohort["r_B"]])
    pair = np.log(pair) if log else pair
    np.testing.assert_allclose(np.cov(pair), covariance, rtol=0.03)
    centre = np.log([7e10, 0.1]) if log else [7e10, 0.1]
    np.testing.assert_allclose(pair.mean(axis=1), centre, rtol=5e-3)


def test_sobol_fills_space_more_evenly_than_chance():
    population = vc.Population("kimmel2021", r_B=vc.Uniform(0.0001, 1.0))
    error = {
        design: abs(population.sample(1024, seed=1, design=design)["r_B"].mean() - 0.50005)
        for design in ("random", "sobol", "latin-hypercube")
    }
    assert error["sobol"] < error["random"] / 5
    assert error["latin-hypercube"] < error["random"] / 5


def test_cohorts_from_arrays():
    cohort = vc.Cohort.from_values("kimmel2021", K_C=[6e10, 7e10], r_B=0.1)
    assert len(cohort) == 2 and cohort["r_B"].tolist() == [0.1, 0.1]
    changed = cohort.replace(r_B=0.2).select(slice(1, None))
    assert len(changed) == 1 and changed["r_B"].tolist() == [0.2] and changed["K_C"] == [7e10]
    assert changed.patient.tolist() == [1]


def test_laws_that_mean_something_else_keep_their_own_defaults():
    model = vc.car_t(killing="doubly-saturating")
    cohort = vc.Population("kimmel2021", model=model).sample(1)
    assert cohort["gamma_B"][0] == model.param("gamma_B").default
    assert cohort["k_B"][0] == model.param("k_B").default


CLOSED = {
    "r_B": {}, "gamma_B": {}, "b": {}, "delta_N": {"growth": "interaction"},
    "c": {"growth": "logistic"}, "k_1": {"feedback": "B"}, "phi": {"killing": "crowded"},
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_of_nothing_every_share_is_nothing(name):
    """value (1 + sigma z) is 0 where the value is, for each parameter that may be 0."""
    population = vc.Population("kimmel2021", 0.1, model=vc.car_t(**CLOSED[name]), **{name: 0.0})
    cohort = population.sample(50)
    assert (cohort[name] == 0.0).all() and np.ptp(cohort["K_C"]) > 0
    assert (population.replace(sigma=0.2).sample(50)[name] == 0.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": 5.5}, "first = 5.5 is impossible"),
        ({"first": -1}, "first = -1 is impossible"),
        ({"first": True}, "first = True is impossible"),
        ({"first": 2**63 - 9}, "first = 9223372036854775799 is impossible"),
        ({"first": 2**32 - 9, "design": "sobol"}, "2.32 points"),
        ({"first": 1, "design": "latin-hypercube"}, "first = 1 is no beginning"),
        ({"seed": -1}, "seed = -1 is impossible"),
        ({"seed": 2**64}, "seed = 18446744073709551616 is impossible"),
        ({"seed": True}, "seed = True is impossible"),
        ({"seed": 1.0}, "seed = 1.0 is impossible"),
    ],
)
def test_numbers_of_patients_and_seeds_are_whole(options, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.Population(sigma=0.1).sample(10, **options)
    if "seed" in options:
        with pytest.raises(vc.VcohortError, match=message):
            vc.simulate(vc.Population().sample(2), **options)


@pytest.mark.parametrize("kind", [int, np.uint8, np.int64])
def test_whole_numbers_of_any_kind_give_the_same_patients(kind):
    population = vc.Population("kimmel2021", 0.1)
    part = population.sample(kind(4), kind(7), first=kind(3))
    whole = population.sample(7, 7)
    assert part.patient.tolist() == [3, 4, 5, 6]
    np.testing.assert_array_equal(part["K_C"], whole["K_C"][3:])


def test_the_last_patients_that_can_be_numbered():
    population = vc.Population("kimmel2021", 0.1)
    last, before = (population.sample(2, first=2**63 - k) for k in (3, 5))
    assert last.patient.tolist() == [2**63 - 3, 2**63 - 2]
    assert not np.isin(last["K_C"], before["K_C"]).any()
