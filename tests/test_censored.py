"""Upper limits and rows that carry nothing: likelihoods against scipy, and what must not change."""

import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.special import erfcx
from scipy.stats import norm

import vcohort as vc
from vcohort.analysis.estimation import likelihood
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.posterior import likelihoods_at
from vcohort.analysis.estimation.scatter import PLAIN

RUN = settle_fit("fit", None, None, regimen=None)

hazard = jax.jit(likelihood.hazard)
share_told = jax.jit(likelihood.share_told)
likeliest_scale = jax.jit(likelihood.likeliest_scale)
log_likelihood = jax.jit(PLAIN.log_likelihood)
as_squares = jax.jit(likelihood.as_squares, static_argnames="known")

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
    limit = np.arange(count) >= count - limits
    return ~limit, limit


def test_the_slope_of_a_limit_s_likelihood():
    assert np.asarray(hazard(Z)) == pytest.approx(mills(Z), rel=1e-9)
    assert float(hazard(-1e5)) == 0.0
    assert np.asarray(hazard(FAR)) == pytest.approx(FAR, rel=1e-9)


def test_the_share_of_a_datum_that_a_limit_tells():
    """The variance that a truncated normal number loses (scipy), and the bend of -ln Phi(-z)."""
    told = np.asarray(share_told(Z))
    step = 1e-4
    bend = (mills(Z + step) - mills(Z - step)) / (2 * step)
    assert told == pytest.approx(bend, rel=1e-6)
    assert float(share_told(-1e5)) == 0.0
    assert np.asarray(share_told(FAR)) == pytest.approx(1.0, abs=1.1e-10)
    assert float(share_told(0.0)) == pytest.approx(2 / np.pi)


def test_the_log_likelihood_is_scipy_s():
    residual, scale = np.array([0.3, -1.2, *(0.7 * Z)]), 0.7
    truth = norm.logpdf(residual[:2], scale=scale).sum() + norm.logcdf(-Z).sum()
    found = log_likelihood(residual, residual, *rows(Z.size, residual.size), scale).sum()
    assert float(found) == pytest.approx(truth + np.log(2 * np.pi), rel=1e-12)


def scale_by_scipy(squares, number, limits):
    def unlikely(log_scale):
        s = np.exp(log_scale)
        return number * log_scale + 0.5 * squares / s**2 - norm.logcdf(-limits / s).sum()

    size = np.log(np.sqrt(squares / number))
    found = minimize_scalar(unlikely, bracket=(size, size + 0.5), options={"xtol": 1e-12})
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
    # Rows that do not count fill up all cases to one length.
    residual = np.zeros(26)
    residual[:number] = np.sqrt(squares / number)
    residual[number : number + limits.size] = limits
    observed = np.arange(26) < number
    some = observed, ~observed & (np.arange(26) < number + limits.size)
    found = likeliest_scale(squares, number, residual, some[1])
    assert float(found) == pytest.approx(scale, rel=1e-7)
    parts = np.asarray(as_squares(residual, np.zeros(0), *some, known=False))
    loss = (parts**2).sum()
    assert number * np.log(loss / number) + number == pytest.approx(surprise, rel=1e-10, abs=1e-9)
    parts = np.asarray(as_squares(residual, np.ones(1), *some, known=True))
    truth = squares - 2 * norm.logcdf(-limits).sum() + 1.0
    assert (parts**2).sum() == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("known", [True, False])
def test_the_loss_s_slope_is_that_of_scipy_s_minimum(known):
    """With the scale found anew at every shift, the slope is the numerical one, and finite."""
    residual, shift = np.array([0.4, -0.9, 0.2, *Z]), 1e-4
    some, z = rows(Z.size, residual.size), residual[3:]

    @jax.jit
    @jax.grad
    def slope_at(moved):
        parts = likelihood.as_squares(residual + moved, jnp.zeros(0), *some, known=known)
        return jnp.sum(parts**2)

    def truth(moved):
        seen = ((residual[:3] + moved) ** 2).sum()
        if known:
            return seen - 2 * norm.logcdf(-(z + moved)).sum()
        return 3 * np.exp(scale_by_scipy(seen, 3, z + moved)[1] / 3 - 1)

    slope = (truth(shift) - truth(-shift)) / (2 * shift)
    assert float(slope_at(0.0)) == pytest.approx(slope, rel=1e-4)
    columns = jax.jacfwd(as_squares)(residual, np.zeros(0), *some, known=known)
    assert np.isfinite(columns).all()


