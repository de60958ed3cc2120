"""Which pictures there are of each kind of dataset; the first is the one to look at first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PICTURES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "cohort": ("progression_free_survival", "cumulative_incidence", "event_times",
               "car_t_kinetics", "trajectories", "tumour_responses", "waterfall", "spider",
               "swimmer", "exposure_response", "phase_portrait", "patient_card"),
    "sweep": ("heatmap", "lines", "cure_map", "dose_response"),
    "fit": ("fitted_curves", "fit_starts", "car_t_kinetics"),
    "population_fit": ("fitted_curves", "random_effects", "convergence"),
    "diagnostics": ("goodness_of_fit", "predictive_check", "survival_check"),
    "profile": ("profiles",),
    "comparison": ("model_weights", "fitted_curves"),
    "posterior": ("posterior",),
    "local_sensitivity": ("sensitivity_ranking", "tornado", "car_t_kinetics"),
    "identifiability": ("sensitivity_correlation", "sensitivity_ranking"),
    "sobol": ("global_sensitivity", "tornado"),
    "morris": ("global_sensitivity",),
    "sensitivity_map": ("sensitivity_map",),
    "calibration": ("calibration", "targets"),
    "regimen": ("regimen_map",),
    "arms": ("forest",),
    "survival": ("progression_free_survival",),
})  # fmt: skip
"""By kind, the names of functions of :mod:`vcohort.plots` that take such a dataset alone."""

OF_ONE_PATIENT = ("phase_portrait", "patient_card")
"""Of these, those that show but the first patient, and compute for it what no file holds."""

OF_ONE_OBSERVABLE = ("goodness_of_fit", "predictive_check")
"""Of these, those that show one observable, ``kind``, of several."""
