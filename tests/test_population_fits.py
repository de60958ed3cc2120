"""Fits of populations: stochastic approximation, a published table, progressions, what is made."""

import warnings
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, norm

import vcohort as vc
from tests.conftest import P_LIMIT, Z_LIMIT
from tests.test_mixed_effects import DAYS, LINE, PATIENTS, SHOWN, line, logs_of_lines, table_of
from vcohort.analysis.mixed_effects.diagnostics import _refuse_few
from vcohort.analysis.mixed_effects.likelihood import Event, event_log_likelihood
from vcohort.analysis.mixed_effects.predictive_check import check
from vcohort.analysis.mixed_effects.problem import Asked, pose
from vcohort.analysis.mixed_effects.replicates import limits_of
from vcohort.analysis.mixed_effects.residuals import prediction_errors
from vcohort.analysis.mixed_effects.spec import Rows
from vcohort.analysis.mixed_effects.survival_check import _after, _ends_of, survival_check
from vcohort.results.followed import Followed

REPLICATES = 1000


@pytest.fixture(scope="module")
def lines():
    return vc.fit_population(table_of(logs_of_lines()), covariance="full", **LINE)


def test_an_event_s_likelihood_is_scipy_s():
    """Between two days, after one, and of a patient who was watched late; on both sides of 0."""
    z = np.array([[2.0, -1.0, 3.0], [9.0, 8.0, 9.5], [-6.0, -7.0, -1.0], [0.3, 0.2, 0.4]])
    with jax.enable_x64(True):
        for start, end, entry in z:
            for is_seen in (True, False):
                for is_late in (True, False):
                    event = Event(jnp.array(is_seen), jnp.array(True), jnp.array(is_late))
                    found = float(event_log_likelihood(event, jnp.array([start, end, entry])))
                    # The smaller of both tails, so that nothing is lost in 1.
                    gap = (norm.cdf(start) - norm.cdf(end) if start + end < 0
                           else norm.sf(end) - norm.sf(start))  # fmt: skip
                    truth = np.log(gap) if is_seen else norm.logcdf(start)
                    truth -= norm.logcdf(entry) if is_late else 0.0
                    assert found == pytest.approx(truth, rel=1e-9, abs=1e-14)
        nothing = Event(jnp.array(True), jnp.array(False), jnp.array(False))
        assert float(event_log_likelihood(nothing, jnp.array([1.0, 0.0, 0.0]))) == 0.0


@pytest.mark.slow
def test_saem_is_maximum_likelihood(lines):
    """Of a linear model, whose maximum Laplace's method has exactly: to a fifth of an error."""
    ds = vc.fit_population(
        table_of(logs_of_lines()), covariance="full", **(LINE | {"method": "saem", "starts": 2})
    )  # fmt: skip
    error = lines["standard_error"].values
    off = (ds["estimate"].values - lines["estimate"].values) / error
    assert np.abs(off).max() < 0.2
    # Scores of 30 patients tell the information to about a quarter.
    assert ds["standard_error"].values == pytest.approx(error, rel=0.5)
    miss = float(ds["deviance"] - lines["deviance"])
    assert abs(miss) < 0.1 + Z_LIMIT * float(ds["deviance_sampled_error"])
    assert bool(ds["converged"])


@pytest.mark.slow
def test_the_posterior_of_a_well_determined_problem_is_the_likelihood(lines):
    """With weak priors means and standard deviations are near those of maximum likelihood."""
    ds = vc.fit_population(table_of(logs_of_lines()), **(LINE | {"method": "nuts"}))
    diagonal = vc.fit_population(table_of(logs_of_lines()), **LINE)
    assert float(ds["r_hat"].max()) < 1.01
    assert float(ds["ess"].min()) > 200
    error = diagonal["standard_error"].values
    # Spreads of 30 patients have skewed posteriors: means lie above modes.
    assert (np.abs(ds["estimate"].values - diagonal["estimate"].values) < 0.5 * error).all()
    assert ds["standard_error"].values == pytest.approx(error, rel=0.25)


def start_alone(values, day):
    return jnp.exp(values["start"] + 0.05 * day)


