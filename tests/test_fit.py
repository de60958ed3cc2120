"""Fits against synthetic truth and closed forms; criteria, profiles, posterior; bad data."""

import warnings
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import vcohort as vc
from vcohort.analysis.estimation.criteria import criteria, weights_of

DAYS = np.array([7.0, 14.0, 28.0, 90.0, 180.0])

# Without killing ln B = ln B0 + r_B t: linear in r_B and ln B0, so all laws are closed forms.
GROWTH_DAYS = np.array([10.0, 40.0, 80.0, 120.0, 200.0])
ERROR = 0.1

# Any grid follows such a tumour exactly.
QUICK = {"starts": 8, "tolerance": 1e-2, "progress": False}


def still_tumour(**values):
    return vc.Cohort.from_values("kimmel2021-figures", gamma_B=0.0, **values)


@pytest.fixture(scope="module")
def growth_table():
    noise = np.random.default_rng(3).normal(0.0, ERROR, GROWTH_DAYS.size)
    value = 94.84 * np.exp(0.065 * GROWTH_DAYS + noise)
    return {"day": GROWTH_DAYS, "observable": ["B_ml"] * 5, "value": value}


def weighted_line(table, columns):
    """Return least squares of ln value on the columns, with errors of ERROR, and its covariance."""
    covariance = np.linalg.inv(columns.T @ columns) * ERROR**2
    return covariance @ columns.T @ np.log(table["value"]) / ERROR**2, covariance


@pytest.fixture(scope="module")
def line(growth_table):
    """The fit of r_B alone, ln B0 known, and its closed form."""
    table = growth_table | {"error": np.full(5, ERROR)}
    shifted = np.log(table["value"]) - np.log(94.84)
    variance = ERROR**2 / (GROWTH_DAYS**2).sum()
    slope = (GROWTH_DAYS * shifted).sum() / (GROWTH_DAYS**2).sum()
    return table, slope, np.sqrt(variance)


def test_a_line_is_fitted_as_least_squares_do(growth_table):
    """r_B and ln B0 from a line: estimates, errors and their correlation in closed form."""
    columns = np.stack([np.ones(5), GROWTH_DAYS], axis=1)
    best, covariance = weighted_line(growth_table, columns)
    table = growth_table | {"error": np.full(5, ERROR)}
    ds = vc.fit(table, ["B0", "r_B"], still_tumour(), **QUICK)
    one = ds.isel(patient=0)
    assert one["estimate"].values == pytest.approx([np.exp(best[0]) * 1e9, best[1]], rel=1e-6)
    # Errors of ln B0 and of r_B; the correlation is that of logs, as the parameters are.
    assert one["standard_error"].values / one["estimate"].values * [1, best[1]] == pytest.approx(
        np.sqrt(np.diag(covariance)), rel=1e-5
    )
    assert one["correlation"].values[0, 1] == pytest.approx(
        covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), rel=1e-5
    )
    residual = (np.log(table["value"]) - columns @ best) / ERROR
    assert float(one["loss"]) == pytest.approx((residual**2).sum(), rel=1e-6)
    assert bool(one["converged"][0])


def test_without_errors_they_come_from_the_residuals(growth_table):
    columns = np.stack([np.ones(5), GROWTH_DAYS], axis=1)
    best, covariance = weighted_line(growth_table, columns)
    left = np.log(growth_table["value"]) - columns @ best
    scale = (left**2).sum() / (5 - 2)
    one = vc.fit(growth_table, ["B0", "r_B"], still_tumour(), **QUICK).isel(patient=0)
    assert one["standard_error"].values[1] == pytest.approx(
        np.sqrt(covariance[1, 1] / ERROR**2 * scale), rel=1e-5
    )


