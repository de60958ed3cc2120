"""Datasets of another kind than a reader needs: one clear error, of every reader."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import vcohort as vc
from vcohort.results.kinds import ANY, KINDS

# The kinds that each reads.
PICTURES = {
    "calibration": {"calibration"},
    "convergence": {"population_fit"},
    "car_t_kinetics": {"cohort", "fit", "local_sensitivity"},
    "cumulative_incidence": {"cohort"},
    "cure_map": {"sweep"},
    "dose_response": {"sweep"},
    "event_times": {"cohort"},
    "exposure_response": {"cohort"},
    "patient_card": {"cohort"},
    "phase_portrait": {"cohort"},
    "spider": {"cohort"},
    "swimmer": {"cohort"},
    "tornado": {"local_sensitivity", "sobol"},
    "waterfall": {"cohort"},
    "fit_starts": {"fit"},
    "forest": {"arms"},
    "fitted_curves": {"fit", "comparison", "population_fit"},
    "goodness_of_fit": {"diagnostics"},
    "predictive_check": {"diagnostics"},
    "survival_check": {"diagnostics"},
    "random_effects": {"population_fit"},
    "global_sensitivity": {"sobol", "morris"},
    "heatmap": {"sweep"},
    "lines": {"sweep"},
    "model_weights": {"comparison"},
    "posterior": {"posterior"},
    "profiles": {"profile"},
    "progression_free_survival": {"cohort", "survival"},
    "regimen_map": {"regimen"},
    "sensitivity_correlation": {"identifiability"},
    "sensitivity_map": {"sensitivity_map"},
    "sensitivity_ranking": {"local_sensitivity", "identifiability"},
    "targets": {"calibration"},
    "tumour_responses": {"cohort"},
    "trajectories": {"cohort"},
}

READERS = {
    **{name: (getattr(vc.plots, name), kinds) for name, kinds in PICTURES.items()},
    "identifiability": (vc.identifiability, {"local_sensitivity"}),
    "calibrated": (lambda ds: vc.calibrated(vc.Population(), ds), {"calibration"}),
    "diagnostics": (lambda ds: vc.diagnostics(ds, {}), {"population_fit"}),
    "fitted_population": (vc.fitted_population, {"population_fit"}),
    "fit_population": (lambda ds: vc.fit_population(ds, ["r_B"]), set()),
    "compare": (lambda ds: vc.compare({"one": ds, "two": ds}), {"cohort"}),
    "summarise": (vc.summarise, {"cohort"}),
    "incidence": (lambda ds: vc.cumulative_incidence(ds, [9.0]), {"cohort"}),
    "survival": (lambda ds: vc.progression_free_survival(ds, [9.0]), {"cohort"}),
    "visits": (vc.seen_at_visits, {"cohort"}),
    "virtual trials": (lambda ds: vc.virtual_trials(ds, [9.0], 1), {"cohort"}),
    "median survival": (vc.median_survival, {"cohort"}),
    "mean survival": (lambda ds: vc.restricted_mean_survival(ds, 9.0), {"cohort"}),
    "log-rank test": (lambda ds: vc.log_rank(ds, ds), {"cohort"}),
    "calibrate": (lambda ds: vc.calibrate(vc.Population(), ds, ["r_B"]), set()),
    "fit": (lambda ds: vc.fit(ds, ["r_B"]), set()),
    "simulate": (vc.simulate, set()),
    "sweep": (lambda ds: vc.sweep(ds, {"K_C": [7e10]}, 4), set()),
    "entropy_weights": (lambda ds: vc.entropy_weights(ds, [1.0]), set()),
}


@cache
def of_kind(kind):
    """Return a dataset, or a tree, of the form of a kind."""
    if kind == "cohort":
        cohort = vc.Population().sample(3)
        return vc.simulate(cohort, "exact", 30.0, endpoints=[vc.Outcome()], progress=False)
    needed = KINDS[kind]
    variables = {
        name: (over, np.ones([2] * len(over)))
        for name, dims in needed.variables.items()
        for over in [tuple("axis" if each == ANY else each for each in dims)]
    }
    ds = xr.Dataset(variables, attrs=dict.fromkeys(needed.attrs, "1") | {"kind": kind})
    return ds if needed.group == "/" else xr.DataTree.from_dict({needed.group: ds})


def test_all_pictures_are_tried():
    assert PICTURES.keys() == {name for name, each in vars(vc.plots).items() if callable(each)}


@pytest.mark.parametrize("name", READERS)
def test_another_kind_is_refused(name):
    read, own = READERS[name]
    for kind in {"cohort", *KINDS} - own:
        with pytest.raises(vc.VcohortError):
            read(of_kind(kind))
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", READERS)
def test_what_holds_nothing_is_refused(name):
    read, _ = READERS[name]
    for given in (
        xr.Dataset(),
        xr.DataTree(),
        xr.DataArray([[1.0]], dims=("q", "z")),
        None,
        0,
        "fit.nc",
    ):
        with pytest.raises(vc.VcohortError):
            read(given)
    assert not plt.get_fignums()


def test_names_that_a_dataset_does_not_have_are_refused():
    with pytest.raises(vc.VcohortError, match="Did you mean 'cure'"):
        vc.plots.global_sensitivity(
            of_kind("morris").assign_coords(output=["cure", "C_max"]), "cured"
        )
    ds = of_kind("sensitivity_map").assign_coords(parameter=["K_C", "r_B"])
    ds = ds.assign(
        cure_probability=(("K_C", "r_B"), np.eye(2), {}),
        sensitivity=(("K_C", "r_B", "parameter"), np.ones((2, 2, 2))),
    ).assign_coords(K_C=("K_C", [1.0, 2.0], {"units": "cells"}))
    ds = ds.assign_coords(r_B=("r_B", [1.0, 2.0], {"units": "/day"}))
    with pytest.raises(vc.VcohortError, match="Unknown parameter 'K_N'"):
        vc.plots.sensitivity_map(ds, ["K_N"])