@pytest.mark.slow
def test_a_posterior_is_that_of_its_priors_and_quadrature():
    """Three numbers of a linear model of 12 patients, whose likelihood is closed, on a grid."""
    logs, first = logs_of_lines()[:12] - 2.0, 1.5
    rest = logs - 0.05 * DAYS
    table = table_of(logs)
    table = {name: table[name][: logs.size] for name in table}
    with warnings.catch_warnings():
        # Of so few patients the sampler may say that it is not sure of the last digit.
        warnings.filterwarnings("ignore", message="The chains have not mixed")
        ds = vc.fit_population(
            table, ["start"], predict=start_alone, typical={"start": first}, starts=2,
            scales={"start": "linear"}, method="nuts", **SHOWN,
        )  # fmt: skip
    fit = vc.fit_population(
        table, ["start"], predict=start_alone, typical={"start": first}, starts=2,
        scales={"start": "linear"}, **SHOWN,
    )  # fmt: skip
    at = np.log(float(fit["estimate"][2]))
    typical, spread, width = np.meshgrid(
        np.linspace(-1.0, 3.0, 121), np.log(np.linspace(0.02, 3.0, 161)),
        at + np.linspace(-0.8, 0.8, 81), indexing="ij",
    )  # fmt: skip
    within, between = np.exp(2 * width), np.exp(2 * spread)
    count, total = DAYS.size, np.exp(2 * width) + DAYS.size * np.exp(2 * spread)
    log = np.zeros(typical.shape)
    for own in rest:
        off = own[:, None, None, None] - typical
        squares, mean = (off**2).sum(axis=0), off.sum(axis=0)
        log -= 0.5 * (squares - between / total * mean**2) / within
        log -= 0.5 * ((count - 1) * np.log(within) + np.log(total))
    # Places on a linear scale are in units of the first value; so are typical values and spreads.
    log -= 0.5 * ((typical - first) / first / 3.0) ** 2
    log += spread - 0.5 * (np.exp(spread) / first) ** 2 - 0.5 * ((width - at) / 2.0) ** 2
    # The grid of spreads is even in them, not in their logs.
    weight = np.exp(log - log.max() - spread)
    weight /= weight.sum()
    for number, value in enumerate((typical, np.exp(spread), np.exp(width))):
        mean = (weight * value).sum()
        deviation = np.sqrt((weight * (value - mean) ** 2).sum())
        size = float(ds["ess"][number])
        found = float(ds["estimate"][number])
        assert abs(found - mean) < Z_LIMIT * deviation / np.sqrt(size) + 0.01 * deviation
        assert float(ds["standard_error"][number]) == pytest.approx(deviation, rel=0.15)
    assert int(ds["diverging"]) == 0


# Stein et al. 2019, CPT Pharmacometrics Syst. Pharmacol. 8:285, tisagenlecleucel in children and
# young adults; the share that persists is that of their model, 0.0079.
PUBLISHED = {"fold": 3900.0, "Tmax": 9.3, "Cmax": 24000.0, "share": 0.0079, "alpha": 0.16,
             "beta": 0.0032}  # fmt: skip
VARIANCES = {"fold": 2.4, "Tmax": 0.38, "Cmax": 0.65, "share": 0.91, "alpha": 0.8, "beta": 0.86}
ERROR = 0.56
SAMPLED = np.array([1, 2, 4, 7, 9, 11, 14, 17, 21, 28, 42, 60, 90, 120, 180, 270, 365.0])


def kinetics(values, day):
    """Expansion to the peak, then a fast and a slow decline: with a kink at the peak."""
    is_late = day > values["Tmax"]
    past = jnp.where(is_late, day - values["Tmax"], 0.0)
    left = jnp.where(is_late, 0.0, 1.0 - day / values["Tmax"])
    share = values["share"]
    fall = (1 - share) * jnp.exp(-values["alpha"] * past) + share * jnp.exp(-values["beta"] * past)
    return values["Cmax"] * values["fold"] ** -left * fall


def published_trial(seed, patients=90, limit=10.0):
    random = np.random.default_rng(seed)
    spread = {name: variance**0.5 for name, variance in VARIANCES.items()}
    values = {name: PUBLISHED[name] * np.exp(random.normal(0, spread[name], (patients, 1)))
              for name in PUBLISHED}  # fmt: skip
    course = np.asarray(kinetics(values, SAMPLED))
    found = course * np.exp(random.normal(0, ERROR, course.shape))
    return {
        "patient": np.repeat(np.arange(patients), SAMPLED.size),
        "day": np.tile(SAMPLED, patients), "observable": ["transgene"] * found.size,
        "value": np.maximum(found, limit).ravel(), "below": (found < limit).ravel() * 1.0,
    }  # fmt: skip