def test_the_profile_of_a_line_has_the_closed_form_s_interval(line):
    """The deviance of a linear model with normal errors is a parabola in r_B."""
    table, slope, error = line
    ds = vc.profile_likelihood(table, ["r_B"], still_tumour(), points=40, **QUICK).isel(
        patient=0, parameter=0
    )
    assert ds["deviance"].values == pytest.approx(
        ((ds["value"].values - slope) / error) ** 2, rel=1e-4, abs=1e-6
    )
    assert float(ds["lower"]) == pytest.approx(slope - 1.959964 * error, rel=1e-4)
    assert float(ds["upper"]) == pytest.approx(slope + 1.959964 * error, rel=1e-4)


def test_a_profile_lets_the_others_make_up_for_it(growth_table):
    """With ln B0 free too, the interval of r_B widens to that of the line's slope."""
    columns = np.stack([np.ones(5), GROWTH_DAYS], axis=1)
    best, covariance = weighted_line(growth_table, columns)
    table = growth_table | {"error": np.full(5, ERROR)}
    ds = vc.profile_likelihood(
        table, ["B0", "r_B"], still_tumour(), points=12, **QUICK
    ).sel(parameter="r_B").isel(patient=0)  # fmt: skip
    half = 1.959964 * np.sqrt(covariance[1, 1])
    # The deviance is a parabola in r_B; between points in ln r_B its root is nearly linear.
    assert float(ds["lower"]) == pytest.approx(best[1] - half, rel=2e-4)
    assert float(ds["upper"]) == pytest.approx(best[1] + half, rel=2e-4)


@pytest.mark.slow
def test_the_posterior_of_a_conjugate_toy():
    """ln B0 has a normal prior and normal data: its posterior is normal, in closed form."""
    value, median, sigma = 120.0 * np.exp(0.065 * 10.0), 94.84, 0.2
    table = {"day": [10.0], "observable": ["B_ml"], "value": [value], "error": [0.1]}
    tree = vc.posterior(
        table, ["B0"], still_tumour(), priors={"B0": vc.LogNormal(median * 1e9, sigma)},
        warmup=200, draws=1000, chains=4, seed=1, progress=False,
    )  # fmt: skip
    weights = np.array([1 / sigma**2, 1 / 0.1**2])
    mean = (weights @ np.log([median, 120.0])) / weights.sum()
    sd = 1 / np.sqrt(weights.sum())
    logs = np.log(tree["posterior"]["B0"].values / 1e9).ravel()
    # Monte Carlo errors at an effective size of 500: 4.5 of them.
    assert logs.mean() == pytest.approx(mean, abs=4.5 * sd / np.sqrt(500))
    assert logs.std() == pytest.approx(sd, rel=4.5 / np.sqrt(1000))
    summary = tree["summary"].ds.sel(parameter="B0").isel(patient=0)
    assert float(summary["r_hat"]) < 1.01
    assert float(summary["ess"]) > 400
    assert tree["posterior"]["B0"].dims == ("chain", "draw", "patient")
    assert {"diverging", "acceptance_rate"} <= set(tree["sample_stats"])


@pytest.mark.slow
def test_the_posterior_of_a_limit_within_bounds():
    """A normal prior of ln B0 times Phi, cut to the bounds: moments by quadrature."""
    limit, median, sigma, error = 80.0 * np.exp(0.65), 94.84, 0.3, 0.2
    table = {"day": [10.0], "observable": ["B_ml"], "value": [limit], "error": [error],
             "below": [1.0]}  # fmt: skip
    tree = vc.posterior(
        table, ["B0"], still_tumour(), priors={"B0": vc.LogNormal(median * 1e9, sigma)},
        bounds={"B0": (60e9, 120e9)}, warmup=200, draws=500, chains=4, seed=2, progress=False,
    )  # fmt: skip
    x = np.linspace(np.log(60), np.log(120), 20001)
    weight = norm.pdf(x, np.log(median), sigma) * norm.cdf((np.log(80.0) - x) / error)
    mean = (weight @ x) / weight.sum()
    sd = np.sqrt((weight @ (x - mean) ** 2) / weight.sum())
    logs = np.log(tree["posterior"]["B0"].values / 1e9)
    assert logs.min() >= np.log(60) and logs.max() <= np.log(120)
    # Monte Carlo errors at an effective size of 400: 4.5 of them.
    assert logs.mean() == pytest.approx(mean, abs=4.5 * sd / np.sqrt(400))
    assert logs.std() == pytest.approx(sd, rel=4.5 / np.sqrt(800))


