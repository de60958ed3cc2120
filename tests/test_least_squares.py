"""Least squares against published minima (Moré, Garbow & Hillstrom 1981, ACM TOMS 7:17)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vcohort.analysis.estimation.least_squares import least_squares

BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39]
KOWALIK = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
KOWALIK_AT = [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]


def rosenbrock(x):
    return jnp.stack([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def bard(x):
    u = jnp.arange(1.0, 16.0)
    v = 16.0 - u
    return jnp.array(BARD) - (x[0] + u / (v * x[1] + jnp.minimum(u, v) * x[2]))


def kowalik(x):
    u = jnp.array(KOWALIK_AT)
    return jnp.array(KOWALIK) - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    ("residuals", "start", "least"),
    [
        (rosenbrock, [-1.2, 1.0], 0.0),
        (bard, [1.0, 1.0, 1.0], 8.21487e-3),
        (kowalik, [0.25, 0.39, 0.415, 0.39], 3.07505e-4),
    ],
)
def test_published_minima_are_found(residuals, start, least):
    found = least_squares(residuals, jnp.array(start), 1e-8, 30)
    assert float(jnp.sum(found.residuals**2)) == pytest.approx(least, rel=3e-6, abs=1e-14)
    assert found.residuals == pytest.approx(np.asarray(residuals(found.position)), abs=1e-14)
    slopes = jax.jacfwd(residuals)(found.position)
    assert found.slopes == pytest.approx(np.asarray(slopes), abs=1e-12)
    assert jnp.abs(found.slopes.T @ found.residuals).max() < 1e-5


def test_candidates_of_a_batch_do_not_see_each_other():
    starts = jnp.array([[-1.2, 1.0], [1.0, 1.0], [np.nan, 2.0], [5.0, -3.0]])
    found = jax.vmap(lambda start: least_squares(rosenbrock, start, 1e-10, 40))(starts)
    assert found.position[jnp.array([0, 1, 3])] == pytest.approx(1.0, abs=1e-6)
    assert jnp.isnan(found.residuals[2]).any()
    alone = least_squares(rosenbrock, starts[3], 1e-10, 40)
    assert found.position[3] == pytest.approx(np.asarray(alone.position), abs=1e-12)


def test_a_parameter_that_nothing_depends_on_stays():
    found = least_squares(lambda x: rosenbrock(x[:2]), jnp.array([-1.2, 1.0, 0.3]), 1e-8, 30)
    assert found.position == pytest.approx([1.0, 1.0, 0.3], abs=1e-6)


def test_a_step_never_leads_up_or_to_no_number():
    def walled(x):
        return jnp.where(x[0] < 0.5, jnp.nan, 1.0) * rosenbrock(x)

    before = jnp.array([3.0, 0.6])
    for most in range(1, 12):
        found = least_squares(walled, before, 1e-12, most)
        assert jnp.sum(found.residuals**2) <= jnp.sum(walled(before) ** 2)
    assert found.position == pytest.approx(1.0, abs=1e-4)
