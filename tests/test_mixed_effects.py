"""Populations fitted to trials: linear models in closed form and by R, limits by integration."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import roots_hermitenorm
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student

import vcohort as vc
from vcohort.analysis.mixed_effects.em import turn
from vcohort.analysis.mixed_effects.marginal import marginal
from vcohort.measurements.observations import read_observations

DAYS = np.linspace(0.0, 70.0, 6)
PATIENTS = 30
SHOWN = {"progress": False}


def line(values, day):
    return jnp.exp(values["start"] + values["slope"] * day)


LINE = {
    "predict": line, "random": ["start", "slope"], "typical": {"start": 2.0, "slope": 0.03},
    "scales": {"start": "linear", "slope": "linear"}, "starts": 4, **SHOWN,
}  # fmt: skip


def logs_of_lines():
    random = np.random.default_rng(11)
    lines = random.multivariate_normal(
        [3.0, 0.05], [[0.25, -0.003], [-0.003, 0.0004]], PATIENTS
    )  # fmt: skip
    return lines[:, :1] + lines[:, 1:] * DAYS + random.normal(0, 0.3, (PATIENTS, DAYS.size))


def table_of(logs, below=None, name="size"):
    return {
        "patient": np.repeat(np.arange(len(logs)), DAYS.size), "day": np.tile(DAYS, len(logs)),
        "observable": [name] * logs.size, "value": np.exp(logs).ravel(),
        "below": np.zeros(logs.size) if below is None else below.ravel() * 1.0,
    }  # fmt: skip


def estimates(ds):
    return ds["estimate"].to_series()


@pytest.fixture(scope="module")
def full():
    return vc.fit_population(table_of(logs_of_lines()), covariance="full", **LINE)


def test_a_linear_model_is_that_of_nlme(full):
    """R 4.2.2, nlme 3.1-162: lme(y ~ day, random = ~ day | id, method = "ML"), y = ln(value).

    nlme's likelihood is that of logs: of the values as measured it is less by the sum of logs.
    """
    found = estimates(full)
    assert found["start"] == pytest.approx(2.96149292577, abs=1e-5)
    assert found["slope"] == pytest.approx(0.04629750539, rel=1e-5)
    assert found["spread of start"] == pytest.approx(0.43499, rel=1e-3)
    assert found["spread of slope"] == pytest.approx(0.016034, rel=1e-3)
    assert found["correlation of slope and start"] == pytest.approx(-0.28308, abs=1e-3)
    assert found["error of size"] == pytest.approx(0.2891435493, rel=1e-4)
    error = full["standard_error"].to_series()
    assert error["start"] == pytest.approx(0.088129942293, rel=1e-3)
    assert error["slope"] == pytest.approx(0.003063096515, rel=1e-3)
    shift = 2.0 * logs_of_lines().sum()
    assert float(full["deviance"]) == pytest.approx(2 * 109.0580411 + shift, abs=1e-4)
    random = full["random_effect"].sel(patient=["0", "1", "2"]).values
    assert random[:, 0] == pytest.approx([0.1059872065, -0.4281234432, 0.2742104232], abs=1e-4)
    assert random[:, 1] == pytest.approx(
        [0.026081804296, 0.001197617409, -0.007111156556], abs=1e-5
    )
    assert bool(full["converged"])


def closed(at, logs):
    """Return -2 ln L of logs, with start and slope, their spreads, correlation and error."""
    spread = np.exp(at[2:4])
    covariance = np.outer(spread, spread) * np.array([[1.0, np.tanh(at[4])], [np.tanh(at[4]), 1.0]])
    design = np.stack([np.ones(DAYS.size), DAYS], axis=1)
    total = design @ covariance @ design.T + np.exp(2 * at[5]) * np.eye(DAYS.size)
    return -2.0 * multivariate_normal.logpdf(logs, design @ at[:2], total).sum()


def test_its_errors_are_those_of_the_closed_form(full):
    """The Hessian of the closed likelihood, by differences; spreads, correlation and error too."""
    logs, found = logs_of_lines(), estimates(full).to_numpy()
    at = np.array([*found[:2], *np.log(found[2:4]), np.arctanh(found[4]), np.log(found[5])])
    assert closed(at, logs) + 2 * logs.sum() == pytest.approx(float(full["deviance"]), abs=1e-6)
    steps = np.diag([1e-3, 1e-4, 1e-3, 1e-3, 1e-3, 1e-3])
    bend = np.array([
        [sum(a * b * closed(at + a * one + b * other, logs) for a in (-1, 1) for b in (-1, 1))
         / (4 * one.sum() * other.sum()) for other in steps] for one in steps
    ])  # fmt: skip
    covariance = np.linalg.inv(0.5 * bend)
    slopes = np.array([1.0, 1.0, *found[2:4], 1 - found[4] ** 2, found[5]])
    truth = np.sqrt(np.diag(covariance)) * slopes
    assert full["standard_error"].values == pytest.approx(truth, rel=2e-3)


@pytest.mark.slow
def test_a_diagonal_covariance_and_the_sampled_likelihood():
    """R's nlme with random = pdDiag(~ day); of a linear model all likelihoods are one."""
    logs = logs_of_lines()
    ds = vc.fit_population(table_of(logs), **LINE)
    found, shift = estimates(ds), 2.0 * logs.sum()
    assert found["spread of start"] == pytest.approx(0.41950553045, rel=1e-3)
    assert found["spread of slope"] == pytest.approx(0.01554139092, rel=1e-3)
    assert float(ds["deviance"]) == pytest.approx(2 * 110.0115699 + shift, abs=1e-4)
    miss = float(ds["deviance_sampled"] - ds["deviance"])
    assert abs(miss) < 4.5 * float(ds["deviance_sampled_error"])
    assert float(ds["deviance_sampled_error"]) < 0.2
    size = 5
    assert float(ds["aic"] - ds["deviance"]) == pytest.approx(2 * size)
    assert float(ds["bic"] - ds["deviance"]) == pytest.approx(
        4 * np.log(PATIENTS) + np.log(logs.size)
    )