@pytest.mark.slow
def test_synthetic_patients_are_recovered():
    """Two patients, each with parameters of its own, from data without noise."""
    truth = {"rho_C": [0.03, 0.05], "K_C": [6e10, 9e10]}
    cohort = vc.Cohort.from_values("kimmel2021-figures", **truth)
    states = vc.simulate(
        cohort, "deterministic", 180.0, save_at=DAYS, dtype="float64", tolerance=1e-8,
        progress=False,
    )  # fmt: skip
    table = {"patient": [], "day": [], "observable": [], "value": []}
    for patient in range(2):
        for name, unit in (("C_per_ul", 5e8), ("ALC", 5e8)):
            cells = states["C"] + (states["N"] if name == "ALC" else 0.0)
            table["patient"] += [f"p{patient}"] * 5
            table["day"] += list(DAYS)
            table["observable"] += [name] * 5
            table["value"] += list(cells.values[patient] / unit)
    ds = vc.fit(table, list(truth), starts=16, progress=False)
    for name, values in truth.items():
        assert ds["estimate"].sel(parameter=name).values == pytest.approx(values, rel=1e-3)
    assert list(ds["patient"].values) == ["p0", "p1"]
    assert (ds["loss"] < 1e-6).all()


@pytest.fixture(scope="module")
def published():
    free = ["r_N", "rho_C", "K_C", "a", "b", "gamma_B", "k_B"]
    return vc.fit(vc.data.fit_table("median"), free, loss="kimmel2021", starts=32, progress=False)


def test_the_paper_s_fit(published):
    """Table 1 within the fit's own errors; the loss by hand, with the published weights."""
    one = published.isel(patient=0)
    table_1 = vc.presets()["kimmel2021"].values
    for name in one["parameter"].values:
        at = one.sel(parameter=name)
        assert abs(table_1[name] - float(at["estimate"])) < 2 * float(at["standard_error"])
    assert float(one["estimate"].sel(parameter="rho_C")) == pytest.approx(0.0251, rel=0.01)
    counts = vc.data.t_cell_counts()
    car = counts["car_t_median"].values
    normal = counts["alc_median"].values - car
    best = dict(zip(one["parameter"].values, one["estimate"].values, strict=True))
    cohort = vc.Cohort.from_values("kimmel2021-figures", **best)
    ds = vc.simulate(
        cohort, "deterministic", 180.0, save_at=[7, 14, 28, 30, 90, 180], dtype="float64",
        tolerance=1e-6, progress=False,
    ).isel(patient=0)  # fmt: skip
    seen = ds.sel(time=DAYS)
    squares = 10 * ((seen["C"].values / 5e8 - car) ** 2).sum() / car.max() ** 2
    squares += ((seen["N"].values / 5e8 - normal) ** 2).sum() / normal.max() ** 2
    squares += 1e6 * float(ds["B"].sel(time=30)) ** 2 / 9.484e10**2
    penalty = sum(value for name, value in best.items() if name not in ("K_C", "k_B"))
    penalty = 0.01 * (penalty + 5e8 / best["k_B"])
    assert float(one["data_loss"]) == pytest.approx(squares, rel=1e-3)
    assert float(one["loss"]) == pytest.approx(squares + penalty, rel=1e-3)


def test_the_same_seed_gives_the_same_fit(published):
    free = list(published["parameter"].values)
    again = vc.fit(vc.data.fit_table("median"), free, loss="kimmel2021", starts=32, progress=False)
    assert again.identical(published)
    assert (np.diff(published["start_loss"].values[0]) >= 0).all()


