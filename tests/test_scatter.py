"""Fits whose errors grow with what is measured, or have long tails: against scipy's likelihoods."""

import jax
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm
from scipy.stats import t as student

import vcohort as vc
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.posterior import likelihoods_at
from vcohort.analysis.estimation.scatter import NORMAL, STUDENT

Z = np.array([-1e3, -30.0, -8.0, -3.0, -1e-9, 0.0, 0.5, 3.0, 8.0, 30.0, 300.0, 1e6])

# Without killing ln B = ln B0 + r_B t: what a fit should find is known from scipy alone.
DAYS = np.linspace(1.0, 200.0, 30)
FREE = ["B0", "r_B"]
QUICK = {"starts": 8, "tolerance": 1e-2, "progress": False}
LAWS = {"proportional": 1, "combined": 2, "student_t": 1}


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    ("tails", "law"), [(NORMAL, norm), (STUDENT, student(4))], ids=["normal", "student"]
)
def test_tails_are_scipy_s(tails, law):
    z = Z[np.abs(Z) < 1e3]
    density = tails.log_peak - 0.5 * np.asarray(tails.surprise(z))
    assert density == pytest.approx(law.logpdf(z), rel=1e-12)
    assert np.asarray(tails.log_below(z)) == pytest.approx(law.logcdf(-z), rel=1e-9)
    roots = np.asarray(tails.root(z))
    assert roots**2 == pytest.approx(np.asarray(tails.surprise(z)), rel=1e-9, abs=1e-15)
    slope = np.asarray(jax.vmap(jax.grad(tails.root))(z))
    assert slope[np.abs(z) < 1e-6] == pytest.approx(np.sqrt(tails.bend), rel=1e-9)
    # Far out the slopes of both sides stay finite.
    assert np.isfinite(np.asarray(jax.vmap(jax.grad(tails.log_below))(Z))).all()


def still_tumour():
    return vc.Cohort.from_values("kimmel2021-figures", gamma_B=0.0)


def table_of(limits=()):
    """Return a growing tumour; some values are limits."""
    random, truth = np.random.default_rng(6), 20.0 * np.exp(0.02 * DAYS)
    seen = truth * np.exp(random.normal(0.0, 0.2, DAYS.size)) + random.normal(0.0, 6.0, DAYS.size)
    return {"day": DAYS, "observable": ["B_ml"] * DAYS.size, "value": np.maximum(seen, 2.0),
            "below": np.isin(np.arange(DAYS.size), limits) * 1.0}  # fmt: skip


def log_likelihood(loss, predicted, table, widths):
    """Return scipy's, (row,), as if the density at 0 were that of the width alone."""
    value, limit = table["value"], table["below"] > 0
    if loss == "student_t":
        z = np.log(predicted / value) / widths[0]
        seen = student.logpdf(z, 4) - student.logpdf(0.0, 4) - np.log(widths[0])
        return np.where(limit, student.logcdf(-z, 4), seen)
    spread = widths[0] * (np.hypot(predicted, widths[1]) if loss == "combined" else predicted)
    seen = norm.logpdf(value, predicted, spread) - norm.logpdf(0.0)
    return np.where(limit, norm.logcdf(value, predicted, spread), seen)


def by_scipy(loss, table):
    """Return the likeliest line and widths, twice the surprise there, and the line's covariance."""

    def unlikely(at, line=lambda at: np.exp(at[0] + 0.01 * at[1] * DAYS)):
        return -log_likelihood(loss, line(at), table, np.exp(at[2:])).sum()

    start = np.array([3.0, 2.0, -1.5, 3.0])[: 2 + LAWS[loss]]
    options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 20000, "maxfev": 20000}
    for _ in range(3):
        start = minimize(unlikely, start, method="Nelder-Mead", options=options).x
    best, shifts, step = start, 1e-3 * np.eye(start.size), 1e-3
    middle = np.exp(best[0] + 0.01 * best[1] * DAYS)

    def straight(at):
        """Residuals are what a fit takes as linear: of logs, or of values."""
        move = at[0] - best[0] + 0.01 * (at[1] - best[1]) * DAYS
        return middle * (np.exp(move) if loss == "student_t" else 1.0 + move)

    bend = np.array([
        [sum(a * b * unlikely(best + a * one + b * other, straight) for a in (-1, 1)
             for b in (-1, 1)) / (4 * step**2) for other in shifts] for one in shifts
    ])  # fmt: skip
    return best, 2.0 * unlikely(best), np.linalg.inv(bend)[:2, :2]


