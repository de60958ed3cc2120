"""The closed form of progression-free survival, against scipy, Monte Carlo and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ndtr
from scipy.stats import ncx2

import vcohort as vc
from tests.conftest import Z_LIMIT
from vcohort.engine.closed_forms.path import path
from vcohort.engine.closed_forms.progression import progression_free
from vcohort.engine.integrator.grid import grid_points
from vcohort.engine.methods.size_law import deviate
from vcohort.simulation.preparation import prepare

DAYS = np.array([10.0, 30.0, 60.0, 90.0, 180.0, 365.0, 720.0])


def no_degrees_of_freedom(y, hazard):
    """P(non-central chi-square, 0 degrees of freedom) by its recurrence from scipy's 2."""
    return ncx2.cdf(2 * y, 2, 2 * hazard) + 2 * ncx2.pdf(2 * y, 2, 2 * hazard)


@pytest.mark.parametrize("hazard", [1e-3, 0.3, 2.0, 20.0, 24.9, 25.1, 60.0, 1e3])
def test_the_law_of_a_regrown_tumour(hazard):
    """Below 25 lineages to rounding, above within 1e-4."""
    y = np.linspace(1e-3, hazard + 6 * np.sqrt(2 * hazard) + 3, 200)
    with jax.enable_x64(True):
        # This W has the Lambda = B0 ln(1 + 1 / (B0 W)); with B = 1 the level is y / Lambda.
        log_start = 20.0
        w = 1.0 / (np.exp(log_start) * np.expm1(hazard / np.exp(log_start)))
        z = deviate(jnp.zeros(200), jnp.full(200, w), log_start, jnp.log(y / hazard), 0.0)
        found = np.asarray(jax.scipy.special.ndtr(z))
    limit = 2e-7 if hazard < 25 else 1.01e-4
    assert np.abs(found - no_degrees_of_freedom(y, hazard)).max() < limit


@pytest.mark.parametrize(
    ("sigma", "overrides", "regimen"),
    [
        (0.05, {}, None),
        (0.2, {"r_B": vc.LogNormal(0.15, 0.6), "B0": "trial"}, None),
        (0.05, {"r_B": 0.1}, vc.Regimen(vc.Infusion(50.0), vc.Lymphodepletion(50.0, 0.1))),
    ],
)
def test_against_monte_carlo(figures, run, sigma, overrides, regimen):
    """The mean over patients is the Kaplan-Meier curve of the same patients' drawn fates."""
    if "B0" in overrides:
        overrides = overrides | {"B0": vc.Empirical(vc.data.baseline_tumour_cells())}
    cohort = figures(sigma, **overrides).sample(8000, seed=5)
    exact = np.asarray(vc.progression_free_probability(cohort, DAYS, regimen=regimen))
    ds = run(cohort, "exact", seed=5, regimen=regimen)
    seen = vc.progression_free_survival(ds, DAYS).values
    # Given its patients, the curve varies by what is left to chance in each.
    error = np.sqrt((exact * (1 - exact)).sum(axis=0)) / len(cohort)
    assert (np.abs(exact.mean(axis=0) - seen) <= Z_LIMIT * error + 2e-3).all()


def test_derivatives_against_differences(figures):
    cohort = figures(0.1).sample(64, seed=2)

    @jax.jit
    def mean(scale):
        moved = cohort.replace(K_C=cohort["K_C"] * scale)
        return vc.progression_free_probability(moved, DAYS, noise=0.1).mean(axis=0)

    with jax.enable_x64(True):
        found = jax.jacfwd(mean)(1.0)
        step = 1e-5
        expected = (mean(1.0 + step) - mean(1.0 - step)) / (2 * step)
        assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-4, abs=1e-7)
        assert float(jnp.abs(found).max()) > 0.1


