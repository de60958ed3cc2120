"""What a file says, in sentences computed from its data: of each kind what a reader asks first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from vcohort.cli.report.findings import estimates, populations, sensitivities, trials

FINDINGS: Mapping[str, Callable[[Any], Iterator[str]]] = MappingProxyType({
    "cohort": trials.of_a_cohort,
    "sweep": trials.of_a_sweep,
    "arms": trials.of_arms,
    "planned_trial": trials.of_a_planned_trial,
    "survival": trials.of_survival,
    "hazard_ratios": trials.of_hazard_ratios,
    "regimen": trials.of_a_regimen,
    "fit": estimates.of_a_fit,
    "population_fit": populations.of_a_population,
    "diagnostics": populations.of_diagnostics,
    "profile": estimates.of_a_profile,
    "comparison": estimates.of_a_comparison,
    "posterior": estimates.of_a_posterior,
    "calibration": estimates.of_a_calibration,
    "entropy_weights": estimates.of_weights,
    "selection": estimates.of_a_selection,
    "local_sensitivity": sensitivities.of_slopes,
    "identifiability": sensitivities.of_identifiability,
    "sobol": sensitivities.of_sobol,
    "morris": sensitivities.of_morris,
    "sensitivity_map": sensitivities.of_a_map,
})  # fmt: skip
"""By kind, a function of its dataset that yields sentences."""