@pytest.mark.slow
def test_a_published_table_is_recovered():
    """13 numbers of a simulated trial of 90 patients, within 2 standard errors but one at most."""
    typical = {name: value * np.exp(0.5 * (-1) ** place)
               for place, (name, value) in enumerate(PUBLISHED.items())}  # fmt: skip
    ds = vc.fit_population(
        published_trial(1), list(PUBLISHED), predict=kinetics, typical=typical, method="saem",
        starts=2, **SHOWN,
    )  # fmt: skip
    truth = [*PUBLISHED.values(), *(variance**0.5 for variance in VARIANCES.values()), ERROR]
    off = (ds["estimate"].values - truth) / ds["standard_error"].values
    assert (np.abs(off) > 2).sum() <= 1
    assert np.abs(off).max() < Z_LIMIT


def test_residuals_of_a_linear_model_are_white(lines):
    """CWRES are those of the marginal normal law; NPDE are standard normal."""
    logs = logs_of_lines()
    ds = vc.diagnostics(lines, table_of(logs), predict=LINE["predict"], replicates=REPLICATES)
    found = lines["estimate"].to_series()
    spread = found[["spread of start", "spread of slope"]].to_numpy()
    tied = found["correlation of slope and start"] * np.ones((2, 2))
    np.fill_diagonal(tied, 1.0)
    design = np.stack([np.ones(DAYS.size), DAYS], axis=1)
    total = design @ (np.outer(spread, spread) * tied) @ design.T
    total += found["error of size"] ** 2 * np.eye(DAYS.size)
    worth, axes = np.linalg.eigh(total)
    left = logs - design @ found[["start", "slope"]].to_numpy()
    truth = left @ axes / np.sqrt(worth) @ axes.T
    assert ds["cwres"].values == pytest.approx(truth, abs=1e-3)
    assert kstest(ds["npde"].values.ravel(), "norm").pvalue > P_LIMIT
    # The quantiles seen are numpy's; replicates have them within their band nearly everywhere.
    seen = np.quantile(np.exp(logs), [0.05, 0.5, 0.95], axis=0)
    assert ds["seen"].values[0, 0] == pytest.approx(seen, rel=1e-9)
    inside = (ds["low"] <= ds["seen"]) & (ds["seen"] <= ds["high"])
    assert float(inside.mean()) > 0.7
    factor = np.exp(found["start"] + found["slope"] * DAYS)
    corrected = np.exp(logs) * factor / factor
    assert ds["corrected"].values == pytest.approx(corrected, rel=1e-6)


def half_lives(random, patients):
    """Return curved courses with errors that are in part proportional, far from normal."""
    start = 20.0 * np.exp(random.normal(0, 0.5, (*patients, 1)))
    rate = 0.4 * np.exp(random.normal(0, 0.4, (*patients, 1)))
    course = start * np.exp(-rate * np.arange(5.0))
    found = course * (1 + 0.1 * random.standard_normal(course.shape))
    return found + 0.5 * random.standard_normal(course.shape)


@pytest.mark.parametrize("limit", [-np.inf, 6.0])
def test_prediction_errors_of_the_true_model_are_standard_normal(limit):
    """2,000 patients of a model that is not linear; with a limit below which half the data lie."""
    random = np.random.default_rng(4)
    value, drawn = half_lives(random, (2000,)), half_lives(random, (60, 2000))
    below = value < limit
    assert (0.3 < below.mean() < 0.6) == np.isfinite(limit)
    found = prediction_errors(
        np.where(below, -np.inf, value), drawn, np.ones(value.shape, bool),
        np.full(value.shape, limit), seed=0,
    )  # fmt: skip
    for row in range(value.shape[1]):
        assert kstest(found[:, row], "norm").pvalue > P_LIMIT
        assert abs(found[:, row].mean()) < Z_LIMIT / np.sqrt(2000)
        # Of ranks among 60 the spread is a little less than 1.
        assert found[:, row].std() == pytest.approx(0.98, abs=Z_LIMIT / np.sqrt(4000))


