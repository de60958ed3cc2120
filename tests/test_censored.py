"""Upper limits and rows that carry nothing: likelihoods against scipy, and what must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import erfcx
from scipy.stats import norm

from vcohort.analysis import likelihood

# Standard deviations by which a prediction exceeds a limit.
Z = np.array([-30.0, -8.0, -3.0, -1e-9, 0.0, 0.5, 3.0, 8.0, 19.9, 20.1, 30.0, 300.0])
FAR = np.array([1e5, 1e8, 1e12, 1e150])


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def mills(z):
    """Return phi(z) / Phi(-z) by the scaled complementary error function."""
    return np.sqrt(2.0 / np.pi) / erfcx(z / np.sqrt(2.0))


def rows(limits, count):
    """Return which of ``count`` rows were observed, and which are limits: the last ones."""
    limit = jnp.arange(count) >= count - limits
    return ~limit, limit


def test_the_slope_of_a_limit_s_likelihood():
    assert np.asarray(likelihood.hazard(Z)) == pytest.approx(mills(Z), rel=1e-9)
    assert float(likelihood.hazard(jnp.asarray(-1e5))) == 0.0
    assert np.asarray(likelihood.hazard(FAR)) == pytest.approx(FAR, rel=1e-9)


def test_the_share_of_a_datum_that_a_limit_tells():
    """The variance that a truncated normal number loses (scipy), and the bend of -ln Phi(-z)."""
    told = np.asarray(likelihood.share_told(Z))
    step = 1e-4
    bend = (mills(Z + step) - mills(Z - step)) / (2 * step)
    assert told == pytest.approx(bend, rel=1e-6)
    assert float(likelihood.share_told(jnp.asarray(-1e5))) == 0.0
    assert np.asarray(likelihood.share_told(FAR)) == pytest.approx(1.0, abs=1.1e-10)
    assert float(likelihood.share_told(jnp.asarray(0.0))) == pytest.approx(2 / np.pi)


def test_the_log_likelihood_is_scipy_s():
    residual, scale = np.array([0.3, -1.2, *(0.7 * Z)]), 0.7
    truth = norm.logpdf(residual[:2], scale=scale).sum() + norm.logcdf(-Z).sum()
    found = likelihood.log_likelihood(residual, *rows(Z.size, residual.size), scale)
    assert float(found) == pytest.approx(truth + np.log(2 * np.pi), rel=1e-12)


def scale_by_scipy(squares, number, limits):
    def unlikely(log_scale):
        s = np.exp(log_scale)
        return number * log_scale + 0.5 * squares / s**2 - norm.logcdf(-limits / s).sum()

    size = np.log(np.sqrt(squares / number))
    found = minimize_scalar(
        unlikely, bracket=(size, size + 0.5), options={"xtol": 1e-12}
    )  # fmt: skip
    return np.exp(found.x), 2 * found.fun


CASES = [
    (2.0, 5, [-3.0, 0.1, 2.0]),
    (1e-8, 2, [1.0]),
    (1e-8, 1, [-1.0, -2.0]),
    (3.0, 4, [-1e6]),
    (3.0, 4, [0.0] * 20),
    (1e4, 3, [-100.0, 300.0]),
    (0.01, 1, [50.0, 80.0, -0.1]),
    (1e-20, 6, [1e-11, 1e-10]),
    (1e20, 6, [-1e9, 1e10]),
]


@pytest.mark.parametrize(("squares", "number", "limits"), CASES)
def test_the_likeliest_scale_and_the_loss_there(squares, number, limits):
    """Scipy's minimum over the scale; n ln(loss / n) + n is twice its surprise."""
    limits = np.array(limits)
    scale, surprise = scale_by_scipy(squares, number, limits)
    found = likelihood.likeliest_scale(squares, number, limits, jnp.ones(limits.size, bool))
    assert float(found) == pytest.approx(scale, rel=1e-7)
    residual = jnp.concatenate([jnp.full(number, np.sqrt(squares / number)), limits])
    some = rows(limits.size, residual.size)
    parts = likelihood.as_squares(residual, jnp.zeros(0), *some, known=False)
    loss = float(jnp.sum(parts**2))
    assert number * np.log(loss / number) + number == pytest.approx(surprise, rel=1e-10, abs=1e-9)
    parts = likelihood.as_squares(residual, jnp.ones(1), *some, known=True)
    truth = squares - 2 * norm.logcdf(-limits).sum() + 1.0
    assert float(jnp.sum(parts**2)) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("known", [True, False])
def test_the_loss_s_slope_is_that_of_scipy_s_minimum(known):
    """With the scale found anew at every shift, the slope is the numerical one, and finite."""
    residual, shift = np.array([0.4, -0.9, 0.2, *Z]), 1e-4
    some, z = rows(Z.size, residual.size), residual[3:]

    def loss(moved):
        parts = likelihood.as_squares(residual + moved, jnp.zeros(0), *some, known=known)
        return jnp.sum(parts**2)

    def truth(moved):
        seen = ((residual[:3] + moved) ** 2).sum()
        if known:
            return seen - 2 * norm.logcdf(-(z + moved)).sum()
        return 3 * np.exp(scale_by_scipy(seen, 3, z + moved)[1] / 3 - 1)

    slope = (truth(shift) - truth(-shift)) / (2 * shift)
    assert float(jax.grad(loss)(0.0)) == pytest.approx(slope, rel=1e-4)
    columns = jax.jacfwd(likelihood.as_squares)(residual, jnp.zeros(0), *some, known)
    assert np.isfinite(columns).all()
