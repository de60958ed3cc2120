"""Survival estimates against lifelines, and by hand."""

import warnings

import numpy as np
import pytest

import vcohort as vc

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

DAYS = np.arange(0.0, 2001.0, 25.0)


@pytest.fixture(scope="module")
def cohorts():
    return [
        vc.simulate(vc.Population(preset, 0.1).sample(400, seed=1), "exact")
        for preset in ("kimmel2021", "kimmel2021-figures")
    ]


def lifelines_input(ds):
    event = ds["outcome"].values == 2
    return np.where(event, ds["event_time"].values.astype(float), 2000.0), event


def test_kaplan_meier_is_that_of_lifelines(cohorts):
    for ds in cohorts:
        days, event = lifelines_input(ds)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = KaplanMeierFitter().fit(days, event)
        ours = vc.progression_free_survival(ds, DAYS)
        np.testing.assert_allclose(ours, fit.survival_function_at_times(DAYS), atol=1e-9)
        band = fit.confidence_interval_survival_function_
        steps = np.searchsorted(band.index.values, DAYS, side="right") - 1
        inside = (ours.values < 1) & (ours.values > 0)
        np.testing.assert_allclose(ours["lower"][inside], band.values[steps, 0][inside], atol=1e-6)
        np.testing.assert_allclose(ours["upper"][inside], band.values[steps, 1][inside], atol=1e-6)
        assert vc.median_survival(ds) == pytest.approx(fit.median_survival_time_, rel=1e-6)


def test_log_rank_is_that_of_lifelines(cohorts):
    (days, event), (other_days, other_event) = map(lifelines_input, cohorts)
    expected = logrank_test(days, other_days, event, other_event)
    found = vc.log_rank(*cohorts)
    assert found.statistic**2 == pytest.approx(expected.test_statistic, rel=1e-6)
    assert found.pvalue == pytest.approx(expected.p_value, rel=1e-6)


def test_restricted_mean_is_the_mean_of_the_cut_times(cohorts):
    """All censoring is at the horizon, so the area under the curve is a plain mean."""
    for ds in cohorts:
        days, _ = lifelines_input(ds)
        expected = np.minimum(days, 720.0).mean()
        assert vc.restricted_mean_survival(ds, 720.0) == pytest.approx(expected, rel=1e-9)


def test_days_outside_the_run_are_refused(cohorts):
    with pytest.raises(vc.VcohortError, match=r"day = 3000 .* horizon, 2000"):
        vc.progression_free_survival(cohorts[0], [10, 3000])