def halving(values, day):
    return values["start"] * jnp.exp(-values["rate"] * day / 10.0)


@pytest.mark.slow
def test_diagnostics_of_the_right_model_find_nothing():
    """150 patients, a third of the data below two limits, of which the second laboratory's is 4."""
    random, count = np.random.default_rng(6), 150
    start = 50.0 * np.exp(random.normal(0, 0.5, (count, 1)))
    rate = 0.5 * np.exp(random.normal(0, 0.4, (count, 1)))
    value = start * np.exp(-rate * DAYS / 10.0) * np.exp(random.normal(0, 0.3, (count, DAYS.size)))
    limit = np.where(np.arange(count)[:, None] < 100, 8.0, 4.0)
    below = value < limit
    assert 0.25 < below.mean() < 0.45
    table = {
        "patient": np.repeat(np.arange(count), DAYS.size), "day": np.tile(DAYS, count),
        "observable": ["size"] * value.size, "value": np.maximum(value, limit).ravel(),
        "below": below.ravel() * 1.0,
    }  # fmt: skip
    fit = vc.fit_population(
        table, ["start", "rate"], predict=halving, typical={"start": 30.0, "rate": 1.0}, starts=3,
        **SHOWN,
    )  # fmt: skip
    truth = np.array([50.0, 0.5, 0.5, 0.4, 0.3])
    assert (np.abs(fit["estimate"] - truth) < Z_LIMIT * fit["standard_error"]).all()
    ds = vc.diagnostics(fit, table, predict=halving, replicates=200)
    errors = ds["npde"].values
    assert np.isfinite(errors).all()
    for column in errors.T:
        assert kstest(column, "norm").pvalue > P_LIMIT
    assert errors.std() == pytest.approx(1.0, abs=Z_LIMIT / np.sqrt(2 * errors.size))
    inside = (ds["below_low"] <= ds["below_share"]) & (ds["below_share"] <= ds["below_high"])
    assert float(inside.mean()) > 0.6
    known = np.isfinite(ds["seen"]) & np.isfinite(ds["low"])
    within = (ds["low"] <= ds["seen"]) & (ds["seen"] <= ds["high"])
    assert float(within.where(known).mean()) > 0.6


def test_a_limit_of_what_was_seen_is_the_largest_below_it():
    rows = Rows(
        jnp.array([[1.0, 5.0, 2.0, 0.5, 1.5, 9.0]]), jnp.ones((1, 6)),
        jnp.array([[0, 0, 0, 0, 0, 1]]), jnp.array([[True, False, True, False, False, False]]),
        jnp.array([[True, True, True, True, True, True]]),
    )  # fmt: skip
    none = -np.inf
    assert limits_of(rows).tolist() == [[1.0, 2.0, 2.0, none, 1.0, none]]


def test_a_predictive_check_knows_limits():
    """Shares below are counted; a quantile that lies below the limit is missing."""
    random = np.random.default_rng(2)
    day, value = np.repeat([0.0, 1.0], 50), random.normal(10.0, 1.0, 100)
    value[50:] -= 3.0
    drawn = random.normal(10.0, 1.0, (200, 100)) - 3.0 * (day == 1.0)
    below = value < 8.0
    found = check(day, np.maximum(value, 8.0), below, drawn, drawn < 8.0)
    assert found.below[0] == pytest.approx([below[:50].mean(), below[50:].mean()])
    assert (found.below[1] <= found.below[0]).all()
    assert (found.below[0] <= found.below[2]).all()
    assert found.seen[1, 0] == pytest.approx(np.median(value[:50]))
    assert np.isnan(found.seen[0, 1])
    assert found.drawn[1, 1, 0] == pytest.approx(10.0, abs=0.1)


TRUTH = {"K_C": 0.14, "rho_C": 0.35}
VISITS = (2.0, 7.0, 14.0, 28.0, 60.0)


