"""What a fit of a population asks, the same for all patients, and each patient's part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from vcohort.analysis.estimation.losses import LOSSES
from vcohort.analysis.estimation.scatter import Scatter
from vcohort.analysis.mixed_effects.layout import Effects, Layout
from vcohort.analysis.mixed_effects.scales import Scale

# Of each patient's event three days tell.
_EVENT_DAYS = 3


@dataclass(frozen=True)
class Errors:
    """How the measurements of one observable scatter; ``is_log``: their logs do."""

    name: str
    scatter: Scatter
    is_log: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What their widths are called."""
        return ("proportional", "constant") if self.scatter.floor else (self.name,)


ERRORS: Mapping[str, Errors] = {
    name: Errors(name, LOSSES[name].scatter, name in ("log", "student_t"))
    for name in ("log", "linear", "proportional", "combined", "student_t")
}


class Rows(NamedTuple):
    """One patient's measurements, arrays (row,); those that are not ``present`` fill up.

    ``value``: on the scale of the errors; ``unit``: factor of the width, and its own where the data
    give their errors; ``kind``: of the observable; ``below``: whether it is an upper limit.
    """

    value: Array
    unit: Array
    kind: Array
    below: Array
    present: Array

    @property
    def observed(self) -> Array:
        """Which rows were observed."""
        return self.present & ~self.below

    @property
    def limit(self) -> Array:
        """Which rows are upper limits."""
        return self.present & self.below


class Patient(NamedTuple):
    """One patient: what the course needs, measurements, covariates (effect,) and the event.

    With a leading axis: many.
    """

    inputs: Any
    rows: Rows
    covariate: Array
    event: Any

    @property
    def predictions(self) -> int:
        """How many numbers a course predicts of it."""
        return self.rows.value.size + (0 if self.event is None else _EVENT_DAYS)


Course = Callable[[Any, Array], Array]
"""``course(inputs, values)``: predictions (row,) in their units, for parameter values (parameter,);
then, where there are events, three numbers z, P(no event yet) = Phi(z): at the ends of the interval
in which the event came, and on the day from which the patient was watched.
"""


@dataclass(frozen=True)
class MixedSpec:
    """Compiled code is cached by it.

    ``errors``: of each observable; ``known``: whether the data give the size of their errors.
    """

    layout: Layout
    scales: tuple[Scale, ...]
    errors: tuple[Errors, ...]
    known: bool
    course: Course

    def width_places(self) -> tuple[tuple[int, ...], ...]:
        """Return, of each observable, where its widths are among all."""
        places, first = [], 0
        for each in self.errors:
            count = 0 if self.known else len(each.names)
            places.append(tuple(range(first, first + count)))
            first += count
        return tuple(places)

    def individual(self, effects: Effects, patient: Patient, whitened: Array) -> Array:
        """Return a patient's parameters (parameter,) on their scales.

        ``whitened`` (random,): random effects, in the root of their covariance.
        """
        place = effects.typical
        for number, parameter in enumerate(self.layout.effects):
            place = place.at[parameter].add(effects.covariate[number] * patient.covariate[number])
        if not self.layout.random:
            return place
        return place.at[jnp.array(self.layout.random)].add(effects.root @ whitened)

    def width(self, effects: Effects, patient: Patient, predicted: Array) -> Array:
        """Return the widths (row,) of measurements about predictions on the errors' scales."""
        rows = patient.rows
        found = jnp.ones_like(predicted)
        for kind, (errors, places) in enumerate(zip(self.errors, self.width_places(), strict=True)):
            own = [jnp.exp(effects.widths[place]) for place in places] or [jnp.ones(())]
            ratio = own[1] / own[0] if len(own) > 1 else 0.0
            each = own[0] * errors.scatter.width(predicted, ratio)
            found = jnp.where(rows.kind == kind, each * rows.unit, found)
        return found

    def predict(self, patient: Patient, place: Array) -> Array:
        """Return predictions (row,) on the scale of the errors, and of the event, if any."""
        values = jnp.stack([scale.value(place[at]) for at, scale in enumerate(self.scales)])
        found = self.course(patient.inputs, values)
        count = patient.rows.value.size
        is_log = jnp.array([each.is_log for each in self.errors])[patient.rows.kind]
        rows = jnp.where(patient.rows.present, found[:count], 1.0)
        rows = jnp.where(is_log, jnp.log(jnp.where(is_log, rows, 1.0)), rows)
        return jnp.concatenate([rows, found[count:]])