def integrated(at, logs, below):
    """Return -2 ln L of values whose logs vary about a start for each patient, by quadrature."""
    points, weights = roots_hermitenorm(60)
    starts = at[0] + np.exp(at[1]) * points
    rows = starts[:, None, None] + 0.05 * DAYS
    seen = norm.logpdf(logs, rows, np.exp(at[2])) - logs
    each = np.where(below, norm.logcdf(logs, rows, np.exp(at[2])), seen).sum(axis=2)
    return -2.0 * np.log((np.exp(each) * weights[:, None]).sum(axis=0) / np.sqrt(2 * np.pi)).sum()


def start_alone(values, day):
    return jnp.exp(values["start"] + 0.05 * day)


@pytest.mark.slow
def test_limits_count_by_their_probability():
    """Against numerical integration (60 points of Gauss and Hermite), and its maximum by scipy."""
    random = np.random.default_rng(3)
    logs = random.normal(1.0, 0.6, (PATIENTS, 1)) + 0.05 * DAYS
    logs += random.normal(0.0, 0.5, logs.shape)
    below = logs < 1.5
    logs = np.maximum(logs, 1.5)
    assert 0.2 < below.mean() < 0.4
    ds = vc.fit_population(
        table_of(logs, below), ["start"], predict=start_alone, typical={"start": 0.5},
        scales={"start": "linear"}, starts=3, **SHOWN,
    )  # fmt: skip
    found = estimates(ds).to_numpy()
    at = np.array([found[0], *np.log(found[1:])])
    truth = integrated(at, logs, below)
    assert float(ds["deviance_laplace"]) == pytest.approx(truth, abs=0.5)
    miss = float(ds["deviance_sampled"]) - truth
    assert abs(miss) < 4.5 * float(ds["deviance_sampled_error"])
    best = minimize(lambda at: integrated(at, logs, below), at, method="Nelder-Mead").x
    error = ds["standard_error"].values
    assert found == pytest.approx([best[0], *np.exp(best[1:])], abs=0.1 * error.max())
    left_out = vc.fit_population(
        table_of(logs, below), ["start"], predict=start_alone, typical={"start": 0.5},
        scales={"start": "linear"}, starts=3, limits="M1", **SHOWN,
    )  # fmt: skip
    # What is left out was low: without it the typical start is too high.
    assert estimates(left_out)["start"] > found[0] + 0.5 * error[0]


def trial_of(rows, **covariates):
    """Return a table with covariates beside it."""
    rows = read_observations(rows, any_name=True)
    return vc.TrialData(rows.patients, rows, None, None, covariates)


