"""The fit problem as arrays: what is asked of which patients, and how far an answer is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.likelihood import as_squares
from vcohort.analysis.estimation.losses import Loss, Measured
from vcohort.analysis.estimation.scattered import scattered_squares
from vcohort.engine.closed_forms.path import Path, path
from vcohort.engine.integrator.grid import Grid
from vcohort.engine.integrator.jumps import Schedule
from vcohort.errors import VcohortError
from vcohort.measurements.observables import Observable
from vcohort.measurements.observations import Observations
from vcohort.models import Model
from vcohort.populations.cohort import Cohort
from vcohort.simulation.run import Run


@dataclass(frozen=True)
class FitSpec:
    """What is fitted, the same for all patients. Compiled code is cached by it.

    ``errors_known``: whether residuals have the standard deviation 1, and not one of their own;
    ``limited``: whether some values are only upper limits.
    """

    model: Model
    observables: tuple[Observable, ...]
    names: tuple[str, ...]
    loss: Loss
    errors_known: bool
    limited: bool


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
    """A spec, and the patients (leading axis) that it is asked of.

    ``limits`` (parameter, 2): the bounds as they were given; ``days`` (patient, day): what the
    patients' grids hold; ``steps``: of these, which have room for more.
    """

    spec: FitSpec
    subjects: Subject
    bounds: Bounds
    limits: np.ndarray
    cohort: Cohort
    data: Observations
    days: np.ndarray
    run: Run
    steps: int
    error: float

    def values_at(self, logs: np.ndarray) -> np.ndarray:
        """Return parameters (…, parameter) from their logs: rounding leads past no bound."""
        return np.clip(np.exp(logs), *self.limits.T)


def logs_inside(bounds: Bounds, position: Array) -> Array:
    """Return the logs (parameter,) at an unbounded position: a sigmoid between the bounds."""
    return bounds.low + (bounds.high - bounds.low) * jax.nn.sigmoid(position)


def observed_and_limits(measured: Measured) -> tuple[Array, Array]:
    """Return which rows were observed, and which are upper limits; both, of those that count."""
    return measured.present & ~measured.below, measured.present & measured.below


def predict(spec: FitSpec, subject: Subject, logs: Array) -> Array:
    """Return what the model says that each row measures, (row,), in its unit."""
    return measured_on(spec, subject, course_of(spec, subject, logs))


def course_of(spec: FitSpec, subject: Subject, logs: Array) -> Path:
    """Return the deterministic path of one patient, (point, 1)."""
    values = {name: value[None] for name, value in _values(spec, subject, logs).items()}
    schedule = jax.tree.map(lambda part: part[None], subject.schedule)
    return path(spec.model, values, schedule, subject.grid)


def measured_on(spec: FitSpec, subject: Subject, course: Path) -> Array:
    """Return what each row measures, (row,), on a path."""
    cells = jax.tree.map(lambda of_species: of_species[subject.point, 0], course.cells)
    counted = jnp.stack([kind.log_measured(cells) for kind in spec.observables])
    return jnp.exp(jnp.take_along_axis(counted, subject.kind[None], axis=0)[0])


def residuals_of(spec: FitSpec, subject: Subject, logs: Array, found: Array) -> Array:
    """Return the weighted residuals of predictions (row,), 0 for rows that do not count.

    Those of upper limits have the sign of prediction less limit, whatever that of the loss.
    """
    measured = subject.measured
    raw = spec.loss.residuals(found, measured, _values(spec, subject, logs))
    if jnp.shape(raw) != found.shape:
        raise VcohortError(
            f"The loss {spec.loss.name!r} returns the shape {jnp.shape(raw)}: it must return "
            f"one residual for each prediction, {found.shape}."
        )
    is_turned = measured.below & ((raw >= 0) != (found >= measured.value))
    weighted = jnp.sqrt(measured.weight) * jnp.where(is_turned, -raw, raw)
    return jnp.where(measured.present, weighted, 0.0)


def penalty_of(spec: FitSpec, logs: Array) -> Array:
    """Return the residuals of the loss's penalty on the free parameters."""
    free = dict(zip(spec.names, jnp.exp(logs), strict=True))
    return spec.loss.penalty(free).astype(logs.dtype)


def data_residuals(spec: FitSpec, subject: Subject, logs: Array) -> Array:
    """Return the weighted residuals of the data (row,); of limits, of the limits themselves."""
    return residuals_of(spec, subject, logs, predict(spec, subject, logs))


def all_residuals(spec: FitSpec, subject: Subject, logs: Array) -> Array:
    """Return residuals whose squares sum to the loss: the rows', then the penalty's."""
    found = predict(spec, subject, logs)
    own = residuals_of(spec, subject, logs, found)
    return squares_of(spec, subject, own, found, penalty_of(spec, logs))


def squares_of(spec: FitSpec, subject: Subject, own: Array, found: Array, penalty: Array) -> Array:
    """Return residuals whose squares sum to the loss of the rows' ``own`` and the ``penalty``.

    ``found``: the predictions (row,).
    """
    rows = observed_and_limits(subject.measured)
    if not spec.loss.scatter.is_plain:
        told = scattered_squares(spec.loss.scatter, own, found, *rows)
        return jnp.concatenate([told, penalty])
    if not spec.limited:
        return jnp.concatenate([own, penalty])
    return as_squares(own, penalty, *rows, known=spec.errors_known)


def _values(spec: FitSpec, subject: Subject, logs: Array) -> dict[str, Array]:
    return {**subject.values, **dict(zip(spec.names, jnp.exp(logs), strict=True))}
