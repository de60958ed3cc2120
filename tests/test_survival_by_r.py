"""Survival analysis of real tables against R's package survival, frozen by tests/data/*.R."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import vcohort as vc

DATA = Path(__file__).parent / "data"
NAMES = ("tied", "truncated", "heavily_censored", "small")


@cache
def truth():
    table = pd.read_csv(DATA / "survival_by_r.csv", comment="#", na_values="NA")
    table["what"] = table["what"].str.strip()
    return table


def by_r(trial, what):
    """Return where and what R found."""
    rows = truth()[(truth()["trial"] == trial) & (truth()["what"] == what)]
    assert len(rows)
    return rows["at"].to_numpy(), rows["value"].to_numpy(float)


@cache
def patients(trial):
    table = pd.read_csv(DATA / "survival_by_r_patients.csv", comment="#")
    return table[table["trial"] == trial].drop(columns="trial").reset_index(drop=True)


def plain(trial):
    return patients(trial)[["start", "time", "event"]]


@pytest.mark.parametrize("trial", NAMES)
@pytest.mark.parametrize(("band", "of_r"), [("log-log", "log-log"), ("greenwood", "plain")])
def test_curves_bands_and_medians(trial, band, of_r):
    found = vc.kaplan_meier(plain(trial), band=band)
    days, survival = by_r(trial, "survival")
    days = days.astype(float)
    at = found.sel(time=days, method="ffill")
    np.testing.assert_allclose(at["survival"], survival, rtol=1e-12)
    for end in ("lower", "upper"):
        _, wanted = by_r(trial, f"{end} {of_r}")
        known = ~np.isnan(wanted)
        np.testing.assert_allclose(at[end].values[known], wanted[known], rtol=1e-9, atol=1e-12)
    for name in ("median", "median_lower", "median_upper"):
        wanted = by_r(trial, f"{name} {of_r}")[1][0]
        value = float(found[name])
        if trial == "small" and name == "median":
            # Where the curve is one half R takes the middle of that step, we its first day.
            step = found["time"].values[np.isclose(found["survival"], 0.5)]
            assert value == step[0] and step[0] < wanted
        else:
            assert value == (np.inf if np.isnan(wanted) else wanted)


@pytest.mark.parametrize("trial", NAMES)
@pytest.mark.parametrize("name", ["at_risk", "events", "censored"])
def test_numbers_at_risk_and_marks(trial, name):
    found = vc.kaplan_meier(plain(trial))
    days, wanted = by_r(trial, name)
    own = found[name].sel(time=days.astype(float))
    np.testing.assert_array_equal(own, wanted)
    others = found["time"].values[~np.isin(found["time"], days.astype(float))]
    assert list(others) == [0.0]


@pytest.mark.parametrize("trial", NAMES)
def test_restricted_means(trial):
    until, mean = by_r(trial, "restricted_mean")
    found = vc.kaplan_meier(plain(trial), until=float(until[0]))
    assert float(found["restricted_mean"]) == pytest.approx(mean[0], rel=1e-10)
    error = by_r(trial, "restricted_mean_error")[1][0]
    assert float(found["restricted_mean_error"]) == pytest.approx(error, rel=1e-9)
    assert vc.restricted_mean_survival(plain(trial), float(until[0])) == pytest.approx(mean[0])


@pytest.mark.parametrize("trial", NAMES)
def test_from_a_landmark_on(trial):
    days, wanted = by_r(trial, "survival after 30")
    found = vc.kaplan_meier(plain(trial), landmark=30)
    at = found["survival"].sel(time=days.astype(float), method="ffill")
    np.testing.assert_allclose(at, wanted, rtol=1e-12)
    assert found.attrs["landmark"] == 30.0
    if trial != "small":
        ratio = vc.cox(patients(trial), ["AGE"], landmark=30)["log_hazard_ratio"]
        np.testing.assert_allclose(ratio, by_r(trial, "log_hazard_ratio after 30")[1], rtol=1e-9)


@pytest.mark.parametrize("trial", NAMES)
@pytest.mark.parametrize("strata", [None, "site"])
def test_hazard_ratios(trial, strata):
    end = "" if strata is None else f" {strata}"
    found = vc.cox(patients(trial), ["AGE", "arm"], strata=strata, confidence=0.9)
    for name in ("log_hazard_ratio", "standard_error", "log_likelihood", "log_likelihood_without"):
        np.testing.assert_allclose(
            np.ravel(found[name]), by_r(trial, name + end)[1], rtol=1e-8, err_msg=name
        )
    half = (np.log(found["upper"]) - np.log(found["lower"])) / 2
    np.testing.assert_allclose(half, 1.6448536269514722 * found["standard_error"], rtol=1e-9)
    errors = np.sqrt(np.diag(found["covariance"]))
    np.testing.assert_allclose(errors, found["standard_error"], rtol=1e-12)


@pytest.mark.parametrize("trial", [name for name in NAMES if name != "truncated"])
@pytest.mark.parametrize("strata", [None, "site"])
def test_log_rank_tests(trial, strata):
    table = patients(trial)
    wanted = by_r(trial, "chisq" + ("" if strata is None else f" {strata}"))[1][0]
    columns = ["time", "event", *([] if strata is None else [strata])]
    first, second = (table.loc[table["arm"] == arm, columns] for arm in (1, 0))
    found = vc.log_rank(first, second, strata=strata)
    assert found.statistic**2 == pytest.approx(wanted, rel=1e-10)
    assert vc.log_rank(second, first, strata=strata).statistic == pytest.approx(-found.statistic)


@pytest.mark.parametrize("strata", [None, "site"])
def test_two_cohorts_are_compared_as_by_a_covariate(strata):
    table = patients("truncated")
    columns = ["start", "time", "event", *([] if strata is None else [strata])]
    first, second = (table.loc[table["arm"] == arm, columns] for arm in (1, 0))
    found = vc.hazard_ratio(first, second, strata=strata)
    own = vc.cox(table, ["arm"], strata=strata)
    for value, name in zip(found, ("hazard_ratio", "lower", "upper", "pvalue"), strict=True):
        assert value == pytest.approx(float(own[name][0]), rel=1e-9)