def trial_of_the_model(patients=12, seed=1):
    """Return a trial of the model: counts, and progressions at visits, with its cohort."""
    random = np.random.default_rng(seed)
    base = vc.presets()["kimmel2021-figures"].values
    values = {name: base[name] * np.exp(random.normal(0, spread, patients))
              for name, spread in TRUTH.items()}  # fmt: skip
    cohort = vc.Cohort.from_values("kimmel2021-figures", r_B=0.1, **values)
    ds = vc.simulate(cohort, "deterministic", 60.0, save_at=VISITS, tolerance=1e-5,
                     dtype="float64", progress=False)  # fmt: skip
    found = ds["C"].values / 5e8 * np.exp(random.normal(0, 0.3, (patients, len(VISITS))))
    limit = 1.0
    rows = {
        "patient": np.repeat(np.arange(patients), len(VISITS)), "day": np.tile(VISITS, patients),
        "observable": ["C_per_ul"] * found.size, "value": np.maximum(found, limit).ravel(),
        "below": (found < limit).ravel() * 1.0,
    }  # fmt: skip
    return rows, cohort


@pytest.fixture(scope="module")
def of_the_model():
    rows, _ = trial_of_the_model()
    single = vc.Cohort.from_values("kimmel2021-figures", r_B=0.1)
    return vc.fit_population(rows, list(TRUTH), covariance="full", cohort=single, starts=2, **SHOWN)


@pytest.mark.slow
def test_a_fitted_population_is_the_fit_s(of_the_model, tmp_path):
    """Saved, loaded, and drawn from: medians, spreads and correlation are the estimates."""
    path = vc.save(of_the_model, tmp_path / "fit.nc")
    population = vc.fitted_population(vc.load(path))
    cohort = population.sample(20_000, seed=1)
    logs = np.log([cohort["K_C"], cohort["rho_C"]])
    found = of_the_model["estimate"].to_series()
    spread = found[["spread of K_C", "spread of rho_C"]].to_numpy()
    error = spread / np.sqrt(20_000)
    centre = np.log(found[["K_C", "rho_C"]].to_numpy())
    assert (np.abs(logs.mean(axis=1) - centre) < Z_LIMIT * error).all()
    assert logs.std(axis=1) == pytest.approx(spread, rel=Z_LIMIT / np.sqrt(40_000))
    tied = found["correlation of rho_C and K_C"]
    assert np.corrcoef(logs)[0, 1] == pytest.approx(tied, abs=Z_LIMIT / np.sqrt(20_000))
    assert (cohort["r_B"] == 0.1).all()


@pytest.mark.slow
def test_progressions_count_by_their_exact_probability():
    """The joint likelihood at the estimates, by quadrature over vc.progression_free_probability."""
    rows, cohort = trial_of_the_model()
    patients = len(cohort)
    index = np.arange(patients)
    is_seen = np.isin(index, [3, 6, 10])
    time = np.where(is_seen, np.select([index == 3, index == 6], [220.0, 272.0], 300.0), 100.0)
    last_free = np.select([index == 3, index == 10], [120.0, 200.0], np.nan)
    start = np.where(index == 4, 20.0, 0.0)
    events = vc.Events(index, start, time, is_seen, last_free)
    table = vc.read_trial(rows)
    trial = vc.TrialData(table.patients, table.observations, None, events, {})
    single = vc.Cohort.from_values("kimmel2021-figures", r_B=0.1)
    ds = vc.fit_population(
        trial, ["K_C"], cohort=single, events=True, noise=0.05, starts=2, **SHOWN
    )  # fmt: skip
    found = ds["estimate"].to_series()
    points = np.linspace(-5.0, 5.0, 4001)
    many = vc.Cohort.from_values(
        "kimmel2021-figures", r_B=0.1, K_C=found["K_C"] * np.exp(found["spread of K_C"] * points)
    )
    course = vc.simulate(many, "deterministic", 60.0, save_at=VISITS, tolerance=1e-5,
                         dtype="float64", progress=False)["C"].values / 5e8  # fmt: skip
    first = np.where(is_seen, np.where(np.isnan(last_free), time - 0.5, last_free), time)
    second = np.where(is_seen & np.isnan(last_free), time + 0.5, time)
    days = np.unique(np.concatenate([first, second, start]))
    free = np.asarray(vc.progression_free_probability(
        many, days, noise=0.05, tolerance=1e-5, dtype="float64"
    ))  # fmt: skip
    value = np.reshape(rows["value"], (patients, -1))
    below = np.reshape(rows["below"], (patients, -1)) > 0
    width, total = found["error of C_per_ul"], 0.0
    for patient in range(patients):
        z = (np.log(value[patient]) - np.log(course)) / width
        seen = norm.logpdf(z) - np.log(width) - np.log(value[patient])
        logs = np.where(below[patient], norm.logcdf(z), seen).sum(axis=1)
        at = {day: free[:, np.searchsorted(days, day)] for day in days}
        chance = at[first[patient]] - is_seen[patient] * at[second[patient]]
        chance = chance / at[start[patient]] if start[patient] > 0 else chance
        total += np.log((np.exp(logs) * chance * norm.pdf(points)).sum() * 0.0025)
    miss = float(ds["deviance_sampled"]) + 2 * total
    assert abs(miss) < 0.05 + Z_LIMIT * float(ds["deviance_sampled_error"])