@pytest.mark.slow
def test_covariates_are_a_regression():
    """Of a balanced linear model typical values and slopes are those of least squares on means."""
    random = np.random.default_rng(7)
    weight, sex = random.uniform(50, 100, PATIENTS), np.array(["f", "m", "m"] * 10)
    start = 1.0 + 0.75 * np.log(weight / 70) + 0.4 * (sex == "f") + random.normal(0, 0.2, PATIENTS)
    logs = start[:, None] + 0.05 * DAYS + random.normal(0, 0.3, (PATIENTS, DAYS.size))
    trial = trial_of(table_of(logs), weight=weight, sex=sex)
    ds = vc.fit_population(
        trial, ["start"], predict=start_alone, typical={"start": 0.5}, starts=2,
        scales={"start": "linear"}, covariates={"start": ["weight", "sex"]}, **SHOWN,
    )  # fmt: skip
    column = np.log(weight / np.median(weight))
    design = np.stack([np.ones(PATIENTS), column, 1.0 * (sex == "f")], axis=1)
    means = (logs - 0.05 * DAYS).mean(axis=1)
    truth = np.linalg.lstsq(design, means)[0]
    found = estimates(ds)[["start", "start:weight", "start:sex=f"]].to_numpy()
    assert found == pytest.approx(truth, abs=1e-4)
    variance = ((means - design @ truth) ** 2).mean()
    covariance = np.linalg.inv(design.T @ design) * variance
    assert ds["standard_error"].values[:3] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-2)


def exponential(values, day):
    return values["start"] * jnp.exp(-values["rate"] * day / 10.0)


@pytest.mark.slow
@pytest.mark.parametrize("errors", ["proportional", "combined", "linear", "student_t"])
def test_other_errors_against_quadrature(errors):
    """The likelihood at the estimates, by an independent program, is the sampled one."""
    random = np.random.default_rng(5)
    start = 50.0 * np.exp(random.normal(0, 0.3, PATIENTS))
    means = start[:, None] * np.exp(-0.2 * DAYS / 10.0)
    values = np.abs(means * (1 + random.normal(0, 0.15, means.shape))
                    + random.normal(0, 1.0, means.shape))  # fmt: skip
    ds = vc.fit_population(
        table_of(np.log(values)), ["start"], ["rate"], predict=exponential, errors=errors,
        typical={"start": 30.0, "rate": 0.3}, starts=3, **SHOWN,
    )  # fmt: skip
    found = estimates(ds).to_numpy()
    points = np.linspace(-6.0, 6.0, 4001)
    rows = found[0] * np.exp(found[2] * points)[:, None, None] * np.exp(-found[1] * DAYS / 10.0)
    if errors == "student_t":
        each = student.logpdf(np.log(values) - np.log(rows), 4, scale=found[3]) - np.log(values)
    else:
        width = {"proportional": found[3] * rows, "linear": found[3] + 0.0 * rows,
                 "combined": np.hypot(found[3] * rows, found[-1])}[errors]  # fmt: skip
        each = norm.logpdf(values, rows, width)
    sums = each.sum(axis=2)
    truth = -2.0 * np.log((np.exp(sums) * norm.pdf(points)[:, None]).sum(axis=0) * 0.003).sum()
    assert abs(float(ds["deviance_sampled"]) - truth) < 4.5 * float(ds["deviance_sampled_error"])
    assert float(ds["deviance_laplace"]) == pytest.approx(truth, abs=1.0)
    # A width of Student's t is no standard deviation, of which residuals are told in parts.
    own = ds["individual_predicted"].values
    wide = {
        "proportional": found[3] * own,
        "linear": found[3] + 0.0 * own,
        "combined": np.hypot(found[3] * own, found[-1]),
        "student_t": found[3] * student.std(4),
    }
    left = np.log(values / own) if errors == "student_t" else values - own
    assert ds["residual"].values == pytest.approx(left / wide[errors], rel=1e-6)
    checks = vc.diagnostics(ds, table_of(np.log(values)), predict=exponential, replicates=100)
    # Of 30 patients, linear about each: of the right population 1.
    assert float(checks["cwres"].std()) == pytest.approx(1.0, abs=0.2)
    assert found[0] == pytest.approx(50.0, rel=0.2)
    assert found[1] == pytest.approx(0.2, rel=0.1)


