"""Deterministic paths against scipy's DOP853 at 1e-10, in the paper's own variables."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import vcohort as vc

DAYS = np.unique(np.concatenate([np.linspace(0, 30, 31), np.linspace(35, 400, 74)]))


@cache
def reference(preset):
    """Return a cohort and its N, C, B (day, patient): all patients as one system, in logs."""
    cohort = vc.Population(preset, 0.1).sample(256, seed=8)
    p = {name: np.asarray(value) for name, value in cohort.values.items()}

    def slopes(_, state):
        x, y, _z = state.reshape(3, -1)
        n, c = np.exp(x), np.exp(y)
        t = n + c
        r_c = p["rho_C"] + p["b"] * (t - p["K_N"]) ** 2 / (p["a"] * t**2 + (t - p["K_N"]) ** 2)
        return np.concatenate(
            [
                -p["r_N"] * np.log(t / p["K_N"]),
                -r_c * np.log(t / p["K_C"]),
                p["r_B"] - p["gamma_B"] * c / (p["k_B"] + c),
            ]
        )

    start = np.log(np.concatenate([p["N0"], p["C0"], p["B0"]]))
    solution = solve_ivp(
        slopes, (0, DAYS[-1]), start, "DOP853", DAYS, rtol=1e-10, atol=1e-10, max_step=0.5
    )
    assert solution.success
    return cohort, np.exp(solution.y.reshape(3, -1, DAYS.size).transpose(0, 1, 2))


@pytest.mark.parametrize("preset", ["kimmel2021", "kimmel2021-figures"])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-3), ("float64", 1e-3), ("float64", 1e-7)]
)
def test_paths_are_within_the_tolerance_asked_for(preset, dtype, tolerance, run):
    cohort, (normal, car, tumour) = reference(preset)
    ds = run(cohort, "deterministic", horizon=400.0, save_at=DAYS, dtype=dtype, tolerance=tolerance)
    assert np.abs(ds["N"] / normal - 1).max() < tolerance
    assert np.abs(ds["C"] / car - 1).max() < tolerance
    assert np.abs(np.log(ds["B"]) - np.log(tumour)).max() < tolerance
    assert ds.attrs["error_estimate"] <= tolerance


def test_the_deterministic_tumour_never_dies_out(run, figures):
    ds = run(figures(0.1).sample(200, seed=1), "deterministic")
    assert (ds["outcome"] != 1).all()
    assert (ds["nadir"] > 0).all()


@pytest.mark.parametrize(
    "model",
    [
        vc.car_t(growth="logistic"),
        vc.car_t(growth="interaction"),
        vc.car_t(feedback="none"),
        vc.car_t(feedback="both"),
        vc.car_t(killing="crowded"),
        vc.car_t(killing="doubly-saturating"),
        vc.car_t(proliferation="saturation"),
    ],
    ids=lambda model: model.name,
)
def test_every_law_is_integrated_to_the_tolerance(model, run):
    """Against the same rates, integrated by DOP853."""
    cohort = vc.Population("kimmel2021", 0.05, model=model).sample(20, seed=2)
    days = [10.0, 50.0, 150.0]
    ds = run(cohort, "deterministic", horizon=200.0, save_at=days, dtype="float64")
    import jax  # noqa: PLC0415 - only here

    with jax.enable_x64(True):
        values = {name: jax.numpy.asarray(value) for name, value in cohort.values.items()}
        rates = jax.jit(jax.vmap(model.rates))

        def slopes(_, state):
            from vcohort.models import Cells  # noqa: PLC0415

            found = rates(
                values,
                Cells(dict(zip("NCB", jax.numpy.asarray(state).reshape(3, -1), strict=True))),
            )
            return np.concatenate(
                [*(found.growth[name] for name in "NC"), found.birth["B"] - found.death["B"]]
            )

        start = np.log(np.concatenate([cohort["N0"], cohort["C0"], cohort["B0"]]))
        truth = solve_ivp(
            slopes, (0, 150), start, "DOP853", days, rtol=1e-9, atol=1e-9, max_step=1.0
        )
    found = np.concatenate([np.log(ds[name].values) for name in "NCB"])
    assert np.abs(found - truth.y).max() < 1e-3
