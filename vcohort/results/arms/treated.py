"""Treatments of one cohort as arms: each is run, and its probability of cure computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, refuse_other
from vcohort.populations.cohort import Cohort, check_cohort
from vcohort.regimens.regimen import Regimen
from vcohort.results.arms.measures import EXACT
from vcohort.simulation.probability import cure_probability
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

_ABOUT = {"units": "1", "long_name": "probability that no tumour cell is left at the horizon"}


def treated(arms: Mapping[str, Any], cohort: Any, run: Run | None) -> list[dict[str, xr.Dataset]]:
    """Return a dataset of each arm, for each of the cohorts.

    :raises VcohortError: for arms of which only some are treatments, and without a cohort.
    """
    for name, each in arms.items():
        refuse_other(f"arm {name!r}", each, Regimen, "vc.Regimen(vc.Infusion(day=60)), as the rest")
    if cohort is None:
        raise VcohortError(
            "The arms are treatments: whose? Give cohort=population.sample(10_000, seed=1)."
        )
    cohorts: list[Any] = list(cohort) if isinstance(cohort, list | tuple) else [cohort]
    if not cohorts:
        raise VcohortError("cohort is an empty list: give at least one cohort.")
    for each in cohorts:
        check_cohort(each)
    settings = Run() if run is None else run
    refuse_other("run", settings, Run, "vc.Run(method='exact')")
    if settings.regimen != Regimen():
        raise VcohortError("The run has a regimen of its own: leave it out, the arms have theirs.")
    return [
        {name: _arm(each, replace(settings, regimen=regimen)) for name, regimen in arms.items()}
        for each in cohorts
    ]


def _arm(cohort: Cohort, run: Run) -> xr.Dataset:
    ds = simulate(cohort, run=run, progress=False)
    if not cohort.model.tumour_is_linear:
        # Where rates depend on the tumour there is no closed form.
        return ds
    exact = cure_probability(
        cohort, run.horizon, regimen=run.regimen, tolerance=run.tolerance, dtype=run.dtype
    )
    return ds.assign({EXACT: ("patient", np.asarray(exact, np.float64), _ABOUT)})