def test_points_of_a_course_may_come_in_any_order(figures):
    """A second infusion hides what had progressed: the worst day so far counts, at each point."""
    cohort = figures(0.1, r_B=0.1).sample(40, seed=3)
    days = np.array([300.0, 30.0, 150.0])
    given = {"regimen": vc.Regimen(vc.Infusion(120.0)), "noise": 0.05, "dtype": "float64"}
    truth = np.asarray(vc.progression_free_probability(cohort, np.sort(days), **given))
    run = vc.Run(horizon=400.0, regimen=given["regimen"], dtype="float64")
    ready = prepare(cohort, run, days, one_grid=True)
    with jax.enable_x64(True):
        patients = ready.table.take(slice(None), np.dtype(float))
        grid = ready.grid.grid(patients)
        course = path(cohort.model, patients.values, patients.schedule, grid)
        level = course.log_tumour[0] + np.log(run.progression)
        found = ndtr(progression_free(course, level, grid_points(grid, days), 0.05)).T
    assert ((truth > 0.05) & (truth < 0.95)).any()
    np.testing.assert_allclose(found[:, np.argsort(days)], truth, atol=2e-3)


def test_cure_s_derivative_against_monte_carlo_with_common_random_numbers(figures, run):
    """The exact slope lies within the error of the difference of two Monte Carlo runs."""
    cohort = figures(0.05).sample(40_000, seed=3)
    step = 0.02

    @jax.jit
    @jax.value_and_grad
    def exact(scale):
        return vc.cure_probability(cohort.replace(K_C=cohort["K_C"] * scale)).mean()

    both = [
        (
            run(
                cohort.replace(K_C=cohort["K_C"] * (1 + sign * step)), "exact", seed=3
            )["outcome"].values == 1
        ).astype(float)
        for sign in (1, -1)
    ]  # fmt: skip
    changed = (both[0] - both[1]) / (2 * step)
    error = changed.std() / np.sqrt(changed.size)
    # The difference over 2 % is not the slope: its curvature is the exact one's.
    curved = float(exact(1 + step)[0] - exact(1 - step)[0]) / (2 * step)
    assert abs(changed.mean() - curved) < Z_LIMIT * error
    assert float(exact(1.0)[1]) == pytest.approx(curved, rel=0.05)


def test_bad_input(figures):
    with pytest.raises(vc.VcohortError, match="increasing order"):
        vc.progression_free_probability(figures().sample(1), [30.0, 10.0])
    feedback = vc.Cohort.from_values(model=vc.car_t(feedback="B"))
    with pytest.raises(vc.VcohortError, match="progression_free_probability needs rates"):
        vc.progression_free_probability(feedback, [30.0])


def test_a_tumour_without_births_dies_out_cell_by_cell(figures, run):
    """P(cured by t) = (1 - exp(-int mu))^B0, int mu from DOP853; drawn shares, with variability."""
    cohort = figures(0.05, r_B=0.0, gamma_B=0.9).sample(3000, seed=1)
    assert (cohort["r_B"] == 0.0).all()
    some = cohort.select(slice(0, 20))
    expected = []
    for patient in range(len(some)):
        p = {name: float(values[patient]) for name, values in some.values.items()}

        def slopes(_, state, p=p):
            n, c = np.exp(state[:2])
            t = n + c
            r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
            death = p["gamma_B"] * c / (p["k_B"] + c)
            return [-p["r_N"] * np.log(t / p["K_N"]), -r_c * np.log(t / p["K_C"]), death]

        start = [np.log(p["N0"]), np.log(p["C0"]), 0.0]
        fall = solve_ivp(slopes, (0.0, 2000.0), start, "DOP853", rtol=1e-10, atol=1e-10).y[2, -1]
        expected.append(np.exp(p["B0"] * np.log1p(-np.exp(-fall))))
    found = np.asarray(vc.cure_probability(some, dtype="float64", tolerance=1e-8))
    assert 0.05 < np.mean(expected) < 0.95
    np.testing.assert_allclose(found, expected, atol=1e-5)
    probability = np.asarray(vc.cure_probability(cohort))
    share = float((run(cohort, "exact")["outcome"] == 1).mean())
    error = np.sqrt((probability * (1 - probability)).sum()) / len(cohort)
    assert abs(share - probability.mean()) < Z_LIMIT * error
