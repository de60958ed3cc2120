"""The examples of docs/extend.md, run from the page itself."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp

import vcohort as vc
from tests import clones
from tests.conftest import P_LIMIT
from vcohort.models import Cells
from vcohort.models.formulas.checking import checked_equations

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
HORIZON = 800.0


def example(word):
    """Return what the page's block with a word defines."""
    (code,) = (block for block in BLOCKS if word in block)
    defined = {"__name__": __name__}
    exec(compile(code, "extend.md", "exec"), defined)
    return defined


def log_tumour(cohort, patient, days):
    """Return ln B of a patient by DOP853, from the paper's equations."""
    p = {name: float(values[patient]) for name, values in cohort.values.items()}

    def slopes(_, logs):
        n, c = np.exp(logs[:2])
        t = n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        death = p["gamma_B"] * c / (p["k_B"] + c)
        return [-p["r_N"] * np.log(t / p["K_N"]), -r_c * np.log(t / p["K_C"]), p["r_B"] - death]

    start = np.log([p["N0"], p["C0"], p["B0"]])
    options = {"method": "DOP853", "rtol": 1e-9, "atol": 1e-9, "t_eval": days}
    return solve_ivp(slopes, (0.0, days[-1]), start, **options).y[2]


@pytest.mark.parametrize("cells", [1e6, 1e9])
def test_days_below_a_size(cells):
    """Within a tenth of a day, though a step of this run lasts sixteen days on average."""
    cohort = vc.Population("kimmel2021-figures", 0.1, r_B=0.2, gamma_B=0.9).sample(40, seed=2)
    below = example("DaysBelow")["DaysBelow"](cells)
    ds = vc.simulate(cohort, "deterministic", HORIZON, endpoints=[below], progress=False)
    assert ds.attrs["time_grid"].size < 60 and ds["days_below"].attrs["units"] == "day"
    days = np.linspace(0.0, HORIZON, 40_001)
    dense = np.stack([log_tumour(cohort, patient, days) for patient in range(40)])
    expected = HORIZON * (dense[:, :-1] < np.log(cells)).mean(axis=1)
    assert (expected == 0).any() and expected.max() > 20
    assert np.abs(ds["days_below"] - expected).max() < 0.1


@pytest.mark.parametrize("method", ["exact", "hybrid"])
def test_a_cured_patient_stays_below(method, figures):
    """From the day on which the tumour falls below the size to the horizon."""
    cohort = figures(0.05, K_C=vc.units.t_cells(200.0)).sample(200, seed=1)
    below = example("DaysBelow")["DaysBelow"](1e6)
    ds = vc.simulate(cohort, method, HORIZON, endpoints=[below], progress=False)
    cured = np.flatnonzero(ds["outcome"] == 1)
    days = np.linspace(0.0, 100.0, 10_001)
    for patient in cured[:5]:
        falls = days[np.argmax(log_tumour(cohort, patient, days) < np.log(1e6))]
        assert float(ds["days_below"][patient]) == pytest.approx(HORIZON - falls, abs=0.1)


def test_a_law_of_ones_own():
    model = vc.car_t(killing=example("pairs")["LAW"])
    values = {name: jnp.float32(param.default) for name, param in model.parameters.items()}
    logs = jnp.log(jnp.array([1e11, 2 * 2.024e9, 1e10], jnp.float32))
    cells = Cells(dict(zip("NCB", logs, strict=True)))
    assert float(model.rates(values, cells).death["B"]) == pytest.approx(1.15 * 4 / 5, rel=1e-5)


def test_the_page_s_normal_b_cells_against_scipy():
    """And hardly noticed by the tumour, as the page says and the paper has it."""
    cohort = vc.Population("kimmel2021-figures", model=example("b_cells")["model"]).sample(1)
    p = {name: float(values[0]) for name, values in cohort.values.items()}
    days = np.array([30.0, 90.0, 180.0, 365.0])
    ds = vc.simulate(cohort, "deterministic", 400.0, save_at=days, endpoints=[vc.Nadir()],
                     progress=False)  # fmt: skip

    def slopes(_, logs):
        n, c, a = np.exp(logs)
        t, seen = n + c, p["k_1"] * a
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        r_c += p["rho_C"] * seen / (1.0 + seen)
        death = p["gamma_B"] * c / (p["k_B"] + c)
        return [-p["r_N"] * np.log(t / p["K_N"]), -r_c * np.log(t / p["K_C"]),
                p["r_A"] * np.log(p["K_A"] / a) - death]  # fmt: skip

    start = np.log([p["N0"], p["C0"], p["A0"]])
    truth = solve_ivp(slopes, (0.0, 365.0), start, "DOP853", days, rtol=1e-9, atol=1e-9).y
    for name, logs in zip("NCA", truth, strict=True):
        np.testing.assert_allclose(np.log(ds[name].values[0]), logs, atol=2e-3)
    without = vc.Population("kimmel2021-figures").sample(1)
    cured = [float(vc.cure_probability(each)[0]) for each in (cohort, without)]
    assert cured[0] == pytest.approx(cured[1], rel=2e-3)


