"""The fit problem as arrays: what is asked, of which patients, within which bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.losses import Loss, Measured
from vcohort.cohort import Cohort, check_values
from vcohort.designs import uniforms
from vcohort.engine.grid import Grid, grid_points
from vcohort.engine.inputs import TimePlan
from vcohort.engine.path import path
from vcohort.engine.treatment import Schedule
from vcohort.errors import VcohortError
from vcohort.models import Cells, Model
from vcohort.observables import OBSERVABLES, Observable
from vcohort.observations import Observations
from vcohort.preparation import choose_grid, make_roster
from vcohort.regimen import Regimen
from vcohort.settings import RunSettings

_STATES = {"N": 0, "A": 0, "C": 1, "B": 2}


@dataclass(frozen=True)
class Question:
    """What is fitted, the same for all patients. Compiled code is cached by it."""

    model: Model
    observables: tuple[Observable, ...]
    names: tuple[str, ...]
    loss: Loss


class Subject(NamedTuple):
    """One patient: values and treatments, grid, grid point and kind of each row, measurements.

    With a leading axis: many.
    """

    values: dict[str, Array]
    schedule: Schedule | None
    grid: Grid
    point: Array
    kind: Array
    measured: Measured


class Bounds(NamedTuple):
    """Natural logs of the bounds of the free parameters, (parameter,)."""

    low: Array
    high: Array


class Problem(NamedTuple):
    """A question, and the patients (leading axis) that it is asked of."""

    question: Question
    subjects: Subject
    bounds: Bounds
    cohort: Cohort
    data: Observations
    run: RunSettings
    error: float


def logs_inside(bounds: Bounds, position: Array) -> Array:
    """Return the logs (parameter,) at an unbounded position: a sigmoid between the bounds."""
    return bounds.low + (bounds.high - bounds.low) * jax.nn.sigmoid(position)


def predict(question: Question, subject: Subject, logs: Array) -> Array:
    """Return what the model says that each row measures, (row,), in its unit."""
    values = {name: value[None] for name, value in _values(question, subject, logs).items()}
    schedule = jax.tree.map(lambda part: part[None], subject.schedule)
    points = path(question.model, values, schedule, subject.grid).logs[:, :, 0]
    cells = Cells(*points[:, subject.point])
    counted = jnp.stack([kind.log(cells) - jnp.log(kind.cells) for kind in question.observables])
    return jnp.exp(jnp.take_along_axis(counted, subject.kind[None], axis=0)[0])


def residuals_of(question: Question, subject: Subject, logs: Array, found: Array) -> Array:
    """Return the weighted residuals of predictions (row,), 0 for rows that only fill up."""
    measured = subject.measured
    raw = question.loss.residuals(found, measured, _values(question, subject, logs))
    if jnp.shape(raw) != found.shape:
        raise VcohortError(
            f"The loss {question.loss.name!r} returns the shape {jnp.shape(raw)}: it must return "
            f"one residual for each prediction, {found.shape}."
        )
    # A value that is only an upper limit says nothing about predictions below it.
    raw = jnp.where(measured.below & (found <= measured.value), 0.0, raw)
    return jnp.where(measured.present, jnp.sqrt(measured.weight) * raw, 0.0)


def data_residuals(question: Question, subject: Subject, logs: Array) -> Array:
    """Return the weighted residuals of the data (row,)."""
    return residuals_of(question, subject, logs, predict(question, subject, logs))


def all_residuals(question: Question, subject: Subject, logs: Array) -> Array:
    """Return the residuals of the data, and of the loss's penalty on the free parameters."""
    free = dict(zip(question.names, jnp.exp(logs), strict=True))
    penalty = question.loss.penalty(free)
    return jnp.concatenate([data_residuals(question, subject, logs), penalty.astype(logs.dtype)])


def _values(question: Question, subject: Subject, logs: Array) -> dict[str, Array]:
    return {**subject.values, **dict(zip(question.names, jnp.exp(logs), strict=True))}


def make_problem(
    data: Observations,
    free: Sequence[str],
    cohort: Cohort,
    loss: Loss,
    bounds: Mapping[str, tuple[float, float]],
    regimen: Regimen | None,
    tolerance: float,
) -> Problem:
    """Return the checked problem; raises :class:`VcohortError` for one that cannot be solved."""
    cohort = _one_each(cohort, data)
    names = _free_names(free, cohort.model)
    _check_rows(data, names, loss)
    limits = _limits(names, cohort.model, bounds)
    run = _run(data, regimen, tolerance)
    _check_regimen(run, names, len(cohort))
    check_values(cohort)
    resolution = choose_grid(cohort, make_roster(cohort, run), run, run.knots)
    with jax.enable_x64(True):
        sides = Bounds(*(jnp.asarray(side) for side in limits.T))
    question = Question(cohort.model, data.kinds, names, loss)
    subjects = _subjects(cohort, run, resolution.plan, data)
    return Problem(question, subjects, sides, cohort, data, run, resolution.error)


def refined(problem: Problem, logs: np.ndarray) -> Problem:
    """Return the problem on a grid that is fine enough for a solution (patient, parameter)."""
    values = dict(zip(problem.question.names, np.exp(logs).T, strict=True))
    cohort, run = problem.cohort.replace(**values), problem.run
    resolution = choose_grid(cohort, make_roster(cohort, run), run, run.knots)
    problem = problem._replace(error=resolution.error)
    if resolution.plan.steps <= problem.subjects.grid.days.shape[1]:
        return problem
    subjects = _subjects(problem.cohort, run, resolution.plan, problem.data)
    return problem._replace(subjects=subjects)