@pytest.mark.slow
def test_a_prior_of_a_typical_value_is_one_more_datum():
    """Of a balanced model the mode is the mean of prior and data, weighed by their precisions."""
    logs = logs_of_lines()
    ds = vc.fit_population(
        table_of(logs), ["start"], predict=start_alone, typical={"start": 2.0}, starts=2,
        scales={"start": "linear"}, priors={"start": vc.Normal(3.1, 0.1)}, **SHOWN,
    )  # fmt: skip
    found = estimates(ds)
    means = (logs - 0.05 * DAYS).mean(axis=1)
    variance = found["spread of start"] ** 2 + found["error of size"] ** 2 / DAYS.size
    weights = np.array([PATIENTS / variance, 1 / 0.1**2])
    truth = weights @ [means.mean(), 3.1] / weights.sum()
    assert found["start"] == pytest.approx(truth, abs=1e-4)
    assert float(ds["standard_error"][0]) == pytest.approx(weights.sum() ** -0.5, rel=0.05)


BAD = {
    "one patient": ({"patient": [1] * 6}, {}, "one patient"),
    "twice": ({}, {"random": ["start", "start"]}, "twice"),
    "no first value": ({}, {"typical": {"start": 1.0}}, "first value"),
    "scale": ({}, {"scales": {"start": "cubic"}}, "scale"),
    "covariance": ({}, {"covariance": [("start", "other")]}, "no random effect"),
    "errors": ({}, {"errors": {"other": "log"}}, "no data"),
    "covariates": ({}, {"covariates": {"start": ["age"]}}, "no covariates"),
    "limits": ({}, {"limits": "M2"}, "limits"),
    "method": ({}, {"method": "magic"}, "method"),
    "prior": ({}, {"priors": {"start": vc.LogNormal(1.0, 0.1)}}, "Normal"),
    "predict": ({}, {"predict": 3.0}, "no function"),
    "zero": ({"value": 0.0}, {}, "above 0"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused(what):
    columns, options, match = BAD[what]
    table = table_of(logs_of_lines()[:2])
    for name, value in columns.items():
        table[name] = np.resize(value, len(table["day"]))
    with pytest.raises(vc.VcohortError, match=match):
        vc.fit_population(table, **(LINE | options))


WRONG = {
    "constant": (np.full(PATIENTS, 70.0), "every patient"),
    "missing": (np.where(np.arange(PATIENTS) == 3, np.nan, np.arange(PATIENTS) + 1.0), "missing"),
    "a missing text": (np.array(["a", ""] * 15), "missing"),
    "below 0": (np.arange(PATIENTS) - 3.0, "above 0"),
}


@pytest.mark.parametrize("what", WRONG)
def test_covariates_that_say_nothing_are_refused(what):
    values, match = WRONG[what]
    trial = trial_of(table_of(logs_of_lines()), age=values)
    with pytest.raises(vc.VcohortError, match=match):
        vc.fit_population(trial, **LINE, covariates={"start": ["age"]})


def test_collinear_covariates_are_refused():
    age = np.arange(PATIENTS) + 20.0
    trial = trial_of(table_of(logs_of_lines()), age=age, months=12.0 * age)
    with pytest.raises(vc.VcohortError, match="say the same"):
        vc.fit_population(trial, **LINE, covariates={"start": ["age", "months"]})


def idle(values, day):
    return jnp.exp(values["start"] + 0.05 * day) + 0.0 * values["idle"]


@pytest.mark.slow
def test_a_random_effect_that_no_datum_tells_is_told():
    with pytest.warns(vc.VcohortWarning) as told:
        vc.fit_population(
            table_of(logs_of_lines()), ["start", "idle"], predict=idle, starts=1,
            typical={"start": 3.0, "idle": 1.0}, scales={"start": "linear"}, **SHOWN,
        )  # fmt: skip
    texts = " ".join(str(each.message) for each in told)
    assert "do not tell idle" in texts
    assert "Make idle fixed" in texts


@pytest.mark.slow
def test_a_patient_with_limits_alone_counts():
    """It lies below: the typical start is lower than without it."""
    logs, below = logs_of_lines(), np.zeros((PATIENTS, DAYS.size), bool)
    below[0] = True
    logs[0] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = vc.fit_population(table_of(logs, below), **LINE)
        rest = vc.fit_population(table_of(logs[1:]), **LINE)
    assert estimates(ds)["start"] < estimates(rest)["start"]
    assert float(ds["random_effect"][0, 0]) < 0


@pytest.mark.slow
def test_nothing_is_compiled_again():
    """A second trial of the same shape runs the programs of the first."""
    vc.fit_population(table_of(logs_of_lines()), **LINE)
    before = turn._cache_size(), marginal._cache_size()
    vc.fit_population(table_of(logs_of_lines() + 0.1), **(LINE | {"seed": 3}))
    assert (turn._cache_size(), marginal._cache_size()) == before
