"""A number is a number of any kind, wherever one is asked for; what is none is refused, everywhere.

The list below holds every parameter of the public callables that is one number: each is tried.
"""

import dataclasses
import inspect
from decimal import Decimal
from fractions import Fraction
from functools import cache

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import FEW
from vcohort.simulation.run import DEFAULTS

COHORT = vc.Population("kimmel2021-figures", 0.05).sample(4, seed=1)
OPTIONS = {"method": "exact", "endpoints": FEW, "progress": False}


@cache
def sensitivities():
    days, names = [0.0, 20.0, 60.0], ["K_C", "r_N", "a"]
    return vc.local_sensitivity(COHORT.select([0]), days, names, progress=False)


@cache
def lineage():
    return vc.birth_death.constant_rates(0.1, 0.2, 3.0)


def simulated(**options):
    return vc.simulate(COHORT, **(OPTIONS | options))["event_time"].values


def param(**numbers):
    about = {"name": "x", "symbol": "x", "unit": "1", "default": 1.5, "usual": (1.0, 2.0)}
    return vc.Param(**(about | {"description": "", "source": ""} | numbers))


def optimized(**options):
    return vc.optimize_regimen(
        COHORT, **({"bounds": {"day": (20.0, 40.0)}, "grid": 2, "progress": False} | options)
    ).drop_attrs()


# What uses one number, and a value for it that a fraction, a decimal and a float32 hold.
USES = {
    "Infusion(day)": (lambda x: vc.Infusion(x).day, 60.5),
    "Infusion(cells)": (lambda x: vc.Infusion(60.0, x).cells, 1e8),
    "Infusion.replace": (lambda x: vc.Infusion(60.0).replace(cells=x).cells, 1e8),
    "Lymphodepletion(day)": (lambda x: vc.Lymphodepletion(x, 0.5).day, 60.5),
    "Lymphodepletion(survival)": (lambda x: vc.Lymphodepletion(1.0, x).survival, 0.25),
    "Lymphodepletion(pair)": (lambda x: vc.Lymphodepletion(1.0, (x, 0.5)).survival, 0.25),
    "Regimen.replace": (
        lambda x: (
            vc.Regimen(vc.Lymphodepletion(1.0, 0.5))
            .replace(lymphodepletion_1_car_survival=x)
            .treatments[0]
            .fractions
        ),
        0.25,
    ),
    "Cohort.replace": (lambda x: COHORT.replace(r_B=x)["r_B"], 0.25),
    "from_values": (lambda x: vc.Cohort.from_values(r_B=x)["r_B"], 0.25),
    "simulate(horizon)": (lambda x: simulated(horizon=x), 500.5),
    "simulate(threshold)": (lambda x: simulated(threshold=x, method="hybrid"), 50.0),
    "simulate(progression)": (lambda x: simulated(progression=x), 1.25),
    "simulate(tolerance)": (lambda x: simulated(tolerance=x), 0.0078125),
    "simulate(save_at)": (
        lambda x: simulated(save_at=[0.0, x], method="deterministic", horizon=20.0), 10.5,
    ),
    "cure_probability(horizon)": (lambda x: vc.cure_probability(COHORT, x), 500.5),
    "cure_probability(tolerance)": (
        lambda x: vc.cure_probability(COHORT, tolerance=x), 0.0078125,
    ),
    "progression_free_probability(days)": (
        lambda x: vc.progression_free_probability(COHORT, x), 300.5,
    ),
    "progression_free_probability(progression)": (
        lambda x: vc.progression_free_probability(COHORT, 300.0, progression=x), 1.25,
    ),
    "progression_free_probability(tolerance)": (
        lambda x: vc.progression_free_probability(COHORT, 300.0, tolerance=x), 0.0078125,
    ),
    "progression_free_probability(noise)": (
        lambda x: vc.progression_free_probability(COHORT, 300.0, noise=x), 0.25,
    ),
    "local_sensitivity(tolerance)": (
        lambda x: vc.local_sensitivity(COHORT, [0.0, 9.0], ["a"], tolerance=x, progress=False)["C"],
        2.0**-20,
    ),
    "local_sensitivity(progression)": (
        lambda x: vc.local_sensitivity(
            COHORT, [0.0, 9.0], ["a"], outputs=["pfs_9"], progression=x, progress=False
        )["output_value"],
        1.25,
    ),
    "identifiability(threshold)": (
        lambda x: vc.identifiability(sensitivities(), x)["removed"], 0.5,
    ),
    "optimize_regimen(bounds)": (lambda x: optimized(bounds={"day": (20.0, x)})["best"], 40.5),
    "optimize_regimen(fixed)": (
        lambda x: optimized(bounds={"day": (20.0, 40.0), "survival": x})["best"], 0.25,
    ),
    "optimize_regimen(max_C_max)": (lambda x: optimized(max_C_max=x)["best"], 1e12),
    "optimize_regimen(horizon)": (lambda x: optimized(horizon=x)["objective"], 500.5),
    "optimize_regimen(progression)": (
        lambda x: optimized(objective="pfs_100", progression=x)["objective"], 1.25,
    ),
    "optimize_regimen(tolerance)": (lambda x: optimized(tolerance=x)["objective"], 0.0078125),
    "Kinetics(auc_until)": (lambda x: vc.Kinetics(auc_until=x).auc_until, 20.5),
    "Kinetics(detection_limit)": (lambda x: vc.Kinetics(detection_limit=x).detection_limit, 1e7),
    "Response(days)": (lambda x: vc.Response(days=(30.0, x)).days, 90.5),
    "Response(detection_limit)": (lambda x: vc.Response(detection_limit=x).detection_limit, 1e7),
    "Response(partial)": (lambda x: vc.Response(partial=x).partial, 0.25),
    "Param(default)": (lambda x: param(default=x).default, 1.25),
    "Param(lower)": (lambda x: param(lower=x).lower, 0.25),
    "Param(upper)": (lambda x: param(upper=x).upper, 4.5),
    "Param(usual)": (lambda x: param(usual=(x, 2.0)).usual, 1.25),
    "constant_rates(birth)": (lambda x: vc.birth_death.constant_rates(x, 0.2, 3.0), 0.25),
    "constant_rates(death)": (lambda x: vc.birth_death.constant_rates(0.2, x, 3.0), 0.25),
    "constant_rates(days)": (lambda x: vc.birth_death.constant_rates(0.2, 0.1, x), 2.5),
    "extinction_probability(cells)": (
        lambda x: vc.birth_death.extinction_probability(x, lineage()), 3.0,
    ),
    "t_cells": (vc.units.t_cells, 139.25),
    "t_cells_per_ul": (vc.units.t_cells_per_ul, 1e9),
    "tumour_cells": (vc.units.tumour_cells, 94.5),
    "tumour_ml": (vc.units.tumour_ml, 1e9),
}  # fmt: skip