def start_logs(limits: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return logs (start, parameter), a Latin hypercube between the limits (parameter, 2)."""
    points = uniforms(
        "latin-hypercube", seed, first=0, count=count, columns=len(limits), total=count
    )
    low, high = limits.T
    return low + (high - low) * points


def _one_each(cohort: Cohort, data: Observations) -> Cohort:
    """Return the cohort with one patient for each of the data."""
    if len(cohort) == len(data.patients):
        return cohort
    if len(cohort) != 1:
        raise VcohortError(
            f"The data are of {len(data.patients)} patients, the cohort of {len(cohort)}: give a "
            "cohort of as many, in the order of the data, or of one that stands for all."
        )
    values = {name: np.repeat(np.asarray(value), len(data.patients)) for name, value in
              cohort.values.items()}  # fmt: skip
    return Cohort(values, np.arange(len(data.patients)), cohort.model, cohort.origin)


def _free_names(free: Sequence[str], model: Model) -> tuple[str, ...]:
    if isinstance(free, str) or not len(free):
        raise VcohortError(f"free = {free!r} is no list of parameters. Try ['K_C', 'rho_C'].")
    names = tuple(model.param(name).name for name in free)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise VcohortError(f"{twice[0]} is twice among the free parameters.")
    return names


def _check_rows(data: Observations, names: tuple[str, ...], loss: Loss) -> None:
    """Refuse fewer data than parameters, and values that the loss cannot take."""
    for index, label in enumerate(data.patients):
        rows = int((data.patient == index).sum())
        if rows < len(names):
            raise VcohortError(
                f"Patient {label!r} has {rows} data for {len(names)} free parameters: the fit has "
                "no single answer. Free fewer parameters, or give more data."
            )
    if loss.needs_logs and (data.value <= 0).any():
        raise VcohortError(
            f"loss {loss.name!r} needs values above 0. Where nothing was found, give the limit of "
            "detection as the value, and 1 in the column 'below'."
        )


def _limits(
    names: tuple[str, ...], model: Model, bounds: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """Return the logs of the bounds (parameter, 2): the usual range where none are given."""
    for name in bounds:
        if name not in names:
            raise VcohortError(f"There are bounds for {name}, which is not free. Free: {names}.")
    limits: list[tuple[float, float]] = []
    for name in names:
        param = model.param(name)
        low, high = (float(side) for side in bounds.get(name, param.usual))
        if not 0.0 < low < high:
            raise VcohortError(
                f"The bounds of {name}, {low:g} and {high:g}, must be two numbers above 0, the "
                "smaller one first."
            )
        param.check([low, high])
        limits.append((low, high))
    return np.log(np.array(limits))


def _run(data: Observations, regimen: Regimen | None, tolerance: float) -> RunSettings:
    days = np.unique(data.day)
    return RunSettings(
        "deterministic", max(float(days[-1]), 1.0), save_at=tuple(days), tolerance=tolerance,
        dtype="float64", regimen=Regimen() if regimen is None else regimen,
    )  # fmt: skip


def _check_regimen(run: RunSettings, names: tuple[str, ...], patients: int) -> None:
    """Refuse a regimen that ends after the data, and a free initial number that it also sets."""
    run.regimen.check(patients, run.horizon)
    clash = [name for name in ("N0", "C0") if name in names]
    if run.regimen.treatments and clash:
        raise VcohortError(
            f"{clash[0]} cannot be free together with a regimen, whose treatments depend on it."
        )


def _subjects(cohort: Cohort, run: RunSettings, plan: TimePlan, data: Observations) -> Subject:
    """Return the patients on their grids, with their rows."""
    roster = make_roster(cohort, run)
    with jax.enable_x64(True):
        patients = roster.take(np.arange(len(cohort)), np.dtype(np.float64))
        grid = _own_grids(plan.grid(patients), len(cohort))
        kind, day, measured = _rows(data)
        point = jax.vmap(lambda one, at: grid_points(one, at)[:, 0])(grid, jnp.asarray(day))
        return Subject(patients.values, patients.schedule, grid, point, jnp.asarray(kind), measured)


def _own_grids(grid: Grid, patients: int) -> Grid:
    """Return the grid with the patient first, (patient, step)."""
    return Grid(
        *(
            part.T if part.ndim == 2 else jnp.broadcast_to(part, (patients, part.size))
            for part in grid
        )
    )


def _rows(data: Observations) -> tuple[np.ndarray, np.ndarray, Measured]:
    """Return kind and day of each patient's rows, and the rows, filled up to the most of one."""
    patients = len(data.patients)
    own = [np.flatnonzero(data.patient == index) for index in range(patients)]
    most = max(rows.size for rows in own)
    filled = np.stack([np.resize(rows, most) for rows in own])
    present = np.stack([np.arange(most) < rows.size for rows in own])
    kinds = [kind.name for kind in data.kinds]
    kind = np.array([kinds.index(name) for name in data.observable])[filled]
    value = data.value[filled]

    def peak(row_kind: np.ndarray, row_value: np.ndarray) -> list[Any]:
        return [row_value[row_kind == each].max() for each in row_kind]

    columns = (
        value,
        data.weight[filled],
        np.where(np.isnan(data.error), 1.0, data.error)[filled],
        data.below[filled],
        present,
        np.array([peak(*pair) for pair in zip(kind, value, strict=True)]),
        np.array([OBSERVABLES[name].cells for name in data.observable])[filled],
        np.array([_STATES[name[0]] for name in data.observable])[filled],
    )
    measured = Measured(*(jnp.asarray(column) for column in columns))
    return kind, data.day[filled], measured