def test_replicates_are_followed_as_the_trial_was():
    """Ends that a progression hid are drawn from the law of all; who came late progresses later."""
    random = np.random.default_rng(8)
    time, end = random.exponential(100.0, 4000), random.uniform(20.0, 400.0, 4000)
    followed = Followed(
        np.zeros(4000), np.minimum(time, end), time <= end, 0, np.ones(4000, bool)
    )  # fmt: skip
    found = _ends_of(followed, 2, random)
    assert (found[:, ~followed.event] == end[~followed.event]).all()
    assert (found[:, followed.event] >= time[followed.event]).all()
    hidden = found[:, followed.event]
    # After day 300 next to nobody is left who tells of ends.
    truth = (end[followed.event] < 300.0).mean()
    assert (hidden < 300.0).mean() == pytest.approx(truth, abs=0.05)
    assert kstest(found[0][found[0] < 250.0], "uniform", (20.0, 230.0)).pvalue > P_LIMIT
    days = np.array([[10.0, 5.0, 90.0], [30.0, 50.0, 10.0], [40.0, np.inf, 20.0]])
    late = _after(days, np.array([0.0, 20.0, 100.0]), random)
    assert late[:, 0].tolist() == [10.0, 30.0, 40.0]
    assert late[0, 1] in (50.0, np.inf)
    assert late[1:, 1].tolist() == [50.0, np.inf]
    assert np.isnan(late[:, 2]).all()


def test_events_are_looked_for_on_their_days():
    """Also on a finer grid, which diagnostics ask for: to the last bit of a double."""
    rows, _ = trial_of_the_model(4)
    time = np.array([100.1, 180.2, 250.3, 300.4])
    events = vc.Events(np.arange(4), np.zeros(4), time, np.arange(4) < 2, np.full(4, np.nan))
    table = vc.read_trial(rows)
    trial = vc.TrialData(table.patients, table.observations, None, events, {})
    single = vc.Cohort.from_values("kimmel2021-figures", r_B=0.1)
    run = vc.Run(tolerance=1e-3, method="deterministic", dtype="float64")
    asked = Asked(["K_C"], (), None, None, None, "diagonal", None, "log", "M3", None, single, run,
                  (), True, 0.05)  # fmt: skip
    problem = pose(trial, asked)
    finer = problem._replace(single=problem.single._replace(steps=0)).on_a_grid_for(
        np.tile(problem.typical, (4, 1))
    )
    for each in (problem, finer):
        inputs = each.patients.inputs
        nodes = np.concatenate([np.zeros((4, 1)), np.asarray(inputs.subject.grid.end)], axis=1)
        found = np.take_along_axis(nodes, np.asarray(inputs.points), axis=1)
        assert (found == each.told.days).all()


