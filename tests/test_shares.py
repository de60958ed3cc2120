"""Parameters that are shares of something: their spread stays within 0 and 1."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import kstest, norm

import vcohort as vc

from .conftest import P_LIMIT

MODEL = vc.car_t(memory="linear", escape="mutation")
SHARES = ("u", "eps", "f_M")


def test_which_parameters_are_shares():
    found = {name for name, param in MODEL.parameters.items() if param.is_share}
    assert found == set(SHARES) and not any(p.is_share for p in vc.car_t().parameters.values())


@pytest.mark.parametrize("sigma", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("centre", [1e-5, 0.05, 0.5, 0.97, 0.999])
@pytest.mark.parametrize("name", SHARES)
def test_sigma_keeps_the_median_and_the_bounds(name, centre, sigma):
    cohort = vc.Population("kimmel2021", sigma, model=MODEL, **{name: centre}).sample(4000, seed=3)
    values = cohort[name]
    assert (values > 0).all() and (values <= 1).all()
    assert kstest((logit(values) - logit(centre)) / sigma, norm.cdf).pvalue > P_LIMIT


@pytest.mark.parametrize("name", ["eps", "f_M"])
def test_what_is_certain_does_not_vary(name):
    population = vc.Population("kimmel2021", 0.1, model=MODEL, **{name: 1.0})
    assert (population.sample(100)[name] == 1.0).all()


def test_of_a_small_share_the_spread_is_relative():
    values = vc.Population("kimmel2021", 0.05, model=MODEL, u=1e-7).sample(20_000, seed=1)["u"]
    assert np.std(values) / 1e-7 == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_a_moved_share_has_the_same_spread_of_its_odds(sigma):
    made = vc.Population("kimmel2021", sigma, model=MODEL, eps=vc.LogitNormal(0.3, 0.4))
    here, there = made.sample(400, 1)["eps"], made.replace(eps=0.9).sample(400, 1)["eps"]
    np.testing.assert_allclose(logit(there) - logit(0.9), logit(here) - logit(0.3), atol=1e-9)
    assert made.replace(eps=1.0).sample(5)["eps"].min() == 1.0


def test_distributions_that_leave_the_bounds_are_refused_with_one_that_does_not():
    population = vc.Population("kimmel2021", model=MODEL, eps=vc.LogNormal(0.9, 0.5))
    with pytest.raises(vc.VcohortError, match=r"at most 1.*vc\.LogitNormal"):
        population.sample(100)
    population.replace(eps=vc.LogitNormal(0.9, 0.5)).sample(100)


def test_nearly_all_divisions_may_be_mutations():
    """The chance 1 itself is refused; in float32 what is nearest to it is 1."""
    cohort = vc.Population("kimmel2021-figures", model=MODEL, u=1.0 - 1e-12, eps=1.0).sample(5)
    p = np.asarray(vc.cure_probability(cohort))
    assert ((p >= 0) & (p <= 1)).all()
    near = np.asarray(vc.cure_probability(cohort.replace(u=0.999)))
    np.testing.assert_allclose(p, near, atol=5e-3)
    ds = vc.simulate(cohort, "hybrid", 300.0, progress=False)
    assert (ds["outcome"] >= 0).all()


def test_calibration_of_a_share_stays_a_share():
    from vcohort.analysis.calibration.varied import find_varied  # noqa: PLC0415

    population = vc.Population("kimmel2021", model=MODEL, eps=1.0, u=1e-8)
    certain, rare = find_varied(population, ["eps", "u"])
    assert certain.family == rare.family == "logit-normal"
    z = np.float32(np.linspace(-4, 4, 9))
    # A search looks a little beyond the bounds.
    for log_location in (np.log(0.5), 0.0, 0.05):
        values = np.asarray(certain.values(np.float32(log_location), np.float32(0.0), z))
        assert (values > 0).all() and (values <= 1).all() and (np.diff(values) >= 0).all()
