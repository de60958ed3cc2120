"""Endpoints against dense paths and closed forms."""

import numpy as np
import pytest

import vcohort as vc
from tests import simulator

DENSE = np.linspace(0, 400, 4001)


@pytest.fixture(scope="module")
def dense():
    """Deterministic patients with states every tenth of a day; every endpoint beside them."""
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(100, seed=3)
    return vc.simulate(
        cohort, "deterministic", horizon=400.0, save_at=DENSE, dtype="float64", tolerance=1e-6,
        endpoints=[vc.Nadir(), vc.Kinetics(), vc.Response(days=(5, 30, 90, 365))],
    )  # fmt: skip


def test_peak_and_its_day(dense):
    # The peak lies up to half a saved step from a saved day, and above what is seen there.
    over = dense["C_max"] / dense["C"].max("time") - 1
    assert (over > -1e-6).all() and (over < 3e-4).all()
    assert np.abs(dense["T_max"] - dense["time"][dense["C"].argmax("time")]).max() < 0.051


def test_area_under_the_curve(dense):
    early = dense["C"].sel(time=slice(0, 28))
    np.testing.assert_allclose(dense["C_auc"], early.integrate("time"), rtol=1e-4)


def test_area_under_cells_that_collapse_within_a_step(run):
    """Against scipy: the area of what falls by e^10 in a day."""
    p = dict(vc.presets()["kimmel2021-figures"].values) | {"K_C": 1000.0}
    days = np.linspace(0.0, 28.0, 280_001)
    expected = np.trapezoid(simulator.t_cells(p, 28.0)(days), days)
    with pytest.warns(vc.VcohortWarning, match="usual"):
        cohort = vc.Cohort.from_values("kimmel2021-figures", K_C=[1000.0])
    ds = run(cohort, "deterministic", endpoints=[vc.Kinetics()])
    assert float(ds["C_auc"][0]) == pytest.approx(expected, rel=5e-3)


def test_last_day_above_the_limit(dense):
    above = dense["C"].values > vc.Kinetics().detection_limit
    last = DENSE[above.shape[1] - 1 - above[:, ::-1].argmax(axis=1)]
    found = dense["C_last_day"].values
    assert ((found >= last - 1e-6) & (found <= last + 0.1 + 1e-6)).all()


def test_nadir_and_its_day(dense):
    np.testing.assert_allclose(dense["nadir"], np.maximum(dense["B"].min("time"), 1), rtol=1e-4)
    assert np.abs(dense["nadir_day"] - dense["time"][dense["B"].argmin("time")]).max() < 0.051


def test_progression_is_found_inside_the_step(run):
    """Against dense output, on the coarse grid of the default tolerance, in float32."""
    cohort = vc.Population("kimmel2021-figures", 0.05).sample(256, seed=3)
    coarse = run(cohort, "deterministic")
    fine = run(cohort, "deterministic", dtype="float64", tolerance=1e-7)
    assert np.abs(coarse["event_time"] - fine["event_time"]).max() < 0.1


def test_cure_day_of_the_exact_method_has_the_closed_forms_law(figures):
    """P(cured by t) = exp(-Lambda(t)): the days, mapped through it, are uniform."""
    from scipy import stats  # noqa: PLC0415

    cohort = figures(K_C=vc.units.t_cells(150.0)).sample(20_000, seed=1)
    ds = vc.simulate(cohort, "exact", endpoints=[vc.Nadir()])
    days = np.sort(ds["event_time"].values[ds["outcome"].values == 1])
    one = cohort.select(slice(0, 1))
    at = np.quantile(days, np.linspace(0.02, 0.98, 25))
    law = np.array([float(vc.cure_probability(one, horizon=float(day))[0]) for day in at])
    seen = np.searchsorted(days, at) / len(cohort)
    assert np.abs(seen - law).max() < stats.kstwobign.isf(1e-4) / np.sqrt(len(cohort))


@pytest.mark.parametrize("method", ["hybrid", "exact", "gillespie"])
def test_cured_patients_have_no_tumour(method, figures):
    ds = vc.simulate(figures(0.05).sample(256, seed=1), method)
    cured = ds["outcome"].values == 1
    assert cured.any()
    assert (ds["nadir"].values[cured] == 0).all()
    np.testing.assert_allclose(ds["nadir_day"][cured], ds["event_time"][cured], rtol=1e-6)
    late = ds["response_day_90"].values[cured & (ds["event_time"].values < 90)]
    assert (late == 0).all()


def test_saved_states_follow_the_outcome(figures, run):
    days = [0.0, 20.0, 60.0, 100.0, 500.0]
    ds = run(figures(0.05).sample(256, seed=1), "hybrid", save_at=days)
    np.testing.assert_allclose(ds["B"].sel(time=0.0), ds["B0"], rtol=1e-5)
    for day in days:
        dead = (ds["outcome"].values == 1) & (ds["event_time"].values <= day)
        assert np.array_equal(ds["B"].sel(time=day).values == 0, dead)


def test_responses(dense):
    """PD once the progression size was reached, CR below 0.1 ml, PR at half or less, else SD."""
    first, cells = dense["B0"].values, dense["B"].sel(time=[5, 30, 90, 365]).values.T
    progressed = dense["event_time"].values
    for day, now in zip((5, 30, 90, 365), cells, strict=True):
        expected = np.where(now < 1e8, 0, np.where(now <= 0.5 * first, 1, 2))
        expected = np.where((dense["outcome"].values == 2) & (progressed <= day), 3, expected)
        assert np.array_equal(dense[f"response_day_{day}"], expected)
    assert set(np.unique(dense["response_day_5"])) <= {1, 2} and dense["response_day_30"].max() == 0


def test_cure_before_progression_is_a_cure_and_progression_first_is_progression(figures, run):
    """Fast tumours outgrow 1.2 times their size before the CAR T cells have expanded."""
    cohort = figures(r_B=0.6, K_C=vc.units.t_cells(400.0)).sample(256, seed=1)
    assert float(vc.cure_probability(cohort)[0]) > 0.9
    for method in ("exact", "hybrid"):
        ds = run(cohort, method)
        assert (ds["outcome"] == 2).all() and (ds["event_time"] < 3).all()
