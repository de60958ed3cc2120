"""Calibration of models whose progression has no law: by fates on fixed random numbers."""

import numpy as np
import pytest

import vcohort as vc
from vcohort.analysis.calibration.fates import _APART, residuals_of_fates
from vcohort.analysis.calibration.search import Task, _residuals_of_courses, moved_to
from vcohort.analysis.calibration.varied import deviates_of, find_varied

from .conftest import Z_LIMIT

DAYS = np.array([60.0, 90.0, 120.0, 180.0, 240.0, 300.0])
FREE = ("r_B", "K_C")
TRUTH = {"r_B": (0.1, 0.3), "K_C": (7.5e10, 0.1)}
MODELS = {
    "escape": (vc.car_t(escape="mutation"), {"u": 1e-9, "eps": 0.2}),
    "memory that sees antigen": (vc.car_t(memory="antigen"), {"k_MC": 0.02, "k_CM": 0.02}),
    "feedback of the tumour": (vc.car_t(feedback="both"), {"k_1": 1e-11}),
}


def population_of(name, laws):
    model, values = MODELS[name]
    varied = {each: vc.LogNormal(*pair) for each, pair in laws.items()}
    return vc.Population("kimmel2021-figures", 0.02, model=model, **values, **varied)


def test_fates_and_their_differences_are_those_of_the_law():
    """Where the law is known: numbers within chance, slopes within chance and their bend."""
    population = vc.Population(
        "kimmel2021-figures", r_B=vc.LogNormal(0.1, 0.3), K_C=vc.LogNormal(7.5e10, 0.1)
    )
    n, error = 8192, 0.05
    curve = {"day": [0, *DAYS], "pfs": [1, 0.97, 0.9, 0.8, 0.7, 0.6, 0.5]}
    varied = find_varied(population, FREE)
    task = Task(
        population.sample(n, 3, design="sobol"), varied, deviates_of(population, varied, n, 3),
        (vc.SurvivalTarget(curve, DAYS, error=error),), vc.Run(method="exact", seed=3),
    )  # fmt: skip
    at = np.log([each.location for each in varied] + [each.spread for each in varied])
    law = _residuals_of_courses(task)
    drawn, slopes = residuals_of_fates(
        lambda at: moved_to(task, np.float32(at), np.float32(task.deviates)), task.targets, task.run
    )(at)
    chance = 0.5 / np.sqrt(n) / error
    assert np.abs(drawn - law(at, 0.0)[0]).max() < Z_LIMIT * chance
    for column, aside in enumerate(_APART * np.eye(at.size)):
        rise = law(at + aside, 0.0)[0] - law(at - aside, 0.0)[0]
        gap = 2.0 * _APART * slopes[:, column] - rise
        assert np.abs(gap).max() < Z_LIMIT * chance * np.sqrt(2.0)
    assert np.abs(rise).max() > 0.0 and np.abs(slopes).max() > 10.0


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MODELS))
def test_a_trial_of_such_a_model_is_recovered(name):
    """Locations and spreads within three of their standard errors, and the curve."""
    drawn = vc.simulate(
        population_of(name, TRUTH).sample(20_000, seed=77), "hybrid", 305.0,
        endpoints=[vc.Outcome()], seed=5, progress=False,
    )  # fmt: skip
    curve = vc.progression_free_survival(drawn, np.array([0.0, *DAYS]))
    start = population_of(name, {"r_B": (0.12, 0.2), "K_C": (7e10, 0.15)})
    found = vc.calibrate(
        start, vc.SurvivalTarget(curve, DAYS, error=0.01), list(FREE), n=2048, starts=1, seed=3,
        progress=False,
    )  # fmt: skip
    for parameter, wanted in TRUTH.items():
        each = found.sel(parameter=parameter)
        for what, true in zip(("location", "spread"), wanted, strict=True):
            gap = np.log(float(each[what]) / true)
            assert abs(gap) < 3.0 * float(each[f"{what}_error"]), (parameter, what)
    assert found.attrs["rms_fresh"] < 0.02 < found.attrs["rms_before"]


def test_weights_of_patients_with_one_fate_are_refused():
    with pytest.raises(vc.VcohortError, match="weights=True knows tumours of one clone"):
        vc.calibrate(
            population_of("escape", TRUTH), {"day": [0, 60, 120], "pfs": [1, 0.7, 0.5]}, ["r_B"],
            days=[60.0, 120.0], weights=True,
        )  # fmt: skip