@pytest.mark.parametrize("limits", [(), pytest.param((0, 2, 5), marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", LAWS)
def test_a_fit_is_the_likeliest(loss, limits):
    table = table_of(limits)
    one = vc.fit(table, FREE, still_tumour(), loss=loss, **QUICK).isel(patient=0)
    best, surprise, covariance = by_scipy(loss, table)
    estimate = one["estimate"].values
    assert np.log(estimate[0] / 1e9) == pytest.approx(best[0], abs=1e-4)
    assert estimate[1] == pytest.approx(0.01 * best[1], rel=1e-3)
    number = (table["below"] == 0).sum()
    assert float(one["loss"]) == pytest.approx(number * np.exp(surprise / number - 1), rel=1e-6)
    assert bool(one["converged"][0])
    worth = one["information"].values.sum()
    found = one["standard_error"].values / [estimate[0], 1.0] / np.sqrt(worth / (worth - 2))
    assert found == pytest.approx(np.sqrt(np.diag(covariance)) * [1.0, 0.01], rel=1e-3)


@pytest.mark.parametrize("loss", LAWS)
def test_the_likelihood_of_a_posterior(loss):
    """With the widths at their likeliest, scipy finds none that is likelier."""
    table = table_of((0, 2, 5))
    logs = np.log([[2e10, 0.02], [5e10, 0.015]])[:, None, :]
    problem = make_problem(
        table, FREE, still_tumour(), loss, None, settle_fit("fit", None, None, regimen=None), ()
    )
    found, *widths = (
        np.asarray(each)[:, 0] for each in likelihoods_at(problem.spec, problem.subjects, logs)
    )
    for row, (start, rate) in enumerate(np.exp(logs[:, 0])):
        predicted = start / 1e9 * np.exp(rate * DAYS)
        own = np.array([each[row] for each in widths])[: LAWS[loss]]
        truth = log_likelihood(loss, predicted, table, own).sum()
        assert found[row] == pytest.approx(truth, rel=1e-6)
        best = minimize(
            lambda at, predicted=predicted: -log_likelihood(loss, predicted, table,
                                                            np.exp(at)).sum(),
            np.log(own), method="Nelder-Mead", options={"fatol": 1e-12, "xatol": 1e-8},
        )  # fmt: skip
        assert -best.fun <= found[row] + 1e-5


def test_m1_leaves_limits_out():
    table = table_of((0, 2, 5))
    seen = table["below"] == 0
    bare = {name: np.asarray(column)[seen] for name, column in table.items()}
    with_rows = vc.fit(table, FREE, still_tumour(), limits="M1", **QUICK)
    without = vc.fit(bare, FREE, still_tumour(), **QUICK)
    for name in ("estimate", "standard_error", "loss"):
        assert with_rows[name].values == pytest.approx(without[name].values, rel=1e-6), name


@pytest.mark.parametrize("loss", LAWS)
def test_errors_that_are_given_are_not_sought(loss):
    table = table_of() | {"error": np.full(DAYS.size, 0.2)}
    with pytest.raises(vc.VcohortError, match="column 'error'"):
        vc.fit(table, FREE, still_tumour(), loss=loss, **QUICK)


def test_unknown_ways_of_limits_are_refused():
    with pytest.raises(vc.VcohortError, match="limits"):
        vc.fit(table_of(), FREE, still_tumour(), limits="M7", **QUICK)
