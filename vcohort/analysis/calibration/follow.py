"""The deterministic course of a cohort, as far as targets read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
from jax import Array

from vcohort.analysis.calibration.targets import Course, Target
from vcohort.engine.closed_forms.path import steered_path
from vcohort.populations.cohort import Cohort
from vcohort.simulation.probability import traced_patients
from vcohort.simulation.run import Run


def follow(cohort: Cohort, targets: Sequence[Target], run: Run, noise: Array | float) -> Course:
    """Follow a cohort, as part of a traced function, to the last day that a target asks for."""
    days = sorted({day for each in targets for day in each.required_days})
    endpoints = tuple(dict.fromkeys(more for each in targets for more in each.t_cell_endpoints))
    patients, grid = traced_patients(cohort, replace(run, horizon=last_day(targets)), days)
    found = steered_path(cohort.model, patients.values, patients.schedule, grid, endpoints)
    kind, seen, begin = found.w.dtype, {}, 0
    for endpoint in endpoints:
        seen[endpoint] = found.seen[begin : (begin := begin + len(endpoint.variables))]
    level, blur = (jnp.asarray(each, kind) for each in (run.progression, noise))
    return Course(found, grid, ~found.lost, level, blur, seen)


def last_day(targets: Sequence[Target]) -> float:
    """Return the last day that the targets ask for."""
    asked = [day for each in targets for day in each.required_days]
    folded = [day for each in targets for more in each.endpoints for day in more.required_days]
    return max([*asked, *folded, 1.0])
