"""Gradients of the cure probability against central differences, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vcohort as vc

PARAMETERS = tuple(vc.car_t().parameters)


@pytest.fixture(scope="module")
def doubtful():
    """Patients whose cure is in doubt, on either side of one half."""
    population = vc.Population("kimmel2021-figures", 0.03)
    cohort = population.sample(400, seed=6)
    probability = np.asarray(vc.cure_probability(cohort, dtype="float64"))
    return cohort.select(np.flatnonzero((probability > 0.02) & (probability < 0.98))[:24])


def cure_as_function_of(cohort, name):
    return jax.jit(lambda values: vc.cure_probability(cohort.replace(**{name: values})))


# Half of them wait for the slow tests: each compiles two programs of its own.
SOME = [
    pytest.param(name, marks=[] if index % 2 else pytest.mark.slow)
    for index, name in enumerate(PARAMETERS)
]


@pytest.mark.parametrize("name", SOME)
def test_gradient_equals_central_differences(name, doubtful):
    assert len(doubtful) == 24
    with jax.enable_x64(True):
        values = jnp.asarray(doubtful[name])
        cure = cure_as_function_of(doubtful, name)
        gradient = jax.grad(lambda x: cure(x).sum())(values)
        step = 1e-5 * values
        difference = (cure(values + step) - cure(values - step)) / (2 * step)
        np.testing.assert_allclose(gradient, difference, rtol=2e-5, atol=1e-9 / values[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_gradients_are_finite_everywhere(name, dtype):
    """Also where the probability is 0 or 1 to rounding, over three times the usual variability."""
    cohort = vc.Population("kimmel2021-figures", 0.15).sample(2000, seed=7)
    with jax.enable_x64(dtype == "float64"):
        values = jnp.asarray(cohort[name], dtype)
        gradient = jax.grad(lambda x: vc.cure_probability(cohort.replace(**{name: x})).sum())(
            values
        )
        assert bool(jnp.isfinite(gradient).all())


def test_forward_mode_agrees_with_reverse_mode(doubtful):
    with jax.enable_x64(True):
        values = jnp.asarray(doubtful["K_C"])
        cure = cure_as_function_of(doubtful, "K_C")
        _, forward = jax.jvp(cure, (values,), (jnp.ones_like(values),))
        backward = jax.grad(lambda x: cure(x).sum())(values)
        np.testing.assert_allclose(forward, backward, rtol=1e-9)


def test_traced_and_plain_values_agree():
    cohort = vc.Population("kimmel2021-figures", 0.1).sample(1000, seed=1)
    plain = np.asarray(vc.cure_probability(cohort))
    traced = np.asarray(jax.jit(vc.cure_probability)(cohort))
    assert np.abs(plain - traced).max() < 1e-3
