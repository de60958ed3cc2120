"""The restricted mean of a patient against the area under its own survival curve."""

import numpy as np
import pytest

import vcohort as vc
from vcohort.analysis.sensitivity.outputs import Outputs, evaluate, find_measures
from vcohort.simulation.run import Run

SLOW = pytest.mark.slow


def area(cohort, until, regimen=None):
    """Add up survival in the middle of short steps; a hard step is at most half of one off."""
    step = 0.02 if until < 10 else 0.1
    days = np.arange(0.5 * step, until, step)
    curve = [
        np.asarray(vc.progression_free_probability(
            cohort, part, regimen=regimen, tolerance=1e-6, dtype="float64"
        ))
        for part in np.array_split(days, 4 if regimen is None else 1)
    ]  # fmt: skip
    return np.concatenate(curve, axis=1).sum(axis=1) * step


def rmst(cohort, until, regimen=None, tolerance=1e-3, dtype="float32", progression=1.2):
    asked = Outputs(
        find_measures([f"rmst_{until:g}"]),
        Run(method="deterministic", progression=progression, regimen=regimen, tolerance=tolerance,
            dtype=dtype),
    )  # fmt: skip
    return evaluate(cohort, asked, progress=False)[:, 0]


@pytest.fixture(scope="module")
def cohort():
    """Early and late progressions; few lineages, some, and many; large tumours and small ones."""
    return vc.Cohort.from_values(
        "kimmel2021-figures",
        r_B=[0.065, 0.08, 0.1, 0.12, 0.3, 0.4, 0.5, 1.0, 0.065, 0.1, 0.1],
        gamma_B=[1.15] * 8 + [0.9, 0.8, 1.15],
        B0=[8e10] * 10 + [1e6],
    )


@pytest.mark.parametrize("until", [720.0, *(pytest.param(day, marks=SLOW) for day in (5.0, 300.0))])
def test_the_restricted_mean_is_the_area_under_the_curve(cohort, until):
    right = area(cohort, until)
    np.testing.assert_allclose(rmst(cohort, until), right, atol=0.06)
    fine = rmst(cohort, until, tolerance=1e-6, dtype="float64")
    np.testing.assert_allclose(fine, right, atol=0.05)


@SLOW
def test_after_a_second_infusion(cohort):
    regimen = vc.Regimen(vc.Infusion(90.0, 2e9), vc.Lymphodepletion(90.0, 0.5))
    right = area(cohort, 365.0, regimen)
    np.testing.assert_allclose(rmst(cohort, 365.0, regimen), right, atol=0.06)


@SLOW
def test_its_slopes_are_those_of_differences(cohort):
    some, step = cohort.select(np.array([0, 2, 4, 5])), 1e-3
    found = vc.local_sensitivity(
        some, [0.0, 720.0], ["r_B", "K_C"], outputs=["rmst_720"], progress=False
    )["output_sensitivity"]
    for name in ("r_B", "K_C"):
        above, below = (
            rmst(some.replace(**{name: some[name] * np.exp(sign * step)}), 720.0, None, 1e-8,
                 "float64")
            for sign in (1, -1)
        )  # fmt: skip
        slopes = found.sel(parameter=name).values[:, 0]
        np.testing.assert_allclose(slopes, (above - below) / (2 * step), rtol=5e-3)


def test_the_closed_form_warns_of_small_tumours():
    small = vc.Cohort.from_values("kimmel2021-figures", B0=[8e10, 8e10])
    with pytest.warns(vc.VcohortWarning, match="far from the usual"):
        small = small.replace(B0=np.array([8e10, 9000.0]))
    with pytest.warns(vc.VcohortWarning, match=r"smallest tumour has 9000 cells"):
        vc.progression_free_probability(small, [30.0, 720.0])
    for measure in ("pfs_720", "rmst_720"):
        with pytest.warns(vc.VcohortWarning, match=r"use simulate\(method='exact'\)"):
            evaluate(small, Outputs(find_measures([measure]), Run(horizon=720.0)), progress=False)
    evaluate(small, Outputs(find_measures(["cure"]), Run(horizon=720.0)), progress=False)