# Without killing ln B = ln B0 + r_B t: what a fit should find is known from scipy alone.
DAYS = np.array([10.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0, 200.0])
FREE = ["B0", "r_B"]
# Any grid follows such a tumour exactly.
QUICK = {"starts": 8, "tolerance": 1e-2, "progress": False}


def still_tumour(model=None):
    return vc.Cohort.from_values("kimmel2021-figures", model=model, gamma_B=0.0)


def table_of(noise=0.3, limits=()):
    """Return a growing tumour, some of whose values are limits near it."""
    seen = 94.84 * np.exp(0.05 * DAYS + np.random.default_rng(5).normal(0.0, noise, DAYS.size))
    return {"day": DAYS, "observable": ["B_ml"] * DAYS.size, "value": seen,
            "below": np.isin(np.arange(DAYS.size), limits) * 1.0}  # fmt: skip


def more_rows(table, **columns):
    """Return the table with three more rows, two on days of their own."""
    rest = {"day": [33.0, 80.0, 180.0], "observable": ["B_ml"] * 3, "value": [1e9] * 3}
    weight = np.ones(len(table["day"]))
    return {
        name: np.concatenate([column, (rest | columns)[name]])
        for name, column in ({"weight": weight} | table).items()
    }


NOTHING = {
    "weight 0": {"weight": [0.0] * 3, "below": [0.0] * 3},
    "limits": {"weight": [1.0] * 3, "below": [1.0] * 3, "value": [1e30] * 3},
    "both": {"weight": [0.0, 1.0, 0.0], "below": [1.0] * 3, "value": [1e-3, 1e30, 1.0]},
}


def surprise(line, table, scale):
    """Return twice the negative log likelihood, less a constant, of ln B0 (ml) and r_B."""
    miss = (line[0] + line[1] * table["day"] - np.log(table["value"])) / scale
    limit = table["below"] > 0
    seen = (miss[~limit] ** 2 + 2 * np.log(scale)).sum()
    return seen - 2 * norm.logcdf(-miss[limit]).sum()


def by_scipy(table, known):
    """Return the likeliest ln B0, r_B, scale, and the covariance of the first two."""

    def unlikely(at):
        return surprise(at[:2] * [1.0, 0.01], table, known or np.exp(at[2]))

    start = [4.5, 5.0] if known else [4.5, 5.0, -1.0]
    best = minimize(unlikely, start, method="Nelder-Mead",
                    options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 9000}).x  # fmt: skip
    step, size = 1e-3, best.size
    shifts = step * np.eye(size)
    bend = np.array([
        [sum(a * b * unlikely(best + a * one + b * other) for a in (-1, 1) for b in (-1, 1))
         / (4 * step**2) for other in shifts] for one in shifts
    ])  # fmt: skip
    covariance = np.linalg.inv(0.5 * bend)[:2, :2] * np.outer([1.0, 0.01], [1.0, 0.01])
    return best[:2] * [1.0, 0.01], known or np.exp(best[2]), covariance


@pytest.mark.parametrize("known", [0.2, None])
def test_a_fit_with_limits_is_the_likeliest(known):
    """Estimates, errors and their correlation are those of scipy's maximum and its Hessian."""
    table = table_of(limits=(1, 4, 5))
    with_error = table | ({"error": np.full(DAYS.size, known)} if known else {})
    one = vc.fit(with_error, FREE, still_tumour(), **QUICK).isel(patient=0)
    line, scale, covariance = by_scipy(table, known)
    estimate = one["estimate"].values
    assert [np.log(estimate[0] / 1e9), estimate[1]] == pytest.approx(line, rel=1e-6)
    limit = table["below"] > 0
    miss = (line[0] + line[1] * DAYS - np.log(table["value"])) / scale
    share = np.where(limit, mills(miss) * (mills(miss) - miss), 1.0)
    assert one["information"].values == pytest.approx(share, rel=1e-4)
    # Errors that are not known are divided by n - p, not n: n, the data that the rows are worth.
    spare = 1.0 if known else share.sum() / (share.sum() - 2)
    found = one["standard_error"].values / [estimate[0], 1.0]
    assert found == pytest.approx(np.sqrt(np.diag(covariance) * spare), rel=1e-4)
    assert float(one["correlation"][0, 1]) == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), abs=1e-4
    )
    least = surprise(line, table, scale)
    if known:
        truth = least - 2 * (~limit).sum() * np.log(scale)
    else:
        truth = (~limit).sum() * np.exp(least / (~limit).sum() - 1)
    assert float(one["loss"]) == pytest.approx(truth, rel=1e-8)
    assert bool(one["converged"][0])