@pytest.mark.slow
def test_replicates_of_the_trial_have_the_population_s_survival():
    """The mean exact P(no progression) of the population, and chance of 40 patients about it."""
    patients, days = 40, np.array([100.0, 200.0, 300.0])
    rows, _ = trial_of_the_model(patients)
    end = np.full(patients, 400.0)
    events = vc.Events(np.arange(patients), np.zeros(patients), end,
                       np.arange(patients) == 0, np.full(patients, np.nan))  # fmt: skip
    table = vc.read_trial(rows)
    trial = vc.TrialData(table.patients, table.observations, None, events, {})
    asked = Asked(list(TRUTH), (), None, None, None, "diagonal", None, "log", "M3", None,
                  vc.Cohort.from_values("kimmel2021-figures", r_B=0.1),
                  vc.Run(tolerance=1e-4, method="deterministic", dtype="float64"), (), False,
                  0.05)  # fmt: skip
    problem = pose(trial, asked)
    with jax.enable_x64(True):
        vector = problem.spec.layout.vector_of(
            jnp.asarray(problem.typical), jnp.zeros(0), jnp.diag(jnp.array([0.14, 0.35]) ** 2),
            jnp.zeros(1),
        )  # fmt: skip
    found = survival_check(problem, trial, np.asarray(vector), 200, 1)
    laws = {name: vc.LogNormal(float(np.exp(at)), spread)
            for at, (name, spread) in zip(problem.typical, TRUTH.items(), strict=True)}  # fmt: skip
    many = vc.Population("kimmel2021-figures", 0.0, r_B=0.1, **laws).sample(20_000, seed=3)
    truth = np.asarray(vc.progression_free_probability(many, days)).mean(axis=0)
    low, middle, high = (np.interp(days, found.day, each) for each in found.drawn)
    assert ((truth > 0.05) & (truth < 0.98)).any()
    error = np.sqrt(truth * (1 - truth) / patients)
    # A median of 200 is known to a tenth of their spread, and is a multiple of 1/40.
    assert (np.abs(middle - truth) < Z_LIMIT * 1.25 * error / np.sqrt(200) + 0.025).all()
    assert (high - low) / (2 * 1.645 * error) == pytest.approx(1.0, abs=0.35)


def test_progressions_without_a_survival_table_are_refused():
    with pytest.raises(vc.VcohortError, match="survival table"):
        vc.fit_population(trial_of_the_model()[0], ["K_C"], events=True)
    with pytest.raises(vc.VcohortError, match="needs the model"):
        vc.fit_population(table_of(logs_of_lines()), events=True, **LINE)


def test_a_function_s_fit_makes_no_population(lines):
    with pytest.raises(vc.VcohortError, match="function of your own"):
        vc.fitted_population(lines)
    with pytest.raises(vc.VcohortError, match="give it again"):
        vc.diagnostics(lines, table_of(logs_of_lines()))
    with pytest.raises(vc.VcohortError, match="other patients"):
        vc.diagnostics(lines, table_of(logs_of_lines()[1:]), predict=LINE["predict"])
    other = table_of(logs_of_lines())
    with pytest.raises(vc.VcohortError, match="predicted otherwise"):
        vc.diagnostics(lines, other, predict=lambda values, day: 2.0 * line(values, day))
    with pytest.raises(vc.VcohortError, match="replicates = 20 are too few"):
        _refuse_few(20, SimpleNamespace(patients=SimpleNamespace(rows=SimpleNamespace(
            present=np.ones((2, 11))))))  # fmt: skip
    other["value"][3] *= 2.0
    with pytest.raises(vc.VcohortError, match="other measurements than the fit, in value"):
        vc.diagnostics(lines, other, predict=LINE["predict"])
    with pytest.raises(vc.VcohortError, match="hold no survival"):
        vc.plots.survival_check(
            vc.diagnostics(lines, table_of(logs_of_lines()), predict=line, replicates=20)
        )


def test_pictures_of_fits_of_populations(lines):
    """Each patient has a panel; each quantity a panel with the trace of each start."""
    assert len(vc.plots.fitted_curves(lines)) == PATIENTS
    panels = vc.plots.convergence(lines)
    titles = [each.get_title().replace("\n", " ") for each in panels]
    assert titles == lines["quantity"].values.tolist()
    assert len(panels[0].lines) == lines.sizes["start"] + 1
    assert len(vc.plots.random_effects(lines)) == 4
    age = np.arange(PATIENTS) + 20.0
    sex = np.array(["f", "m"] * (PATIENTS // 2))
    panels = vc.plots.random_effects(lines, {"age": age, "sex": sex})
    assert [each.get_xlabel() for each in panels] == ["age", "sex"] * 2
    drawn = panels[0].lines[0].get_xydata()
    assert drawn[:, 0] == pytest.approx(age)
    assert drawn[:, 1] == pytest.approx(lines["random_effect"].values[:, 0])
    ds = vc.diagnostics(lines, table_of(logs_of_lines()), predict=LINE["predict"], replicates=20)
    panels = vc.plots.goodness_of_fit(ds)
    assert len(panels) == 4
    assert panels[2].lines[0].get_ydata() == pytest.approx(ds["cwres"].values.ravel())
    assert len(vc.plots.predictive_check(ds, correction="prediction")) == 1
