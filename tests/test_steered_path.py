"""Slopes of patients' courses along few directions, as calibrations take them."""

from functools import partial

import jax
import numpy as np
import pytest

import vcohort as vc
from vcohort.engine.closed_forms.path import path, steered_path
from vcohort.engine.closed_forms.progression import progression_free
from vcohort.engine.integrator.grid import grid_points
from vcohort.simulation.probability import traced_patients
from vcohort.simulation.run import Run

DAYS = (30.0, 90.0, 200.0)
SECOND = vc.Regimen(vc.Lymphodepletion(60.0, 0.1), vc.Infusion(60.0))

RATES = ("r_B", "K_C")

# More patients than a tile holds, and no whole number of tiles.
PATIENTS = 150


def deviates(follow, cohort, regimen, names, shares):
    """Return z (day, patient) of P(no progression so far), values times shares (parameter,)."""
    pairs = zip(names, shares, strict=True)
    moved = cohort.replace(**{name: cohort[name] * share for name, share in pairs})
    run = Run(method="exact", horizon=DAYS[-1], regimen=regimen)
    patients, grid = traced_patients(moved, run, DAYS)
    found = follow(cohort.model, patients.values, patients.schedule, grid)
    level = found.log_tumour[0] + np.log(1.2)
    return progression_free(found, level, grid_points(grid, np.array(DAYS)), 0.05)


@pytest.mark.parametrize(
    ("regimen", "names"), [(vc.Regimen(), RATES), (SECOND, RATES), (SECOND, (*RATES, "C0"))],
    ids=["one infusion", "two", "two, the second as large as the first, which moves"],
)  # fmt: skip
def test_slopes_are_those_of_finite_differences(regimen, names):
    """In float64; steps of 1e-5, so that differences hold ten digits and are wrong by 1e-9."""
    with jax.enable_x64(True):
        cohort = vc.Population("kimmel2021", 0.1).sample(PATIENTS, 1)
        z = jax.jit(partial(deviates, steered_path, cohort, regimen, names))
        here, step = np.ones(len(names)), 1e-5
        slopes = np.asarray(jax.jit(jax.jacfwd(z))(here))
        for way in range(len(names)):
            up, down = (
                np.asarray(z(here + sign * step * np.eye(len(names))[way])) for sign in (1, -1)
            )
            told = (up - down) / (2.0 * step)
            # Where the worst moment so far is another one on either side there is no slope.
            close = np.isclose(slopes[..., way], told, rtol=1e-3, atol=1e-3)
            assert close.mean() > 0.98
        np.testing.assert_allclose(
            z(here),
            jax.jit(partial(deviates, path, cohort, regimen, names))(here),
            rtol=1e-9,
            atol=1e-9,
        )
