"""Arguments of another type than asked for: one clear error, in every function, before any work."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import vcohort as vc
from tests.conftest import FEW
from vcohort import plots

POPULATION = vc.Population("kimmel2021-figures", 0.05)
COHORT = POPULATION.sample(4, seed=1)
DATA = {"day": [0, 3, 7], "observable": ["C_per_ul"] * 3, "value": [1.0, 5.0, 20.0]}
TRIAL = {"day": [0, 50, 100], "pfs": [1.0, 0.7, 0.5]}
MAP = {"K_C": [7e10], "gamma_B": [1.0]}


@cache
def outcomes():
    return vc.simulate(COHORT, horizon=20.0, save_at=[0, 9], progress=False)


@cache
def cells():
    axes = {"K_C": [7e10, 8e10], "r_B": [0.05, 0.06]}
    return vc.sweep(POPULATION, axes, 2, horizon=20.0, days=(9.0,), tolerance=1e-2, progress=False)


STRANGE = (None, "", "nought", b"K_C", True, 0, 1.5, [], {}, [["K_C"]], {"K_C"}, object(),
           np.array([]), np.array(1.0), pd.Series([1.0, 2.0]),
           xr.DataArray([1.0], dims="q"))  # fmt: skip


def others(*fine):
    """Return what is strange, but for values that are fine in a place."""
    return [each for each in STRANGE if not any(each is one for one in fine)]


def law(kind):
    return lambda given: vc.car_t(**{kind: given})


NAMES = {
    "preset": vc.Population,
    "preset of values": vc.Cohort.from_values,
    "design": lambda given: POPULATION.sample(4, design=given),
    "layout": lambda given: vc.sweep(POPULATION, {"K_C": [7e10]}, 4, layout=given),
    "design of a sweep": lambda given: vc.sweep(POPULATION, {"K_C": [7e10]}, 4, design=given),
    "loss": lambda given: vc.fit(DATA, ["rho_C"], loss=given),
    "objective": lambda given: vc.optimize_regimen(COHORT, {"day": (5, 9)}, given),
    "criterion": lambda given: plots.model_weights(xr.Dataset(), given),
    "quartile": vc.data.fit_table,
    **{kind: law(kind) for kind in ("growth", "feedback", "killing", "proliferation")},
}

# What None leaves to the default.
SETTINGS = {
    "method": lambda given: vc.simulate(COHORT, given),
    "dtype": lambda given: vc.cure_probability(COHORT, dtype=given),
    "run": lambda given: vc.simulate(COHORT, run=given),
    "run of a fit": lambda given: vc.fit(DATA, ["rho_C"], run=given),
}

LISTS = {
    "free": lambda given: vc.fit(DATA, given),
    "free of a calibration": lambda given: vc.calibrate(POPULATION, TRIAL, given),
    "parameters": lambda given: vc.local_sensitivity(COHORT, [0, 9], given),
    "profiles": lambda given: vc.profile_likelihood(DATA, ["rho_C"], parameters=given),
    "outputs": lambda given: vc.local_sensitivity(COHORT, [0, 9], outputs=given),
    "measures": lambda given: vc.sobol_indices(POPULATION, given),
}  # fmt: skip

COHORTS = {
    "simulate": vc.simulate,
    "cure_probability": vc.cure_probability,
    "progression_free_probability": lambda given: vc.progression_free_probability(given, [9.0]),
    "local_sensitivity": lambda given: vc.local_sensitivity(given, [0, 9]),
    "optimize_regimen": lambda given: vc.optimize_regimen(given, {"day": (5, 9)}),
}

POPULATIONS = {
    "sweep": lambda given: vc.sweep(given, {"K_C": [7e10]}),
    "estimate_sweep": lambda given: vc.estimate_sweep(given, {"K_C": [7e10]}),
    "sobol_indices": vc.sobol_indices,
    "morris": vc.morris,
    "sensitivity_map": lambda given: vc.sensitivity_map(given, MAP),
    "calibrate": lambda given: vc.calibrate(given, TRIAL, ["r_B"]),
}

DATASETS = {
    "summarise": vc.summarise,
    "validate": vc.validate,
    "event_times": plots.event_times,
    "trajectories": plots.trajectories,
}

TRUTHS = {
    "independent": lambda given: vc.sweep(POPULATION, {"K_C": [7e10]}, independent=given),
    "keep_patients": lambda given: vc.sweep(POPULATION, {"K_C": [7e10]}, keep_patients=given),
    "second_order": lambda given: vc.sobol_indices(POPULATION, second_order=given),
    "weights": lambda given: vc.calibrate(POPULATION, TRIAL, ["r_B"], weights=given),
    "log": lambda given: vc.MultivariateNormal({"K_C": 7e10}, [[0.1]], log=given),
}

MAPPINGS = {
    "values": lambda given: vc.compare_models(DATA, values=given),
    "bounds of a comparison": lambda given: vc.compare_models(DATA, bounds=given),
    "bounds": lambda given: vc.fit(DATA, ["rho_C"], bounds=given),
    "priors": lambda given: vc.posterior(DATA, ["rho_C"], priors=given),
}

PICTURES = {
    "bins": lambda given: plots.event_times(outcomes(), bins=given),
    "trial": lambda given: plots.car_t_kinetics(outcomes(), trial=given),
    "x": lambda given: plots.heatmap(cells(), x=given),
    "panels": lambda given: plots.lines(cells(), panels=given),
    "at": lambda given: plots.lines(cells(), at=given),
}


def priced(given):
    return vc.estimate_sweep(POPULATION, {"K_C": [7e10]}, 4, price_per_hour=given)


PATHS = {"save": lambda given: vc.save(xr.Dataset(), given), "load": vc.load}


def cases(doors, *fine):
    return [pytest.param(door, fine, id=name) for name, door in doors.items()]


@pytest.mark.parametrize(
    ("door", "fine"),
    [
        *cases(NAMES), *cases(SETTINGS, None), *cases(COHORTS), *cases(POPULATIONS),
        *cases(DATASETS),
        *cases({name: door for name, door in LISTS.items() if name in {"free", "measures"}}),
        *cases({"free": LISTS["free of a calibration"]}),
        *cases({name: LISTS[name] for name in ("parameters", "profiles")}, None),
        *cases({"outputs": LISTS["outputs"]}, STRANGE[7], STRANGE[12]),
        *cases(TRUTHS, True), *cases(PATHS, "", "nought"),
        *cases({"model": lambda given: vc.Population(model=given)}, None),
        *cases({"model of values": lambda given: vc.Cohort.from_values(model=given)}, None),
        *cases({"endpoints": lambda given: vc.simulate(COHORT, endpoints=given)}, None,
               STRANGE[7], STRANGE[12]),
        *cases(MAPPINGS, None, STRANGE[8]),
        *cases({"fixed": lambda given: vc.compare_models(DATA, fixed=given)}, STRANGE[7],
               STRANGE[12]),
        *cases({"cohort": lambda given: vc.compare_models(DATA, cohort=given)}, None),
        *cases({"preset of models": lambda given: vc.compare_models(DATA, preset=given)}, None),
        *cases({name: PICTURES[name] for name in ("trial", "x", "panels")}, None),
        *cases({"at": PICTURES["at"]}, None, STRANGE[8]), *cases({"bins": PICTURES["bins"]}),
        *cases({"price": priced}, None, *STRANGE[5:7], STRANGE[13]),
        *cases({"axes": lambda given: vc.sweep(POPULATION, given)}),
        *cases({"axes of a map": lambda given: vc.sensitivity_map(POPULATION, given)}),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused(door, fine):
    for given in others(*fine):
        with pytest.raises(vc.VcohortError):
            door(given)


@pytest.mark.parametrize("twice", [["r_B", "r_B"], ("r_B", "K_C", "r_B"), np.array(["r_B"] * 2)])
def test_a_free_parameter_is_named_once(twice):
    for door in LISTS.values():
        if door not in (LISTS["outputs"], LISTS["measures"], LISTS["profiles"]):
            with pytest.raises(vc.VcohortError, match=r"r_B.* (twice|once)"):
                door(twice)


def test_an_output_is_named_once():
    for door in (LISTS["outputs"], LISTS["measures"]):
        with pytest.raises(vc.VcohortError, match="cure is twice"):
            door(["cure", "cure"])


def test_a_law_goes_where_its_kind_belongs():
    for kind in ("growth", "feedback", "killing", "proliferation"):
        for other in {"growth", "feedback", "killing", "proliferation"} - {kind}:
            with pytest.raises(vc.VcohortError, match=f"where a {kind.capitalize()} is needed"):
                law(kind)(next(iter(vc.laws(other).values())))


@pytest.mark.parametrize(
    "wrong",
    [{"lower": np.nan}, {"default": np.nan}, {"upper": 0.5}, {"usual": (2.0, 1.0)}, {"usual": 1.0},
     {"usual": "12"}, {"usual": (1.0, 2.0, 3.0)}, {"closed": "no"}],
)  # fmt: skip
def test_parameters_of_ones_own_have_bounds_that_hold(wrong):
    fine = {"default": 1.0, "usual": (0.5, 2.0), "lower": 0.0, "upper": 5.0}
    texts = ("q", "q", "1", "a rate", "nobody")
    with pytest.raises(vc.VcohortError):
        name, symbol, unit, description, source = texts
        vc.Param(name, symbol, unit, description=description, source=source, **(fine | wrong))


@pytest.mark.parametrize("record", ["{}", {}, "3", '"text"', None, set()])
def test_what_is_no_record_is_refused(record):
    for kind in (vc.Regimen, vc.Population):
        with pytest.raises(vc.VcohortError, match="no record"):
            kind.from_record(record)


WEEKS = xr.DataArray([0.0, 2.0, 4.0], dims="day", attrs={"units": "week"})
SPANS = pd.to_timedelta([0, 14, 28], unit="D")
DAY_LISTS = {
    "save_at": lambda days: vc.simulate(COHORT, "deterministic", 40.0, save_at=days, endpoints=FEW,
                                        progress=False)["time"],
    "sweep": lambda days: vc.sweep(POPULATION, {"K_C": [7e10]}, 4, horizon=40.0, progress=False,
                                   tolerance=1e-2, days=days[1:])["day"],
    "local": lambda days: vc.local_sensitivity(COHORT, days)["time"],
}  # fmt: skip


@pytest.mark.parametrize("days_of", DAY_LISTS.values(), ids=DAY_LISTS)
@pytest.mark.parametrize("days", [WEEKS, SPANS], ids=["weeks", "spans"])
def test_days_carry_their_unit(days_of, days):
    np.testing.assert_array_equal(days_of(days)[-2:], [14.0, 28.0])


@pytest.mark.parametrize("days_of", DAY_LISTS.values(), ids=DAY_LISTS)
def test_texts_and_truth_values_are_no_days(days_of):
    for days in (["0", "14", "28"], [0.0, True, 28.0], pd.to_datetime(["2020-01-01"] * 3),
                 WEEKS.assign_attrs(units="hours")):  # fmt: skip
        with pytest.raises(vc.VcohortError):
            days_of(days)


def test_the_last_day_of_a_mean_is_a_number():
    for until in ("20", True, [20.0]):
        with pytest.raises(vc.VcohortError, match="until"):
            vc.sweep(POPULATION, {"K_C": [7e10]}, 4, horizon=40.0, until=until)


def carrying(unit, *values):
    return xr.DataArray(list(values), dims="patient", attrs={"units": unit, "long_name": "x"})


UNITS_OF_FIELDS = {
    "from_values": (lambda x: vc.Cohort.from_values(K_C=x), "cells", "cells/ul"),
    "replace": (lambda x: COHORT.select([0, 1]).replace(B0=x), "cells", "ml"),
    "by hand": (lambda x: vc.Cohort({"K_C": x}, np.arange(2), COHORT.model), "cells", "cells/ul"),
    "infusion": (lambda x: vc.Infusion(9.0, x), "cells", "1e6 cells"),
    "lymphodepletion": (lambda x: vc.Lymphodepletion(9.0, x / 1e11), "1", "%"),
    "t_cells": (vc.units.t_cells, "cells/µl", "cells"),
    "t_cells_per_ul": (vc.units.t_cells_per_ul, "cells", "cells/ul"),
    "tumour_cells": (vc.units.tumour_cells, "ml", "cells"),
    "tumour_ml": (vc.units.tumour_ml, "cells", "ml"),
}


@pytest.mark.parametrize("name", UNITS_OF_FIELDS)
def test_what_carries_another_unit_is_refused(name):
    make, right, wrong = UNITS_OF_FIELDS[name]
    with xr.set_options(keep_attrs=True):
        make(carrying(right, 7e10, 8e10))
        make(carrying("", 7e10, 8e10).drop_attrs())
        with pytest.raises(vc.VcohortError, match=r"The unit of .* is"):
            make(carrying(wrong, 7e10, 8e10))


@pytest.mark.parametrize("keep", [True, False])
def test_converted_numbers_carry_their_new_unit(keep):
    with xr.set_options(keep_attrs=keep):
        volume = vc.data.baseline_tumour_volumes()
        assert volume.attrs["units"] == "ml"
        cells = vc.units.tumour_cells(volume)
        assert cells.attrs["units"] == "cells" and cells.dims == volume.dims
        assert vc.units.tumour_ml(cells).attrs["units"] == "ml"
        np.testing.assert_array_equal(cells, volume.values * 1e9)


@pytest.mark.parametrize("treatment", [vc.Infusion, lambda day: vc.Lymphodepletion(day, 0.1)])
def test_days_of_treatments_carry_their_unit(treatment):
    for days in (carrying("weeks", 2.0, 4.0), pd.to_timedelta([14, 28], unit="D")):
        np.testing.assert_array_equal(treatment(days).day, [14.0, 28.0])
    with pytest.raises(vc.VcohortError, match=r"The unit of .*day is 'h'"):
        treatment(carrying("h", 2.0, 4.0))
