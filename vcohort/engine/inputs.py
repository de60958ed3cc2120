"""What a run is given: patients, the cut of time, settings."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.engine.grid import Days, Grid, make_grid
from vcohort.engine.random import Key
from vcohort.engine.treatment import Schedule


class Patients(NamedTuple):
    """A block of patients: arrays (patient,), numbers as two 32-bit words, treatments if any."""

    values: dict[str, Array]
    number: Key
    schedule: Schedule | None


class Roster(NamedTuple):
    """All patients of a run, as numpy arrays with the patient first; ``number`` in 64 bits."""

    values: dict[str, np.ndarray]
    number: np.ndarray
    schedule: Schedule | None

    def take(self, chosen: np.ndarray, dtype: np.dtype) -> Patients:
        """Return some of the patients as a block."""
        number = self.number[chosen].astype(np.uint64)
        words = (number >> np.uint64(32), number & np.uint64(0xFFFFFFFF))

        def move(array: np.ndarray) -> Array:
            return jnp.asarray(array[chosen].astype(dtype))

        return Patients(
            jax.tree.map(move, self.values),
            Key(*(jnp.asarray(word.astype(np.uint32)) for word in words)),
            jax.tree.map(move, self.schedule),
        )


class TimePlan(NamedTuple):
    """How time is cut: ``steps`` to the horizon, over days that are grid points.

    ``treatments``: days (treatment,) that all patients share; None where each has their own.
    """

    steps: int
    horizon: float
    knots: np.ndarray
    treatments: np.ndarray | None
    intervals: int

    def with_steps(self, steps: int) -> TimePlan:
        """Return the plan with other steps, one at least for each interval."""
        return self._replace(steps=max(steps, self.intervals))

    def grid(self, patients: Patients, size: int | None = None) -> Grid:
        """Return the grid of a block, filled up to ``size`` with steps of no length."""
        dtype = patients.values["B0"].dtype
        treatments = self.treatments
        if treatments is None:
            assert patients.schedule is not None
            treatments = patients.schedule.day
        days = Days(*(jnp.asarray(x, dtype) for x in (self.horizon, self.knots, treatments)))
        return make_grid(size or self.steps, self.steps, days)


class Settings(NamedTuple):
    """Numbers that a run depends on, and that need no new program when they change."""

    seed: Key
    threshold: Array
    progression: Array
    horizon: Array
