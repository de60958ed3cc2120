"""Survival estimates against lifelines, and by hand."""

import warnings

import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import FEW

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import logrank_test

DAYS = np.arange(0.0, 2001.0, 25.0)


@pytest.fixture(scope="module")
def cohorts():
    return [
        vc.simulate(vc.Population(preset, 0.1).sample(251, seed=1), "exact", endpoints=FEW)
        for preset in ("kimmel2021", "kimmel2021-figures")
    ]


def lifelines_input(ds, until=2000.0):
    event = ds["outcome"].values == 2
    return np.where(event, ds["event_time"].values.astype(float), until), event


@pytest.fixture(scope="module")
def joined():
    """Cohorts of different horizons, joined in both orders, and each patient's own horizon."""
    horizons = 2000.0, 400.0
    parts = [
        vc.simulate(vc.Population("kimmel2021-figures", 0.1).sample(250, seed=seed), "exact", last,
                    endpoints=FEW)
        for seed, last in enumerate(horizons, 2)
    ]  # fmt: skip
    return [
        (xr.concat([parts[index] for index in order], "patient"),
         np.repeat([horizons[index] for index in order], 250))
        for order in ((0, 1), (1, 0))
    ]  # fmt: skip


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


def test_joined_cohorts_are_followed_each_to_its_own_horizon(joined):
    for ds, until in joined:
        assert (ds["outcome"].values[until == 400.0] == 1).any()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = KaplanMeierFitter().fit(*lifelines_input(ds, until))
        np.testing.assert_allclose(
            vc.progression_free_survival(ds, DAYS), fit.survival_function_at_times(DAYS), atol=1e-9
        )
        assert vc.median_survival(ds) == pytest.approx(fit.median_survival_time_, rel=1e-6)
        assert vc.validate(ds) is ds
        steps = np.linspace(0.0, 720.0, 720_001)[:-1] + 0.0005
        area = fit.survival_function_at_times(steps).mean() * 720.0
        assert vc.restricted_mean_survival(ds, 720.0) == pytest.approx(area, abs=1e-3)


def test_log_rank_of_different_horizons_is_that_of_lifelines(joined, cohorts):
    ds, until = joined[0]
    days, event = lifelines_input(ds, until)
    other_days, other_event = lifelines_input(cohorts[0])
    expected = logrank_test(days, other_days, event, other_event)
    found = vc.log_rank(ds, cohorts[0])
    assert found.statistic**2 == pytest.approx(expected.test_statistic, rel=1e-6)
    assert found.pvalue == pytest.approx(expected.p_value, rel=1e-6)


def test_log_rank_of_millions_of_patients(cohorts):
    """So many copies of two cohorts have so many times their statistic squared, but for ties."""
    copies = 4000
    ds, other = (
        one[["outcome", "event_time", "followed_until"]].isel(patient=slice(0, 250))
        for one in cohorts
    )
    many = [one.isel(patient=np.tile(np.arange(250), copies)) for one in (ds, other)]
    one, all_ = vc.log_rank(ds, other), vc.log_rank(*many)
    assert all_.statistic / one.statistic == pytest.approx(np.sqrt(copies), rel=0.01)


def test_log_rank_without_events_says_so(cohorts):
    nobody = [ds.isel(patient=ds["outcome"].values == 1) for ds in cohorts]
    with pytest.raises(vc.VcohortError, match="Nobody progresses"):
        vc.log_rank(*nobody)


def test_where_nothing_tells_how_long_the_cured_were_followed(joined, cohorts):
    """As in a cell of a sweep. One horizon for all is that of the attributes."""
    bare = cohorts[0].drop_vars("followed_until")
    np.testing.assert_array_equal(
        vc.progression_free_survival(bare, DAYS), vc.progression_free_survival(cohorts[0], DAYS)
    )
    for ds, until in joined:
        unknown = ds.drop_vars("followed_until")
        with pytest.raises(vc.VcohortError, match="how long the cured patients were followed"):
            vc.progression_free_survival(unknown, [365])
        no_cure = unknown.isel(patient=ds["outcome"].values != 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            own = until[ds["outcome"].values != 1]
            fit = KaplanMeierFitter().fit(*lifelines_input(no_cure, own))
        days = DAYS[DAYS <= 400.0]
        np.testing.assert_allclose(
            vc.progression_free_survival(no_cure, days),
            fit.survival_function_at_times(days),
            atol=1e-9,
        )


def test_days_beyond_which_nobody_is_followed_are_refused(joined):
    ds, until = joined[0]
    early = ds.isel(patient=until == 400.0)
    assert early.attrs["horizon"] == 2000.0
    with pytest.raises(vc.VcohortError, match=r"day = 500 .* horizon, 400"):
        vc.progression_free_survival(early, [500])
    with pytest.raises(vc.VcohortError, match=r"day = 500"):
        vc.restricted_mean_survival(early, 500.0)


def test_a_curve_that_fell_to_nothing_stays_there():
    """Nobody is left to progress: of a small trial dealt from a cohort, too."""
    days = {"time": [30.0, 60.0, 90.0], "event": [1, 1, 1]}
    assert vc.progression_free_survival(days, [45.0, 90.0, 500.0]).values == pytest.approx(
        [2 / 3, 0.0, 0.0]
    )
    assert vc.restricted_mean_survival(days, 500.0) == pytest.approx(60.0)
    with pytest.raises(vc.VcohortError, match="lies outside"):
        vc.progression_free_survival({**days, "event": [1, 1, 0]}, [500.0])
