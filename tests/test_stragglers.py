"""Patients whose steps were too long, or cannot be followed; sizes that nobody would expect."""

import numpy as np
import pytest

import vcohort as vc
from vcohort.simulation.preparation import prepare

# The feedback of all is switched off by a large a, but that of a few, who then need short steps.
# The extremes of b and a are one harmless patient's: a pilot that takes those sees none of them.
N, FAST, HOPELESS = 20_000, 3333, 7777


def odd_cohort():
    b, a = np.full(N, 0.525), np.full(N, 0.423)
    b[5], a[5], b[FAST], b[HOPELESS] = 1000.0, 1e6, 20.0, 999.0
    with pytest.warns(vc.VcohortWarning, match="usual"):
        return vc.Cohort.from_values("kimmel2021-figures", b=b, a=a)


@pytest.mark.parametrize("method", ["exact", "deterministic"])
def test_who_needs_more_steps_gets_them_and_who_cannot_be_followed_is_missing(method):
    cohort = odd_cohort()
    run = {"progress": False, "method": method}
    with pytest.warns(vc.VcohortWarning, match=r"1 of 20,000 patients could not be followed"):
        ds = vc.simulate(cohort, **run)
    assert ds.attrs["patients_missing"] == 1
    lost = ds.isel(patient=HOPELESS)
    assert lost["outcome"] == -1
    assert lost["response_day_30"] == -1
    assert all(np.isnan(lost[name]) for name in ("event_time", "nadir", "C_max", "C_auc"))
    assert (np.delete(ds["outcome"].values, HOPELESS) >= 0).all()
    # Alone, the fast one chooses the grid.
    alone = vc.simulate(cohort.select([FAST]), **run)
    for name in ("event_time", "C_max", "nadir_day"):
        assert float(ds[name][FAST]) == pytest.approx(float(alone[name][0]), rel=2e-3)
    assert ds["outcome"][FAST] == alone["outcome"][0]


def test_an_error_above_the_tolerance_is_told_of():
    """At a rate of 300 a day even the finest grid has an error that can be seen."""
    cohort = odd_cohort()
    values = {name: np.array(cohort[name]) for name in ("b", "a")}
    values["b"][[FAST, HOPELESS]] = 300.0, 0.525
    cohort = cohort.replace(**values)
    with pytest.warns(vc.VcohortWarning, match="1 of 20,000 patients misses the tolerance"):
        ds = vc.simulate(cohort, "exact", progress=False)
    assert 1e-3 < ds.attrs["error_estimate"] < 1.0


def test_probabilities_of_who_cannot_be_followed_are_no_numbers():
    cohort = odd_cohort().select([5, FAST, HOPELESS, *range(6, 306)])
    with pytest.warns(vc.VcohortWarning, match="could not be followed"):
        cured = np.asarray(vc.cure_probability(cohort))
    with pytest.warns(vc.VcohortWarning, match="could not be followed"):
        free = np.asarray(vc.progression_free_probability(cohort, [30.0, 365.0]))
    assert np.flatnonzero(np.isnan(cured)).tolist() == [2]
    assert np.flatnonzero(np.isnan(free).any(axis=1)).tolist() == [2]
    fine = vc.cure_probability(cohort.select([1]), dtype="float64", tolerance=1e-4)
    assert cured[1] == pytest.approx(float(fine[0]), abs=2e-3)


def test_blocks_do_not_change_who_is_followed_anew():
    cohort = odd_cohort().select(np.arange(3000, 8000))
    with pytest.warns(vc.VcohortWarning, match="1 of 5,000"):
        whole = vc.simulate(cohort, "exact", progress=False)
    with pytest.warns(vc.VcohortWarning, match="1 of 5,000"):
        parts = vc.simulate(cohort, "exact", block=1000, progress=False)
    assert whole.drop_attrs().equals(parts.drop_attrs())


@pytest.mark.slow
def test_a_sweep_counts_them_and_means_the_others(figures):
    """Ordinary spreads: what was minus 100,000 is the mean of the patients' own probabilities."""
    population = figures(0.5)
    axes = {"sigma": [0.3, 0.5], "K_C": [6e10, 8e10]}
    with pytest.warns(vc.VcohortWarning):
        grid = vc.sweep(population, axes, 20_000, seed=1, progress=False)
    assert grid["cure_probability"].to_series().between(0, 1).all()
    cohort = figures(0.3, K_C=8e10).sample(20_000, seed=1)
    expected = np.asarray(vc.cure_probability(cohort, dtype="float64"))
    cell = grid.sel(sigma=0.3, K_C=8e10)
    assert float(cell["missing"]) == np.isnan(expected).sum()
    assert float(cell["cure_probability"]) == pytest.approx(np.nanmean(expected), abs=1e-3)