def test_the_page_s_chain_of_clones_against_scipy():
    """By the backward equations of its three clones, solved in logs."""
    model = example("CHAIN")["model"]
    cohort = vc.Population("kimmel2021-figures", model=model, K_C=8e10, u=1e-5).sample(1)
    p = {name: float(values[0]) for name, values in cohort.values.items()}
    death, birth, u = clones.killing(p, 400.0), p["r_B"], p["u"]

    def back(passed, logs):
        mu, (b, e1, e2) = death(400.0 - passed), np.exp(logs)
        return [
            birth * (1.0 - u) * (1.0 - b) - mu + birth * u * e1 * (1.0 - b) / b,
            birth * (1.0 - u) * (1.0 - e1) - p["low"] * mu + birth * u * e2 * (1.0 - e1) / e1,
            birth * (1.0 - e2),
        ]

    logs = solve_ivp(back, (0.0, 400.0), np.zeros(3), "LSODA", rtol=1e-9, atol=1e-9).y[:, -1]
    first = [np.round(p["B0"]), p["E10"], p["E20"]]
    log_cured = np.dot(first, np.log1p(-np.minimum(np.exp(logs), 1.0 - 1e-16)))
    found = float(vc.cure_probability(cohort, 400.0)[0])
    assert 0.2 < found < 0.9 and np.log(found) == pytest.approx(log_cured, abs=1e-3)


@pytest.fixture(scope="module")
def log_logistic():
    return example("class LogLogistic")["LogLogistic"]


def test_the_page_s_distribution_is_drawn_and_moved(log_logistic):
    """By scipy: the law of Fisk is the log-logistic."""
    population = vc.Population("kimmel2021-figures", K_C=log_logistic(7e10, 0.1))
    for made, centre in ((population, 7e10), (population.replace(K_C=1.4e11), 1.4e11)):
        law = stats.fisk(10.0, scale=centre)
        assert stats.kstest(made.sample(5000, seed=1)["K_C"], law.cdf).pvalue > P_LIMIT


@pytest.mark.slow
def test_the_page_s_distribution_is_calibrated(log_logistic):
    """To a trial of its own kind: another median and spread are found again."""
    there = vc.Population("kimmel2021-figures", r_B=log_logistic(0.12, 0.2)).sample(
        4096, design="sobol"
    )
    days = np.arange(0.0, 400.0, 20.0)
    pfs = np.asarray(vc.progression_free_probability(there, days)).mean(axis=0)
    here = vc.Population("kimmel2021-figures", r_B=log_logistic(0.09, 0.1))
    ds = vc.calibrate(here, {"day": days, "pfs": pfs}, ["r_B"], days=days, n=1024, starts=1,
                      progress=False)  # fmt: skip
    found = vc.calibrated(here, ds).distributions["r_B"]
    assert found.median == pytest.approx(0.12, rel=0.03)
    assert found.spread == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (6e10, 9e10)])
def test_the_page_s_distribution_is_a_prior(log_logistic, low, high):
    truth, at = stats.fisk(10.0, scale=7e10), np.linspace(6.1e10, 8.9e10, 9)
    with jax.enable_x64(True):
        found = log_logistic(7e10, 0.1).prior(low, high).log_prob(at)
    mass = truth.cdf(high) - truth.cdf(low)
    np.testing.assert_allclose(found, truth.logpdf(at) - np.log(mass), atol=1e-9)


@pytest.mark.slow
def test_a_posterior_of_next_to_no_data_is_the_page_s_prior(log_logistic):
    """What is measured says nothing: the draws' quartiles are the prior's between the bounds."""
    rows = {"day": [7.0], "observable": ["B_ml"], "value": [100.0], "error": [1e3]}
    prior, bounds = log_logistic(0.1, 0.2), (0.05, 0.15)
    drawn = vc.posterior(rows, ["r_B"], priors={"r_B": prior}, bounds={"r_B": bounds}, draws=2000,
                         progress=False)["posterior"]["r_B"].values  # fmt: skip
    assert bounds[0] < drawn.min() < drawn.max() < bounds[1]
    truth = stats.fisk(5.0, scale=0.1)
    ends = truth.cdf(bounds)
    wanted = truth.ppf(ends[0] + np.array([0.25, 0.5, 0.75]) * np.ptp(ends))
    assert np.quantile(drawn, [0.25, 0.5, 0.75]) == pytest.approx(wanted, rel=0.02)


def test_the_page_s_observable_is_fitted():
    """Its course is that of N + C in cells/ul; the loss that weighs it as N takes it."""
    rows = example("vc.Observable(")["rows"]
    ds = vc.fit(rows, ["r_N"], starts=2, loss="kimmel2021", tolerance=1e-2, progress=False)
    total = (ds["N"] + ds["C"]).values / 5e8
    np.testing.assert_allclose(ds["curve"].sel(kind="CD3_per_ul"), total, rtol=1e-6)


@pytest.mark.parametrize("word", ["b_cells", "CHAIN", "pairs"])
def test_the_page_s_formulas_are_what_its_laws_compute(word):
    """So that the page's models can be written for other programs."""
    given = example(word)
    checked_equations(given["model"] if "model" in given else vc.car_t(killing=given["LAW"]))