EACH = ["both", *(pytest.param(each, marks=pytest.mark.slow) for each in ("weight 0", "limits"))]


@pytest.mark.parametrize("loss", ["log", *(pytest.param(each, marks=pytest.mark.slow)
                                           for each in ("linear", "kimmel2021"))])  # fmt: skip
@pytest.mark.parametrize("what", EACH)
def test_rows_that_tell_nothing_change_no_fit(what, loss):
    bare, more = (
        vc.fit(rows, FREE, still_tumour(), loss=loss, **QUICK)
        for rows in (table_of(), more_rows(table_of(), **NOTHING[what]))
    )
    for name in ("estimate", "standard_error", "correlation", "loss", "data_loss"):
        assert more[name].values == pytest.approx(bare[name].values, rel=1e-6), name
    assert float(more["information"].sum()) == pytest.approx(DAYS.size, rel=1e-9)
    assert (more["information"].values[0, DAYS.size :] < 1e-12).all()


@pytest.mark.slow
@pytest.mark.parametrize("what", NOTHING)
def test_rows_that_tell_nothing_change_no_profile_and_no_comparison(what):
    bare = table_of()
    tables = bare, more_rows(bare, **NOTHING[what])
    first, second = (
        vc.profile_likelihood(rows, FREE, still_tumour(), parameters=["r_B"], points=8, **QUICK)
        for rows in tables
    )
    for name in ("estimate", "lower", "upper", "value", "deviance"):
        assert second[name].values == pytest.approx(first[name].values, rel=1e-6, abs=1e-6), name
    # New days change the grid: what is not a closed form keeps its tolerance, here a small one.
    fine = QUICK | {"tolerance": 1e-8}
    models = {"plain": vc.car_t(), "saturated": vc.car_t(proliferation="saturation")}
    held = sorted({each for model in models.values() for each in model.parameters} - {"r_B", "K_B"})
    first, second = (
        vc.compare_models(rows, models, fixed=held, values={"gamma_B": 0.0}, loss="log", **fine)
        for rows in tables
    )
    for name in ("loss", "aic", "aicc", "bic", "weight", "weight_aic", "data"):
        assert second[name].values == pytest.approx(first[name].values, rel=1e-6, abs=1e-6), name
    assert float(second["data"][0]) == pytest.approx(DAYS.size, rel=1e-9)


@pytest.mark.parametrize("what", NOTHING)
def test_rows_that_tell_nothing_change_no_likelihood_of_a_posterior(what):
    """Nor the likeliest scale; of observed data they are those of a normal law, by scipy."""
    logs = np.log([[9e10, 0.05], [5e10, 0.06], [2e11, 0.03]])[:, None, :]
    bare, more = (
        likelihoods_at(problem.spec, problem.subjects, logs)
        for problem in (
            make_problem(rows, FREE, still_tumour(), "log", None, RUN, ())
            for rows in (table_of(), more_rows(table_of(), **NOTHING[what]))
        )
    )
    for one, other in zip(bare, more, strict=True):
        assert np.asarray(other) == pytest.approx(np.asarray(one), rel=1e-9)
    start, rate = np.exp(logs[:, 0]).T
    miss = np.log(start / 1e9)[:, None] + rate[:, None] * DAYS - np.log(table_of()["value"])
    scale = np.sqrt((miss**2).mean(axis=1))
    assert np.asarray(bare[1])[:, 0] == pytest.approx(scale, rel=1e-6)
    truth = (norm.logpdf(miss / scale[:, None]) - np.log(scale)[:, None]).sum(axis=1)
    shift = 0.5 * np.log(2 * np.pi) * DAYS.size
    assert np.asarray(bare[0])[:, 0] == pytest.approx(truth + shift, rel=1e-6)


@pytest.mark.slow
def test_a_row_of_weight_1_is_two_of_weight_one_half():
    table = table_of() | {"weight": np.linspace(0.5, 2.0, DAYS.size)}
    twice = {name: np.repeat(column, 2) for name, column in table.items()}
    twice["weight"] = twice["weight"] / 2
    one, two = (vc.fit(rows, FREE, still_tumour(), **QUICK) for rows in (table, twice))
    assert two["estimate"].values == pytest.approx(one["estimate"].values, rel=1e-6)
    assert two["loss"].values == pytest.approx(one["loss"].values, rel=1e-6)


