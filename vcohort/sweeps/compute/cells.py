"""The patients of a cell. By default all cells hold the same ones: common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np

from vcohort.engine.execution.pilot import PATIENTS, representatives
from vcohort.engine.inputs import GridSpec, PatientTable
from vcohort.populations.cohort import Cohort
from vcohort.populations.designs import uniforms
from vcohort.populations.distributions import Floats
from vcohort.populations.population import Population
from vcohort.simulation.preparation import grid_spec, make_patient_table
from vcohort.simulation.run import Run
from vcohort.sweeps.design.plan import SPAN, Plan

# Patients of a cell on whom its time grid is tried, at least.
_PILOT = 32


class Span(NamedTuple):
    """Some of the patients of one cell: the first of them, and how many."""

    cell: int
    first: int
    patients: int


class Drawn(NamedTuple):
    """Patients ready for the engine, their run, and how time is cut for them (no steps yet)."""

    table: PatientTable
    run: Run
    time: GridSpec


def spans(plan: Plan, cell: int) -> list[Span]:
    """Return the spans of a cell."""
    return [
        Span(cell, first, min(SPAN, plan.patients - first))
        for first in range(0, plan.patients, SPAN)
    ]


@lru_cache(maxsize=1 << 13)
def made(plan: Plan, cell: int) -> tuple[Population, Run]:
    """Return the population and the run of a cell, made once."""
    return plan.cell(cell)


def draw(plan: Plan, span: Span) -> Drawn:
    """Draw the patients of a span."""
    number, points = _points(plan, span)
    shared = not plan.independent and span.patients == plan.patients
    like = (plan.population, _values(plan, span.patients)) if shared else None
    population, run = made(plan, span.cell)
    values = population.quantiles(points, like)
    for name, drawn in values.items():
        population.model.param(name).check(drawn)
    return _drawn(plan, run, population, values, number)


def pilot_size(plan: Plan) -> int:
    """Return on how many patients a cell's grid is tried: two for the extremes of each number."""
    return min(max(_PILOT, 2 * len(plan.population.distributions)), PATIENTS)


def draw_pilot(plan: Plan, cell: int) -> Drawn:
    """Draw the patients of a cell on whom its grid is tried: with the extremes of each number.

    A distribution's values rise with the uniform numbers behind them, so those tell.
    """
    number, points = _points(plan, spans(plan, cell)[0])
    chosen = _chosen(plan, cell if plan.independent else 0)
    population, run = made(plan, cell)
    run = replace(run, regimen=run.regimen.select(chosen))
    return _drawn(plan, run, population, population.quantiles(points[chosen]), number[chosen])


def _drawn(
    plan: Plan,
    run: Run,
    population: Population,
    values: dict[str, Floats],
    number: np.ndarray,
) -> Drawn:
    cohort = Cohort(values, number, population.model, (("preset", population.preset),))
    return Drawn(make_patient_table(cohort, run), run, grid_spec(run, plan.required_days))


def _points(plan: Plan, span: Span) -> tuple[np.ndarray, Floats]:
    """Return the patients' numbers, and their uniform numbers (patient, parameter)."""
    first = span.first + (span.cell * plan.patients if plan.independent else 0)
    columns = len(plan.population.distributions)
    points = _uniforms(plan.design, plan.run.seed, first, span.patients, columns, plan.patients)
    return np.arange(first, first + span.patients), points


@lru_cache(maxsize=2)
def _uniforms(design: str, seed: int, first: int, count: int, columns: int, total: int) -> Floats:
    return uniforms(design, seed, first=first, count=count, columns=columns, total=total)


@lru_cache(maxsize=1)
def _chosen(plan: Plan, cell: int) -> np.ndarray:
    """Return which patients of a cell try its grid."""
    points = _points(plan, spans(plan, cell)[0])[1]
    return representatives(list(points.T), pilot_size(plan))


@lru_cache(maxsize=1)
def _values(plan: Plan, count: int) -> dict[str, Floats]:
    """Return the values of the plan's own population: most cells share most of them."""
    return plan.population.quantiles(_points(plan, Span(0, 0, count))[1])


def join(drawn: Sequence[Drawn]) -> PatientTable:
    """Return the patients of several cells as one table."""
    if len(drawn) == 1:
        return drawn[0].table
    tables = [each.table for each in drawn]
    return jax.tree.map(lambda *parts: np.concatenate(parts), *tables)
