"""Bad input, through Python: one clear error, before any work."""

import warnings

import jax
import numpy as np
import pytest

import vcohort as vc
from vcohort.simulation.run import Run
from vcohort.sweeps.design.plan import make_plan

COHORT = vc.Population("kimmel2021", 0.05).sample(4, seed=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: vc.Population("kimmel2012"),
            "'kimmel2012'. Did you mean 'kimmel2021'",
        ),
        (lambda: vc.Population(K_c=1e11), "Unknown parameter 'K_c'. Did you mean 'K_C'"),
        (lambda: vc.Population(gammaB=1.0), "Unknown parameter 'gammaB'. Did you mean 'gamma_B'"),
        (lambda: vc.Population(r_B=float("nan")), "r_B = nan .* in /day.* finite"),
        (lambda: vc.Population(K_C=-1.0), "K_C = -1 .* in cells.* greater than 0"),
        (lambda: vc.Population(K_C=0.0), "K_C = 0 is impossible"),
        (lambda: vc.Population(B0=float("inf")), "B0 = inf .* finite"),
        (lambda: vc.Population(K_C="much"), "neither a number nor a distribution"),
        (lambda: vc.Population(K_C=[1e10, 2e10]), "from_values"),
        (lambda: vc.Population(r_B=vc.Uniform(-0.2, -0.1)), "r_B = -0.15 is impossible"),
        (lambda: vc.Population(r_B=vc.Uniform(-0.1, 0.2)).sample(100), "r_B = -0.0.* impossible"),
        (lambda: vc.Population(sigma=-0.1), "sigma = -0.1 is impossible"),
        (lambda: vc.Population().sample(0), "n = 0 is impossible"),
        (lambda: vc.Population().sample(-3), "n = -3 is impossible"),
        (lambda: vc.Population().sample(2.5), "n = 2.5 is impossible"),
        (lambda: vc.Population().sample(10**13), "GiB in one cohort"),
        (lambda: vc.Population().sample(3, seed=-1), "seed = -1 is impossible"),
        (lambda: vc.Population().sample(3, design="sobl"), "Did you mean 'sobol'"),
        (lambda: vc.LogNormal(-1.0, 0.1), "greater than 0"),
        (lambda: vc.Uniform(2.0, 1.0), "lower must not exceed upper"),
        (lambda: vc.Empirical([]), "at least one"),
        (lambda: vc.Empirical([1.0, np.nan]), "finite"),
        (lambda: vc.MultivariateNormal({"K_C": 1.0}, np.eye(2)), "shape"),
        (lambda: vc.MultivariateNormal({"K_C": 1.0, "r_B": 1.0}, [[1, 2], [2, 1]]), "eigenvalue"),
        (
            lambda: vc.Population(r_B=0.1, joint=vc.MultivariateNormal({"r_B": 0.1}, [[1e-4]])),
            "r_B is given twice",
        ),
        (lambda: vc.Cohort.from_values(K_C=[1e10, -1.0]), "K_C = -1 is impossible"),
        (lambda: vc.Cohort.from_values(K_C=[1e10, 2e10], r_B=[0.1, 0.2, 0.3]), "one length"),
        (lambda: COHORT["k_b"], "Did you mean 'k_B'"),
        (lambda: COHORT.replace(kB=1.0), "Did you mean 'k_B'"),
        (lambda: COHORT.replace(k_B=np.ones(3)), r"shape \(3,\) does not fit a cohort of 4"),
    ],
)
def test_populations_and_cohorts(make, message):
    with pytest.raises(vc.VcohortError, match=message):
        make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "hybird"}, "Unknown method 'hybird'. Did you mean 'hybrid'"),
        ({"dtype": "float16"}, "Unknown dtype"),
        ({"horizon": 0}, "horizon = 0.0 is impossible"),
        ({"horizon": float("nan")}, "horizon = nan is impossible"),
        ({"horizon": "long"}, "horizon = 'long' is impossible"),
        ({"threshold": 0.5}, "threshold = 0.5 is impossible"),
        ({"threshold": 1e9}, "threshold .* at most"),
        ({"progression": 1.0}, "progression = 1.0 is impossible"),
        ({"tolerance": 1e-9}, "float64"),
        ({"tolerance": -1.0}, "tolerance = -1.0 is impossible"),
        ({"seed": -1}, "seed = -1 is impossible"),
        ({"seed": 1.5}, "seed = 1.5 is impossible"),
        ({"save_at": []}, "at least one"),
        ({"save_at": [0, 5, 3]}, "increasing order"),
        ({"save_at": [0, 5, 5]}, "no day twice"),
        ({"save_at": [-1, 5]}, "day -1, outside"),
        ({"save_at": [5, 2001]}, "day 2001, outside"),
        ({"save_at": [5, float("nan")]}, "finite"),
        ({"save_at": [5], "method": "exact"}, "hybrid"),
        ({"endpoints": [vc.Response(days=(30, 4000))]}, "day = 4000.* horizon"),
        ({"block": 0}, "block = 0"),
        ({"regimen": "weekly"}, "regimen"),
    ],
)
def test_runs(options, message):
    with pytest.raises(vc.VcohortError, match=message):
        vc.simulate(COHORT, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vc.Kinetics(auc_until=-1.0), "auc_until=-1"),
        (lambda: vc.Response(days=(0,)), "days="),
        (lambda: vc.Response(partial=2.0), "partial=2"),
    ],
)
def test_endpoints(make, message):
    with pytest.raises(vc.VcohortError, match=message):
        make()


