"""Fits of populations: stochastic approximation, a published table, progressions, what is made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, norm

import vcohort as vc
from tests.conftest import P_LIMIT, Z_LIMIT
from tests.test_mixed_effects import DAYS, LINE, PATIENTS, SHOWN, logs_of_lines, table_of
from vcohort.analysis.mixed_effects.likelihood import Event, event_log_likelihood
from vcohort.analysis.mixed_effects.predictive_check import check

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


@pytest.mark.slow
def test_intervals_cover_and_spreads_are_not_those_of_single_fits():
    """100 trials of 40 patients: bias and coverage of 95 % intervals, printed."""
    truth = np.array([3.0, 0.05, 0.5, 0.02, 0.3])
    names = ["start", "slope", "spread of start", "spread of slope", "error of size"]
    found, covered = [], []
    for seed in range(100):
        random = np.random.default_rng(1000 + seed)
        start, slope = random.normal(3.0, 0.5, (40, 1)), random.normal(0.05, 0.02, (40, 1))
        logs = start + slope * DAYS + random.normal(0.0, 0.3, (40, DAYS.size))
        ds = vc.fit_population(table_of(logs), **(LINE | {"starts": 2})).sel(quantity=names)
        found.append(ds["estimate"].values)
        covered.append((ds["lower"].values < truth) & (truth < ds["upper"].values))
    found, covered = np.array(found), np.array(covered)
    bias, share = found.mean(axis=0) / truth - 1.0, covered.mean(axis=0)
    for line in zip(names, bias, share, strict=True):
        print("{}: bias {:+.1%}, coverage {:.0%}".format(*line))
    error = found.std(axis=0, ddof=1) / truth / np.sqrt(len(found))
    # Maximum likelihood has spreads too small by about 1 / (2 patients).
    assert (np.abs(bias) < Z_LIMIT * error + 0.02).all()
    assert (share > 0.95 - Z_LIMIT * np.sqrt(0.95 * 0.05 / 100)).all()
