"""Patients of several kinds, against the moments and quantiles of a mixture."""

import numpy as np
import pytest
from scipy import stats

import vcohort as vc

SENSITIVE = vc.MultivariateNormal(
    {"r_B": 0.1, "gamma_B": 2.0}, [[0.25, 0.1], [0.1, 0.16]], log=True
)
RESISTANT = vc.MultivariateNormal(
    {"r_B": 0.04, "gamma_B": 0.3}, [[0.09, -0.05], [-0.05, 0.36]], log=True
)
MIXTURE = vc.Mixture([(0.7, SENSITIVE), (0.3, RESISTANT)])


def cdf(name, values):
    """Return the share below: the kinds' by their shares."""
    parts = (
        share * stats.norm.cdf(np.log(values), np.log(kind.marginal(name).median),
                               kind.marginal(name).sigma)
        for share, kind in ((0.7, SENSITIVE), (0.3, RESISTANT))
    )  # fmt: skip
    return sum(parts)


@pytest.mark.parametrize("design", ["random", "sobol"])
def test_patients_have_the_moments_of_a_mixture(design):
    """Mean and covariance of logs: those within the kinds, and of their means."""
    cohort = vc.Population("kimmel2021", joint=MIXTURE).sample(100_000, 5, design=design)
    logs = np.log([cohort[name] for name in MIXTURE.names])
    means = [np.log(kind.centre) for kind in MIXTURE.kinds]
    mean = 0.7 * means[0] + 0.3 * means[1]
    between = sum(
        share * np.outer(each - mean, each - mean)
        for share, each in zip((0.7, 0.3), means, strict=True)
    )
    wanted = 0.7 * SENSITIVE.covariance + 0.3 * RESISTANT.covariance + between
    np.testing.assert_allclose(logs.mean(axis=1), mean, atol=0.015)
    np.testing.assert_allclose(np.cov(logs), wanted, rtol=0.03)


@pytest.mark.parametrize("name", MIXTURE.names)
def test_each_parameter_has_the_quantiles_of_its_kinds(name):
    u = np.linspace(0.001, 0.999, 97)
    alone = MIXTURE.marginal(name)
    np.testing.assert_allclose(cdf(name, alone.quantile(u)), u, atol=1e-6)
    drawn = vc.Population("kimmel2021", joint=MIXTURE).sample(20_000, 3)[name]
    assert stats.kstest(drawn, lambda values: cdf(name, values)).pvalue > 1e-4
    moved = alone.moved_to(1.7)
    np.testing.assert_allclose(moved.quantile(u), alone.quantile(u) * 1.7 / alone.quantile(0.5),
                               rtol=1e-6)  # fmt: skip


def test_one_kind_is_that_kind():
    alone = vc.Population("kimmel2021", joint=vc.Mixture([(1.0, SENSITIVE)])).sample(50, 1)
    same = vc.Population("kimmel2021", joint=SENSITIVE).sample(50, 1)
    for name in MIXTURE.names:
        np.testing.assert_allclose(alone[name], same[name], rtol=1e-12)


def test_it_is_moved_recorded_and_told():
    population = vc.Population("kimmel2021", joint=MIXTURE)
    before, middle = population.sample(40, 2), MIXTURE.marginal("r_B").quantile(np.array([0.5]))
    after = population.replace(r_B=0.2).sample(40, 2)
    np.testing.assert_allclose(after["r_B"] / before["r_B"], 0.2 / middle[0], rtol=1e-9)
    np.testing.assert_allclose(after["gamma_B"], before["gamma_B"], rtol=1e-12)
    again = vc.Population.from_record(population.to_record())
    np.testing.assert_array_equal(again.sample(40, 2)["r_B"], before["r_B"])
    assert eval(repr(MIXTURE), vars(vc)) == MIXTURE and hash(again.joint) == hash(MIXTURE)


@pytest.mark.parametrize("joint", [MIXTURE, SENSITIVE])
def test_a_parameter_that_gets_a_distribution_of_its_own_leaves_the_others(joint):
    made = vc.Population("kimmel2021", joint=joint)
    fixed = made.replace(r_B=vc.Fixed(0.3))
    assert fixed.joint is not None and fixed.joint.names == ("gamma_B",)
    cohort = fixed.sample(20_000, 3)
    assert (cohort["r_B"] == 0.3).all()
    known = joint.marginal("gamma_B").quantile
    assert np.quantile(cohort["gamma_B"], [0.25, 0.5, 0.75]) == pytest.approx(
        known(np.array([0.25, 0.5, 0.75])), rel=0.03
    )
    assert fixed.replace(gamma_B=vc.LogNormal(1.0, 0.1)).joint is None


@pytest.mark.parametrize(
    ("kinds", "match"),
    [
        ([], "give pairs"),
        (MIXTURE.kinds, "give pairs"),
        ("two", "give pairs"),
        ([(0.5, SENSITIVE), (0.4, RESISTANT)], "add up to 1"),
        ([(1.2, SENSITIVE), (-0.2, RESISTANT)], "greater than 0"),
        ([(np.nan, SENSITIVE)], "must be a finite number"),
        ([(1.0, vc.LogNormal(1.0, 0.1))], "with log=True"),
        ([(1.0, vc.MultivariateNormal({"r_B": 0.1}, [[1e-4]]))], "with log=True"),
        ([(0.5, SENSITIVE), (0.5, RESISTANT.without("r_B"))], "r_B vary in some kinds alone"),
    ],
)
def test_what_is_no_mixture(kinds, match):
    with pytest.raises(vc.VcohortError, match=match):
        vc.Mixture(kinds)