def regimen_of(treatments):
    return vc.Regimen(*(vc.Infusion(float(day), 1e7) for day in range(1, treatments + 1)))


@pytest.mark.parametrize("treatments", [pytest.param(30, marks=pytest.mark.slow), 40])
def test_a_dose_every_day(treatments, figures, run):
    """Against float64 on many more steps."""
    cohort, regimen = figures().sample(3), regimen_of(treatments)
    found = vc.cure_probability(cohort, 400.0, regimen=regimen)
    fine = vc.cure_probability(cohort, 400.0, regimen=regimen, dtype="float64", tolerance=1e-7)
    np.testing.assert_allclose(found, fine, atol=1e-3)
    drawn = run(cohort, "exact", horizon=400.0, regimen=regimen)
    assert (drawn["outcome"] >= 0).all()


@pytest.mark.slow
def test_a_dose_every_day_for_two_years(figures):
    drawn = vc.simulate(figures().sample(2), "exact", regimen=regimen_of(700), progress=False)
    assert (drawn["outcome"] == 1).all()


@pytest.mark.parametrize("method", ["exact", "hybrid"])
def test_one_patient_and_one_step(method, figures, run):
    """Within a thousandth of a day a tumour does nothing."""
    ds = run(figures().sample(1), method, horizon=1e-3)
    assert ds["outcome"].values.tolist() == [0]
    assert float(ds["nadir"][0]) == pytest.approx(float(ds["B0"][0]), rel=1e-3)


def test_many_saved_days_and_many_responses(figures, run):
    days = np.linspace(0.0, 60.0, 301)
    options = {"endpoints": [vc.Response(tuple(np.arange(1.0, 60.0, 2.0)))], "progress": False}
    ds = vc.simulate(figures().sample(2), "deterministic", 60.0, save_at=days, **options)
    few = run(figures().sample(2), "deterministic", horizon=60.0, save_at=[30.0])
    assert ds.sizes["time"] == 301
    for name in ("N", "C", "B"):
        np.testing.assert_allclose(ds[name].sel(time=30.0), few[name].sel(time=30.0), rtol=2e-3)
    assert sum(name.startswith("response_day") for name in ds.data_vars) == 30


def test_five_axes_and_one_patient(figures):
    axes = {"r_B": [0.06, 0.1], "K_C": [7e10], "b": [0.5, 0.6], "a": [0.4, 0.5], "k_B": [2e9]}
    grid = vc.sweep(figures(), axes, 1, endpoints=[vc.Outcome()], progress=False)
    assert grid["cure_probability"].shape == (2, 1, 2, 2, 1)
    assert np.isnan(grid["cure_probability_error"]).all()
    values = {"r_B": 0.1, "K_C": 7e10, "b": 0.6, "a": 0.4, "k_B": 2e9}
    expected = float(vc.cure_probability(figures(**values).sample(1))[0])
    assert float(grid["cure_probability"].sel(values)) == pytest.approx(expected, abs=1e-5)


def test_a_few_who_need_short_steps_do_not_make_all_take_them():
    """A grid for most and own grids for some: nobody's error is beyond twice the tolerance."""
    cohort, run = vc.Population("zuma1").sample(4000), vc.Run(method="exact", horizon=1000.0)
    most, all_of_them = prepare(cohort, run), prepare(cohort, run, one_grid=True)
    assert most.grid.steps <= all_of_them.grid.steps / 1.5
    found = np.asarray(vc.cure_probability(cohort, run.horizon))
    truth = np.asarray(vc.cure_probability(cohort, run.horizon, tolerance=1e-4, dtype="float64"))
    assert np.abs(found - truth).max() < 2e-3


@pytest.mark.slow
def test_nobody_is_served_by_a_grid_that_serves_hardly_anybody(figures):
    """Of very different patients each path is that of much finer steps, in double precision."""
    run = {"method": "deterministic", "save_at": [0, 3, 10, 30, 60, 100, 200, 400, 800, 2000],
           "dtype": "float64", "endpoints": [], "progress": False}  # fmt: skip
    cohort = figures(0.3).sample(3000, seed=1)
    with pytest.warns(vc.VcohortWarning, match="finest grids|misses"):
        found = vc.simulate(cohort, **run)
        truth = vc.simulate(cohort, tolerance=1e-6, **run)
    most = truth["B"].values[:, :1] * np.exp(5.0)
    logs = [np.log(np.clip(each["B"].values, 1e-100, most)) for each in (found, truth)]
    assert np.abs(logs[0] - logs[1]).max() < 5e-3


def test_patients_who_are_alike_share_a_grid(figures):
    cohort, run = figures(0.05).sample(3000), vc.Run(method="exact")
    found, whole = (prepare(cohort, run, one_grid=one).resolution for one in (False, True))
    assert found[1:] == whole[1:] and found.plan.steps == whole.plan.steps