KINDS = {
    "float64": np.float64,
    "float32": np.float32,
    "0-d array": np.array,
    "jax": jnp.asarray,
    "labelled": xr.DataArray,
    "fraction": Fraction,
    "decimal": Decimal,
    "integer": lambda value: int(value) if value == int(value) else Fraction(value),
}

NOT_NUMBERS = [True, np.True_, "1", b"1", 1 + 0j, [1.0, 2.0, 3.0, 4.0, 5.0], {"a": 1.0},
               np.timedelta64(5, "D"), np.nan]  # fmt: skip


# A regimen is optimised in seconds each time.
EACH = [pytest.param(name, marks=pytest.mark.slow if name.startswith("optimize") else [])
        for name in USES]  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_every_kind_of_number_gives_what_a_float_gives(name):
    use, value = USES[name]
    expected = use(value)
    for kind, make in KINDS.items():
        np.testing.assert_array_equal(use(make(value)), expected, err_msg=kind)


# A number may be left out of these, or several may be given.
LEFT_OUT = {"Infusion(cells)", "Infusion.replace", "optimize_regimen(max_C_max)",
            *(name for name in USES if name.split("(")[-1].rstrip(")") in DEFAULTS)}  # fmt: skip
SEVERAL = {"constant_rates(birth)", "constant_rates(death)", "constant_rates(days)", "t_cells",
           "extinction_probability(cells)", "t_cells_per_ul", "tumour_cells", "tumour_ml",
           "Infusion(day)", "Infusion(cells)", "Infusion.replace", "Lymphodepletion(day)",
           "Lymphodepletion(survival)", "Lymphodepletion(pair)", "from_values",
           "Regimen.replace", "progression_free_probability(days)"}  # fmt: skip
# A span of time is a day.
DAYS = {"Infusion(day)", "Lymphodepletion(day)"}
UNITS = {"t_cells", "t_cells_per_ul", "tumour_cells", "tumour_ml"}


@pytest.mark.parametrize("name", USES)
def test_what_is_no_number_is_refused(name):
    use, _ = USES[name]
    for wrong in [*NOT_NUMBERS, *([] if name in LEFT_OUT else [None])]:
        is_nan = isinstance(wrong, float)
        is_span = isinstance(wrong, np.timedelta64) and name in DAYS
        if (isinstance(wrong, list) and name in SEVERAL) or (is_nan and name in UNITS) or is_span:
            continue
        with pytest.raises(vc.VcohortError):
            found = use(wrong)
            # What a cohort holds is looked at when it is run.
            vc.simulate(COHORT.replace(r_B=found))


def test_the_list_is_whole():
    """Of each public callable of this part, every parameter that is a number is on the list."""
    for thing in (vc.Infusion, vc.Lymphodepletion, vc.Kinetics, vc.Response, vc.Param, vc.simulate,
                  vc.cure_probability, vc.progression_free_probability, vc.identifiability,
                  vc.optimize_regimen, vc.local_sensitivity):  # fmt: skip
        hints = inspect.signature(thing).parameters
        for name, parameter in hints.items():
            told = str(parameter.annotation).replace("tuple[float, float]", "float")
            if told in {"float", "float | None", "Field", "Field | None", "float | Array"}:
                assert f"{thing.__name__}({name})" in USES
    assert not dataclasses.fields(vc.Nadir) + dataclasses.fields(vc.Outcome)