def lost_above(limit):
    """Return the loss of logs that is no number for a growth rate above a limit."""

    def loss(predicted, measured, values):
        off = jnp.log(predicted / measured.value)
        return jnp.where(values["r_B"] > limit, jnp.nan, off)

    return loss


def test_starts_without_a_loss_are_told_and_have_not_converged():
    with pytest.warns(vc.VcohortWarning, match="of 8 starts .* could not be followed"):
        ds = vc.fit(table_of(), FREE, still_tumour(), loss=lost_above(0.07), **QUICK)
    lost = ~np.isfinite(ds["start_loss"].values)
    assert lost.any()
    assert not ds["converged"].values[lost].any()
    assert float(ds["estimate"][0, 1]) == pytest.approx(0.05, rel=0.2)
    with pytest.raises(vc.VcohortError, match="From no start"):
        vc.fit(table_of(), FREE, still_tumour(), loss=lost_above(0.0), **QUICK)


def relative(predicted, measured, values):
    return predicted / measured.value - 1.0


ONES = np.ones(DAYS.size)

REFUSED = [
    ({"below": ONES}, {}, "All rows of patient 'all' are upper limits"),
    ({"weight": 0 * ONES}, {}, "0 data for 2 free"),
    ({"value": 0 * ONES}, {"loss": "log"}, "limit of detection"),
    ({"value": 1e-300 * ONES}, {"loss": relative}, "From no start"),
]
BORNE = [
    ({"value": 0 * ONES}, {"loss": "linear"}),
    ({"value": 100.0 * ONES}, {"loss": "log"}),
    ({"value": 1e-300 * ONES}, {"loss": "log"}),
    ({"value": 1e-300 * ONES}, {"loss": "linear"}),
    ({"error": 1e-12 * ONES}, {"loss": "log"}),
    ({"error": 1e-12 * ONES, "below": 1.0 * (DAYS > 100)}, {"loss": "linear"}),
]


@pytest.mark.parametrize(("columns", "options", "text"), REFUSED)
def test_data_that_no_fit_can_take_are_refused(columns, options, text):
    with pytest.raises(vc.VcohortError, match=text):
        vc.fit(table_of() | columns, FREE, still_tumour(), **QUICK, **options)


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "options"), BORNE)
def test_degenerate_data_give_numbers_or_a_word(columns, options):
    """Missing numbers are told; the profile too raises no error but our own."""
    table = table_of() | columns
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ds = vc.fit(table, FREE, still_tumour(), **QUICK, **options)
    assert all(issubclass(each.category, vc.VcohortWarning) for each in told), told
    assert np.isfinite(ds["estimate"]).all()
    assert np.isfinite(ds["loss"]).all()
    assert np.isfinite(ds["standard_error"]).all() or told
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            profile = vc.profile_likelihood(
                table, FREE, still_tumour(), points=8, **QUICK, **options
            )
            assert np.isfinite(profile["estimate"]).all()
        except vc.VcohortError:
            pass
    assert all(issubclass(each.category, vc.VcohortWarning) for each in told), told


@pytest.mark.slow
def test_one_datum_has_an_estimate_and_no_error():
    table = {"day": [10.0], "observable": ["B_ml"], "value": [150.0]}
    with pytest.warns(vc.VcohortWarning, match="standard error"):
        ds = vc.fit(table, ["r_B"], still_tumour(), **QUICK)
    assert float(ds["estimate"][0, 0]) == pytest.approx(np.log(150 / 94.84) / 10, rel=1e-6)
    with pytest.raises(vc.VcohortError, match="exactly"):
        vc.profile_likelihood(table, ["r_B"], still_tumour(), **QUICK)


@pytest.mark.slow
def test_fits_and_profiles_hold_no_hidden_nan():
    """JAX stops at the first NaN that any step makes."""
    code = (
        "import jax, vcohort as vc; jax.config.update('jax_debug_nans', True)\n"
        "from tests.test_censored import *\n"
        "rows = more_rows(table_of(limits=(1, 4)), **NOTHING['both'])\n"
        "vc.fit(rows, FREE, still_tumour(), **QUICK)\n"
        "vc.profile_likelihood(rows, FREE, still_tumour(), points=6, **QUICK)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
