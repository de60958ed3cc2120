"""What a run is given: patients, the cut of time, settings."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.engine.chance.random import Key
from vcohort.engine.compiling.platform import platform
from vcohort.engine.integrator.grid import Days, Grid, make_grid, room_for, shared_grid
from vcohort.engine.integrator.jumps import Schedule


class Patients(NamedTuple):
    """A block of patients: arrays (patient,), numbers as two 32-bit words, treatments if any.

    ``own_days`` (patient, day): what each patient's own grid must hold; None where they share one.
    """

    values: dict[str, Array]
    number: Key
    schedule: Schedule | None
    own_days: Array | None = None


class Block(NamedTuple):
    """What programs are run over: patients, their grid, and what all of them share.

    ``taken``: steps that are taken of the grid, which may have room for more; None: all of them.
    ``seed``: of the patients' chance; None where they have none. ``points``: places on the grid at
    which states are saved, (time, patient), or (time, 1) on a grid that all share.
    """

    patients: Patients
    grid: Grid
    taken: Array | int | None
    seed: Key | None = None
    settings: Any = None
    points: Array | None = None


class PatientTable(NamedTuple):
    """All patients of a run, as numpy arrays with the patient first; ``number`` in 64 bits."""

    values: dict[str, np.ndarray]
    number: np.ndarray
    schedule: Schedule | None
    own_days: np.ndarray | None = None

    def take(self, chosen: np.ndarray | slice, dtype: np.dtype) -> Patients:
        """Return some of the patients as a block: of numpy arrays, which programs take fastest."""
        number = self.number[chosen].astype(np.uint64)
        words = (number >> np.uint64(32), number & np.uint64(0xFFFFFFFF))

        def pick(array: np.ndarray) -> Any:
            return array[chosen].astype(dtype)

        return Patients(
            jax.tree.map(pick, self.values),
            Key(*(cast("Any", word.astype(np.uint32)) for word in words)),
            jax.tree.map(pick, self.schedule),
            jax.tree.map(pick, self.own_days),
        )

    def rows(self, chosen: np.ndarray) -> PatientTable:
        """Return some of the patients."""
        return jax.tree.map(lambda array: array[chosen], self)


class GridSpec(NamedTuple):
    """How time is cut: ``steps`` to the horizon, over days that are grid points.

    ``required_days`` (day,): of all patients, beside those that are a patient's own.
    ``treatments``: days (treatment,) that all patients share; None where each has their own.
    ``room``: steps for which a program is compiled at the least.
    """

    steps: int
    horizon: float
    required_days: np.ndarray
    treatments: np.ndarray | None
    intervals: int
    room: int = 0

    def with_steps(self, steps: int) -> GridSpec:
        """Return the plan with other steps, one at least for each interval."""
        return self._replace(steps=max(steps, self.intervals))

    def loop_length(self) -> tuple[int, Array | None]:
        """Return the room of a program's grid, and the count of steps that it takes of them.

        On a GPU a loop of unknown length has a condition of its own at each turn: there a program
        is compiled for one number of steps, and takes all.
        """
        if platform() == "cpu":
            return max(room_for(self.steps), self.room), cast("Array", np.int32(self.steps))
        return self.steps, None

    def grid(self, patients: Patients, size: int | None = None) -> Grid:
        """Return the grid of a block, filled up to ``size`` with steps of no length."""
        dtype, length = patients.values["B0"].dtype, size or self.steps
        if isinstance(self.treatments, np.ndarray) and patients.own_days is None:
            days = (
                np.asarray(each, dtype).tobytes() for each in (self.required_days, self.treatments)
            )
            return _shared_grid(length, self.steps, self.horizon, *days, np.dtype(dtype).str)
        treatments, required = self.treatments, self.required_days
        if treatments is None:
            assert patients.schedule is not None
            treatments = patients.schedule.day
        if patients.own_days is not None:
            shared = np.broadcast_to(required, (len(patients.own_days), len(required)))
            required = np.concatenate([shared, patients.own_days], axis=1)
        each = self.horizon, required, treatments
        return make_grid(length, self.steps, Days(*(jnp.asarray(x, dtype) for x in each)))


@lru_cache(maxsize=256)
def _shared_grid(
    size: int, steps: int, horizon: float, required_days: bytes, treatments: bytes, dtype: str
) -> Grid:
    """Return a grid that all patients share: made once, not once a block."""
    required, treated = (np.frombuffer(each, dtype) for each in (required_days, treatments))
    days = np.asarray(horizon, dtype), required, treated
    return shared_grid(size, steps, Days(*(cast("Array", each) for each in days)))


class Settings(NamedTuple):
    """Numbers that a run depends on, and that need no new program when they change."""

    threshold: Array
    progression: Array
    horizon: Array