def test_criteria_by_hand():
    """AIC, AICc, BIC and weights of ten data and two models, errors known and unknown."""
    sums, number, free = np.array([[2.0, 1.0]]), np.array([[10]]), np.array([2, 4])
    unknown = 10 * np.log(sums / 10)
    aic, aicc, bic = criteria(unknown, number, free + 1)
    assert aic == pytest.approx(10 * np.log(sums / 10) + [[6, 10]])
    assert aicc == pytest.approx(10 * np.log(sums / 10) + [[6 + 24 / 6, 10 + 60 / 4]])
    assert bic == pytest.approx(10 * np.log(sums / 10) + np.log(10) * np.array([3, 5]))
    aic, aicc, bic = criteria(sums, number, free)
    assert aic == pytest.approx(sums + np.array([[4, 8]]))
    assert bic == pytest.approx(sums + np.log(10) * free)
    assert weights_of(aic)[0, 0] == pytest.approx(1 / (1 + np.exp(-0.5 * (9 - 6))))
    # Five data cannot bear a model of four parameters and a variance.
    assert np.isinf(criteria(unknown, np.array([[5]]), free + 1)[1][0, 1])


@pytest.mark.slow
def test_models_are_compared_by_their_fits():
    """A tumour that slows down: saturation of its proliferation is chosen, and recovered."""
    truth = vc.car_t(proliferation="saturation")
    cohort = vc.Cohort.from_values("kimmel2021-figures", model=truth, gamma_B=0.0, K_B=3e11)
    path = vc.simulate(cohort, "deterministic", 200.0, save_at=GROWTH_DAYS, progress=False)
    noise = np.random.default_rng(4).normal(0.0, 0.02, 5)
    table = {"day": GROWTH_DAYS, "observable": ["B"] * 5, "error": [0.02] * 5,
             "value": path["B"].values[0] * np.exp(noise)}  # fmt: skip
    models = {"plain": vc.car_t(), "saturated": truth}
    known = {name for model in models.values() for name in model.parameters}
    ds = vc.compare_models(
        table, models, fixed=sorted(known - {"r_B", "K_B", "gamma_B", "N0", "C0", "B0"}),
        values={"gamma_B": 0.0}, loss="log",
        starts=64, progress=False,
    ).isel(patient=0)  # fmt: skip
    assert str(ds["model"].values[int(np.argmin(ds["aicc"].values))]) == "saturated"
    one = ds["estimate"].sel(model="saturated")
    assert float(one.sel(parameter="K_B")) == pytest.approx(3e11, rel=0.1)
    assert np.isnan(float(ds["estimate"].sel(model="plain", parameter="K_B")))
    assert float(ds["weight"].sum()) == pytest.approx(1.0)


def test_a_loss_of_one_s_own_and_weights():
    """A weight of 2 is the same datum twice; the mean of two relative errors, by hand."""

    def relative(predicted, measured, values):
        return predicted / measured.value - 1.0

    # A tumour that only grows: B(10) / B0 = e^(10 r_B), wanted 2 (twice) and 4.
    table = {"day": [10, 10], "observable": ["B"] * 2, "weight": [2.0, 1.0],
             "value": np.array([2.0, 4.0]) * 9.484e10}  # fmt: skip
    ds = vc.fit(table, ["r_B"], still_tumour(), loss=relative, **QUICK)
    x, weight = np.array([1 / 2, 1 / 4]), np.array([2.0, 1.0])
    growth = (weight @ x) / (weight @ x**2)
    assert float(ds["estimate"][0, 0]) == pytest.approx(np.log(growth) / 10, rel=1e-6)
    assert ds.attrs["loss"] == "relative"