def test_a_value_in_another_unit_is_allowed_with_a_warning():
    with pytest.warns(vc.VcohortWarning, match=r"K_C = 139 cells is far .* vc\.units\.t_cells"):
        vc.Population("kimmel2021", K_C=139.0)
    with pytest.warns(vc.VcohortWarning, match=r"B0 = 94.84 cells is far .*tumour_cells"):
        vc.Cohort.from_values("kimmel2021", B0=94.84)


PLAIN = vc.Population("kimmel2021-figures").sample(4, seed=1)


def swept(**axes):
    """Lay out a sweep, and ask for each of its cells."""
    regimen = vc.Regimen(vc.Infusion(30.0), vc.Infusion(60.0))
    run = Run(method="exact", horizon=100.0, regimen=regimen)
    made = make_plan(vc.Population("kimmel2021-figures"), axes, 4, run)
    for index in range(made.layout.cells):
        made.cell(index)


SLIPS = {
    "replace": lambda: PLAIN.replace(K_C=139.28),
    "replace, an array": lambda: PLAIN.replace(K_C=np.array([7e10, 139.28, 139.28, 7e10])),
    "from_values": lambda: vc.Cohort.from_values(C0=1.8),
    "by hand": lambda: vc.cure_probability(
        vc.Cohort({**PLAIN.values, "C0": np.full(4, 1.8)}, np.arange(4), PLAIN.model)
    ),
    "first dose": lambda: vc.Regimen(vc.Infusion(0.0, 1.8)),
    "later dose": lambda: vc.Regimen(vc.Infusion(0.0, 1.8e8), vc.Infusion(60.0, 1.8)),
    "doses": lambda: vc.Regimen(*(vc.Infusion(day, 1.8) for day in (0.0, 30.0, 60.0))),
    "a dose a patient": lambda: vc.Regimen(vc.Infusion(60.0, [0.0, 1.8e8, 1.8, 1.8])),
    "rows": lambda: vc.Regimen.from_nonmem({"TIME": [0, 28, 56], "AMT": [1.8, 1.8, 1.8]}),
    "another dose": lambda: vc.Regimen(vc.Infusion(60.0)).replace(infusion_1_cells=1.8),
    "swept dose": lambda: swept(infusion_1_cells=[1.8, 3.6, 1.8e8]),
    "swept doses": lambda: swept(**{"infusion_1_cells, infusion_2_cells": [1.8e8]}, C0=[1.8, 3.6]),
    "swept parameter": lambda: swept(K_C=[139.28, 150.0, 7e10]),
    "bounds": lambda: vc.optimize_regimen(PLAIN, {"day": 5.0, "cells": (1.8, 3.6)}, "pfs_5000"),
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_another_unit_is_told_of_once_wherever_it_is_given(slip):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            given = slip()
        except vc.VcohortError:
            given = None
        if isinstance(given, vc.Cohort):
            vc.cure_probability(given)
        if isinstance(given, vc.Regimen):
            vc.cure_probability(PLAIN, regimen=given.replace())
    texts = [str(each.message) for each in told if "is far from the usual" in str(each.message)]
    assert len(texts) == 1 and "units.t_cells" in texts[0]


def test_usual_doses_are_not_told_of(recwarn):
    doses = [0.0, 1e6, 1.8e8, 1e10]
    regimen = vc.Regimen(vc.Infusion(0.0, 1e8), vc.Infusion(60.0, doses), vc.Infusion(90.0))
    vc.cure_probability(PLAIN.replace(B0=1e6, C0=doses[2]), regimen=regimen)
    assert not recwarn.list


def test_bad_values_in_a_cohort_are_found_before_the_run():
    with pytest.raises(vc.VcohortError, match="K_C = nan is impossible"):
        vc.simulate(COHORT.replace(K_C=np.nan))


def test_outcomes_have_no_derivative():
    with pytest.raises(vc.VcohortError, match="cure_probability can"):
        jax.grad(lambda x: vc.simulate(COHORT.replace(K_C=x))["nadir"].sum())(COHORT["K_C"])


def test_closed_forms_refuse_models_that_have_none():
    cohort = vc.Population("kimmel2021", model=vc.car_t(feedback="B")).sample(3)
    with pytest.raises(vc.VcohortError, match="method='hybrid'"):
        vc.simulate(cohort, "exact")
    with pytest.raises(vc.VcohortError, match="method='hybrid'"):
        vc.cure_probability(cohort)


def test_rates_too_fast_to_follow_are_refused():
    cohort = vc.Population("kimmel2021", b=900.0).sample(3)
    with pytest.raises(vc.VcohortError, match="too fast"):
        vc.simulate(cohort)


@pytest.mark.parametrize("name", ["missing/cohort.nc", "."])
def test_places_that_cannot_be_written(name, tmp_path):
    ds = vc.simulate(COHORT, "exact", horizon=10.0)
    with pytest.raises(vc.VcohortError, match="Cannot write"):
        vc.save(ds, tmp_path / name)


@pytest.mark.parametrize("content", [None, b"", b"not a dataset"])
def test_files_that_cannot_be_read(content, tmp_path):
    path = tmp_path / "broken.nc"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(vc.VcohortError, match=r"broken\.nc"):
        vc.load(path)
