"""What a target is: numbers of a trial with their errors, and how patients show the same numbers.

They are read twice: off the deterministic course of each patient, where they can be differentiated
and have no chance in them; and off a simulated dataset, where each patient has one fate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from jax.scipy.special import ndtr

from vcohort.endpoints import Endpoint, TCellEndpoint
from vcohort.engine.closed_forms.path import Path
from vcohort.engine.closed_forms.progression import progression_free
from vcohort.engine.closed_forms.visits import (
    reached_at_visits,
    small_at_visits,
    small_before_visit,
)
from vcohort.engine.integrator.grid import Grid, grid_points
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.models import Cells, Model


class Course(NamedTuple):
    """The deterministic course of many patients, and what is asked of it.

    ``kept`` (patient,): who could be followed; means and quantiles are theirs. ``progression``:
    size of the tumour, relative to the first, that counts as such. ``noise``: standard deviation
    of a normal error of ln(tumour), which gives what happens on one day a slope. ``seen``: results
    of the endpoints that the targets ask for, by endpoint.
    """

    path: Path
    grid: Grid
    kept: Array
    progression: Array
    noise: Array
    seen: dict[TCellEndpoint, tuple[Array, ...]]

    @property
    def log_level(self) -> Array:
        """Log of the tumour (patient,) that counts as progression."""
        return self.path.log_tumour[0] + jnp.log(self.progression)

    def points(self, days: np.ndarray) -> Array:
        """Return the numbers of the grid's points (day, patient or 1) that hold days."""
        return grid_points(self.grid, jnp.asarray(days, self.path.w.dtype))

    def cells_on(self, day: float) -> Cells:
        """Return the cells (patient,) on a day that the targets required."""
        point = self.points(np.array([day]))
        take = partial(jnp.take_along_axis, indices=point, axis=0)
        return jax.tree.map(lambda part: take(part)[0], self.path.cells)

    def free(self, days: np.ndarray) -> Array:
        """Return P(no progression so far) (day, patient)."""
        return ndtr(progression_free(self.path, self.log_level, self.points(days), self.noise))

    def unseen(self, visits: np.ndarray) -> Array:
        """Return P(no progression seen at the visits so far) (visit, patient)."""
        return ndtr(small_at_visits(self.path, self.log_level, self.points(visits), self.noise))

    def not_begun(self, visits: np.ndarray, days: np.ndarray) -> Array:
        """Return P(no progression that the next visit will see) (day, patient)."""
        places = self.points(visits)
        z = small_before_visit(self.path, self.log_level, places, self.noise)
        return ndtr(jnp.take_along_axis(z, self.points(days), axis=0))

    def reached(self, log_limit: Array, visits: np.ndarray) -> Array:
        """Return P(below a limit at some visit, and no progression seen by then) (patient,)."""
        places = self.points(visits)
        z = reached_at_visits(self.path, self.log_level, log_limit, places, self.noise)
        return ndtr(z)

    def mean(self, values: Array) -> Array:
        """Return the mean of values (…, patient) over the patients that are kept."""
        return jnp.where(self.kept, finite_slopes(values), 0.0).sum(axis=-1) / self.kept.sum()


@jax.custom_jvp
def finite_slopes(values: Array) -> Array:
    """Return values as they are; where their slopes are no numbers, none is taken.

    Of some patients in a million a slope overflows where the value does not: it would be lost for
    all others, too.
    """
    return values


@finite_slopes.defjvp
def _where_finite(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (values,), (slopes,) = primals, tangents
    return finite_slopes(values), jnp.where(jnp.isfinite(slopes), slopes, 0.0)


class Target(ABC):
    """What a trial showed, as numbers, and how a virtual cohort shows them.

    To calibrate to another statistic write one with these properties and methods; see
    docs/extend.md. ``on_log``: whether residuals are those of natural logs.
    """

    on_log: bool = False

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """One label per number (k,), unlike those of other targets."""

    @property
    @abstractmethod
    def values(self) -> np.ndarray:
        """What the trial showed (k,)."""

    @property
    @abstractmethod
    def errors(self) -> np.ndarray:
        """Their standard errors (k,); with ``on_log`` those of the logs."""

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the time grid must hold."""
        return ()

    @property
    def t_cell_endpoints(self) -> tuple[TCellEndpoint, ...]:
        """What must be folded along the course of the T cells."""
        return ()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a simulation must read off for :meth:`of_dataset`, beside the outcome."""
        return self.t_cell_endpoints

    @property
    def save_at(self) -> tuple[float, ...]:
        """Days on which a simulation must keep the cells for :meth:`of_dataset`."""
        return ()

    @abstractmethod
    def of_course(self, course: Course) -> Array:
        """Return the numbers (k,) of patients on their deterministic course, differentiable."""

    @abstractmethod
    def of_dataset(self, ds: xr.Dataset, model: Model) -> np.ndarray:
        """Return the numbers (k,) of a simulated cohort of a model."""


def errors_of(who: str, error: Any, count: int) -> np.ndarray:
    """Return one standard error for each of ``count`` numbers.

    :raises VcohortError: for what is no number above 0.
    """
    error = number(f"{who}: error", error)
    if not (np.isfinite(error) and error > 0):
        raise VcohortError(f"{who}: error = {error:g} is impossible: it must be greater than 0.")
    return np.full(count, float(error))


def check_target(target: Target) -> None:
    """Refuse a target whose labels, values and errors are not alike, or no numbers."""
    labels, values, errors = target.labels, np.asarray(target.values), np.asarray(target.errors)
    check_numbers(target, values)
    check_numbers(target, errors)
    least = 0.0 if target.on_log else -np.inf
    told = np.isfinite([values, errors]).all() and (values > least).all() and (errors > 0).all()
    if not (labels and told):
        raise VcohortError(
            f"{type(target).__name__}: its values must be finite numbers, at least one, above 0 "
            "with on_log, each with a label and an error above 0."
        )


def check_numbers(target: Target, numbers: Any) -> None:
    """Refuse other than one number for each label."""
    if np.shape(numbers) != (len(target.labels),):
        raise VcohortError(
            f"{type(target).__name__} has {len(target.labels)} labels, and numbers of the shape "
            f"{np.shape(numbers)}: values, errors, of_course and of_dataset give one for each."
        )


def residuals(targets: Sequence[Target], found: Sequence[Any]) -> Array:
    """Return the distances (k,) to all targets, in their standard errors."""
    parts = []
    for target, numbers in zip(targets, found, strict=True):
        check_numbers(target, numbers)
        wanted = jnp.asarray(target.values, numbers.dtype)
        gap = jnp.log(numbers / wanted) if target.on_log else numbers - wanted
        parts.append(gap / jnp.asarray(target.errors, numbers.dtype))
    return jnp.concatenate(parts)