def test_patients_of_the_cohort_s_numbers_in_another_order_are_told_of(growth_table):
    """Row i of the cohort is the i-th patient of the data, whatever both are called."""
    rows = {name: [*column] * 2 for name, column in growth_table.items()}
    cohort = still_tumour(B0=[1e9, 4e9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vc.fit(rows | {"patient": [0] * 5 + [1] * 5}, ["r_B"], cohort, **QUICK)
        vc.fit(rows | {"patient": [7] * 5 + [1] * 5}, ["r_B"], cohort, **QUICK)
    with pytest.warns(vc.VcohortWarning, match=r"number 1 is 1; of the cohort it is 0\. Sort"):
        vc.fit(rows | {"patient": [1] * 5 + [0] * 5}, ["r_B"], cohort, **QUICK)


@pytest.mark.parametrize(
    "pair", [(1e9, np.inf), (np.nan, 1e10), (1e10, 1e10), (2e10, 1e10), ("1e9", "1e10"),
             (True, 1e10), (1e9,), 1e9, (0.0, 1e10), (1e9, 1e19)],
)  # fmt: skip
def test_impossible_bounds(pair):
    with pytest.raises(vc.VcohortError, match="K_C"):
        vc.fit(GOOD, ["K_C"], bounds={"K_C": pair}, progress=False)


def test_bounds_hold_and_units_are_minded():
    """Data that want a slower growth than the bounds allow end on the bound, and never past it."""
    rows = {"day": [5.0, 10.0, 20.0], "observable": ["B_ml"] * 3, "value": [97.0, 100.0, 105.0]}
    known = {"day": [5.0, 8.0, 10.0, 15.0, 20.0], "observable": ["B_ml"] * 5, "error": [0.1] * 5,
             "value": [97.0, 99.0, 100.0, 103.0, 105.0]}  # fmt: skip
    bounds = {"r_B": np.array([Fraction(1, 10), Fraction(3, 10)], dtype=object)}
    options = {
        "bounds": bounds,
        "starts": np.int64(4),
        "seed": np.uint8(0),
        "tolerance": 1e-2,
        "progress": False,
    }
    ds = vc.fit(known, ("r_B",), still_tumour(), **options)
    assert float(ds["estimate"][0, 0]) == pytest.approx(0.1, rel=1e-4) and bool(ds["at_bound"])
    assert (ds["start_estimate"].values >= 0.1).all() and float(ds["lower"][0]) == 0.1
    profile = vc.profile_likelihood(known, ["r_B"], still_tumour(), points=6, **options)
    assert (profile["value"].values >= 0.1).all() and (profile["value"].values <= 0.3).all()
    fixed = ("r_N", "rho_C", "K_N", "K_C", "a", "b", "gamma_B", "k_B")
    alone = {"fixed": fixed, "loss": "log"}
    compared = vc.compare_models(known, {"T": vc.car_t()}, still_tumour(), **alone, **options)
    assert 0.1 <= float(compared["estimate"].squeeze()) <= 0.1 * (1 + 1e-4)
    with pytest.raises(vc.VcohortError, match="no model fits"):
        vc.compare_models(rows, {"T": vc.car_t()}, fixed=fixed, bounds={"K_C": (1e9, 1e10)})
    with pytest.raises(vc.VcohortError, match="not both"):
        vc.compare_models(rows, cohort=still_tumour(), preset="kimmel2021")
    with pytest.warns(vc.VcohortWarning, match="Cells in the body"), pytest.raises(vc.VcohortError):
        vc.fit(rows, ["K_C"], bounds={"K_C": (50, 300)}, starts=0)


def test_fits_under_debug_nans(line):
    """The user's switch for finding NaN finds none of ours in a fit that has none."""
    table, slope, _ = line
    with jax.debug_nans(True):
        ds = vc.fit(table, ["r_B"], still_tumour(), **QUICK)
    assert float(ds["estimate"][0, 0]) == pytest.approx(slope, rel=1e-6)


def nothing_of_tiny_values(predicted, measured, values):
    return jnp.where(measured.value > 1e-200, jnp.log(predicted / measured.value), jnp.nan)


# What a second patient is measured as: columns, and the loss.
UNTOLD = {
    "too few rows": ({"day": [10.0], "value": [90.0]}, "log", "1 data for 2 free"),
    "rows of no weight": ({"weight": [0.0] * 5}, "log", "0 data for 2 free"),
    "limits alone": ({"below": [1] * 5}, "log", "All rows of patient 'B' are upper limits"),
    "limits far above": (
        {"value": [90.0, *[1e30] * 4], "below": [0, *[1] * 4]}, "log", "1 data for 2 free",
    ),
    "no loss": ({"value": [1e-300] * 5}, nothing_of_tiny_values, "From no start"),
}  # fmt: skip


@pytest.mark.parametrize(("columns", "loss", "text"), UNTOLD.values(), ids=UNTOLD)
@pytest.mark.parametrize("analysis", [vc.fit, vc.profile_likelihood])
def test_a_patient_who_cannot_be_fitted_is_missing_alone(
    analysis, columns, loss, text, growth_table, tmp_path
):
    best, _ = weighted_line(growth_table, np.stack([np.ones(5), GROWTH_DAYS], axis=1))
    whole = pd.DataFrame(growth_table).assign(weight=1.0, below=0, patient="A")
    other = whole.iloc[: len(columns.get("day", GROWTH_DAYS))].assign(**columns, patient="B")
    options = {"loss": loss, "starts": 8, "progress": False}
    with pytest.warns(vc.VcohortWarning, match=text):
        ds = analysis(pd.concat([whole, other]), ["B0", "r_B"], still_tumour(), **options)
    found = ds["estimate"].sel(patient="A").values
    assert found == pytest.approx([np.exp(best[0]) * 1e9, best[1]], rel=1e-5)
    lost = ds.sel(patient="B")
    given = ["day", "value", "weight"]
    for name, each in lost.drop_vars(given, errors="ignore").data_vars.items():
        if "patient" in ds[name].dims and each.dtype.kind == "f":
            assert each.isnull().all(), name
    if analysis is vc.fit:
        kept = lost["value"].values[: len(other)]
        np.testing.assert_array_equal(kept, other["value"])
        assert not lost["converged"].any()
    vc.save(ds, tmp_path / "fit.nc")
    assert vc.load(tmp_path / "fit.nc").equals(ds)
    with pytest.raises(vc.VcohortError, match=text):
        analysis(other, ["B0", "r_B"], still_tumour(), **options)


def test_a_patient_who_cannot_be_fitted_is_compared_with_nobody(line):
    table, slope, _ = line
    whole = pd.DataFrame(table).assign(below=0, patient="A")
    models = {"paper": vc.car_t(), "logistic": vc.car_t(growth="logistic")}
    fixed = [name for name in models["logistic"].parameters if name != "r_B"]
    rows = pd.concat([whole, whole.assign(below=1, patient="B")])
    with pytest.warns(vc.VcohortWarning, match="patient 'B' are upper limits"):
        ds = vc.compare_models(
            rows, models, still_tumour(), fixed=fixed, loss="log", starts=4, progress=False
        )
    kept = ds.sel(patient="A")
    assert kept["estimate"].sel(parameter="r_B").values == pytest.approx([slope] * 2, rel=1e-5)
    np.testing.assert_allclose(kept["weight"], 0.5, rtol=1e-6)
    lost = ds.sel(patient="B")[["aic", "aicc", "bic", "weight", "estimate", "data"]]
    assert all(each.isnull().all() for each in lost.data_vars.values())


GOOD = {"day": [7.0, 14.0], "observable": ["C_per_ul"] * 2, "value": [30.0, 9.0]}


@pytest.mark.parametrize(
    ("table", "free", "options", "text"),
    [
        ({"day": [], "observable": [], "value": []}, ["K_C"], {}, "empty"),
        (GOOD | {"value": [30.0, np.nan]}, ["K_C"], {}, "value = nan is impossible"),
        (GOOD | {"value": [30.0, "nine"]}, ["K_C"], {}, "column value holds text"),
        (GOOD | {"value": [30.0, "<0.5"]}, ["K_C"], {}, "the limit, and 1 in the column 'below'"),
        (GOOD | {"time": [7, 14]}, ["K_C"], {}, "Unknown column 'time'. Known: below, day"),
        (GOOD | {"observable": ["C_per_ul", "C_per_ml"]}, ["K_C"], {}, "Did you mean"),
        (GOOD | {"day": [7.0, -1.0]}, ["K_C"], {}, "day = -1 is impossible"),
        (GOOD | {"day": [7.0, 2e6]}, ["K_C"], {}, "horizon"),
        (GOOD | {"error": [0.1, 0.0]}, ["K_C"], {}, "error = 0 is impossible"),
        (GOOD | {"error": [1, 1], "weight": [1, 1]}, ["K_C"], {}, "both weight and error"),
        (GOOD | {"wieght": [1, 1]}, ["K_C"], {}, "Did you mean 'weight'"),
        ({"day": [7.0], "value": [3.0]}, ["K_C"], {}, "no column observable"),
        (GOOD | {"day": [7.0]}, ["K_C"], {}, "one length"),
        (GOOD, ["K_C", "rho_C", "a"], {}, "2 data for 3 free"),
        (GOOD, ["K_c"], {}, "Did you mean 'K_C'"),
        (GOOD, ["K_C", "K_C"], {}, "twice"),
        (GOOD, "K_C", {}, "no list of parameters"),
        (GOOD, ["K_C"], {"bounds": {"a": (1, 2)}}, "not free"),
        (GOOD, ["K_C"], {"bounds": {"K_C": (2e9, 1e9)}}, "smaller one first"),
        (GOOD, ["K_C"], {"loss": "squared"}, "Unknown loss"),
        (GOOD | {"value": [30.0, 0.0]}, ["K_C"], {"loss": "log"}, "limit of detection"),
        (GOOD, ["K_C"], {"starts": 0}, "starts = 0"),
        (GOOD, ["K_C"], {"starts": True}, "starts = True"),
        (GOOD, ["K_C"], {"seed": 1.5}, "seed = 1.5"),
        (GOOD, ["K_C"], {"bounds": [(1, 2)]}, "not given by name"),
        (GOOD, ["K_C"], {"cohort": vc.Population()}, "no cohort"),
        (GOOD | {"value": [0.0, 0.0]}, ["K_C"], {"loss": "kimmel2021"}, "which is 0"),
        (GOOD, ["K_C"], {"loss": lambda predicted, measured, values: 0.0}, "one residual"),
        (GOOD, ["K_C"], {"cohort": vc.Cohort.from_values(r_B=[0.1, 0.2])}, "data are of 1"),
        (GOOD, ["C0"], {"regimen": vc.Regimen(vc.Infusion(5.0))}, "cannot be free"),
        (GOOD, ["K_C"], {"regimen": vc.Regimen(vc.Infusion(500.0))}, "past the horizon"),
    ],
)  # fmt: skip
def test_bad_input(table, free, options, text):
    with pytest.raises(vc.VcohortError, match=text):
        vc.fit(table, free, progress=False, **options)


def test_bad_profiles_and_priors():
    with pytest.raises(vc.VcohortError, match="not free"):
        vc.profile_likelihood(GOOD, ["K_C"], parameters=["a"], progress=False)
    with pytest.raises(vc.VcohortError, match="not free"):
        vc.posterior(GOOD, ["K_C"], priors={"a": vc.Uniform(0, 1)}, progress=False)
    for prior, bounds, text in (
        (vc.Fixed(1e10), None, "has no method prior"),
        (vc.Empirical([1e10, 2e10]), None, "has no method prior"),
        (vc.LogNormal(1e10, 0.0), None, "does not vary"),
        (vc.Uniform(1e10, 2e10), {"K_C": (3e10, 4e10)}, "no mass"),
        (vc.Normal(1e10, 1e8), {"K_C": (3e10, 4e10)}, "no mass"),
    ):
        with pytest.raises(vc.VcohortError, match=text):
            vc.posterior(GOOD, ["K_C"], priors={"K_C": prior}, bounds=bounds, progress=False)
    with pytest.raises(vc.VcohortError, match="at least one"):
        vc.compare_models(GOOD, {}, progress=False)
    with pytest.raises(vc.VcohortError, match="Unknown quartile"):
        vc.data.fit_table("q2")
