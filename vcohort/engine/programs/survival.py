"""The deterministic path, with what tells when its tumour progresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.engine.integrator.clones import first_clones
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump
from vcohort.engine.integrator.path_state import (
    PathState,
    extinct,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.step import strain_of
from vcohort.engine.methods.size_law import deviate
from vcohort.engine.programs.base import Patient, SavingProgram
from vcohort.models import Model


class Level(NamedTuple):
    """The size of progression: the log of its ratio to the first tumour, and the noise of ln B."""

    log_ratio: Number
    noise: Number


class Seen(NamedTuple):
    """What is known on a day: ln B, W, the largest ln B so far.

    ``late``: the lowest z of P(not regrown) so far, None where only the days asked for tell it.
    """

    log_tumour: Number
    w: Number
    largest: Number
    late: Number | None


class State(NamedTuple):
    """The path; the largest ln B so far, the lowest at ends of steps, the largest before that.

    ``late``: as of :class:`Seen`.
    """

    path: PathState
    largest: Number
    nadir: Number
    largest_before_nadir: Number
    late: Number | None


class Found(NamedTuple):
    """P(no tumour cell is left at the end), the largest ln B before the nadir, the strain."""

    cured: Number
    largest: Number
    strain: Number


@dataclass(frozen=True)
class SurvivalPath(SavingProgram[State, Seen, Found]):
    """The path of a tumour of one clone. ``looks_always``: at a regrown tumour, after every step.

    A patient's settings are its :class:`Level`.
    """

    model: Model
    looks_always: bool
    keeps: bool = True

    def init(self, patient: Patient) -> State:
        path = first_path_state(self.model, patient.values)
        size = path.log_tumour
        return State(path, size, size, size, self._late(patient, path))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, Seen]:
        moved = path_step(self.model, patient.values, state.path, step.days)
        path = moved.after
        # Where a path is highest, its value does not change with the place.
        peak = jax.lax.stop_gradient(moved.tumour.extremum(-1.0))
        largest = jnp.maximum(state.largest, moved.tumour.at(peak))
        is_nadir = path.log_tumour < state.nadir
        after = State(
            path,
            largest,
            jnp.where(is_nadir, path.log_tumour, state.nadir),
            jnp.where(is_nadir, largest, state.largest_before_nadir),
            jax.tree.map(jnp.minimum, state.late, self._late(patient, path)),
        )
        return after, self.saved(after)

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        treated = treat_path_state(self.model, patient.values, jump, state.path)
        return state._replace(path=treated)

    def final(self, patient: Patient, state: State) -> Found:
        path = state.path
        cured = extinct(path.w, first_clones(self.model, patient.values)["B"])
        strain = strain_of(path.compartments, path.log_tumour)
        return Found(cured, state.largest_before_nadir, strain)

    def saved(self, state: State) -> Seen:
        return Seen(state.path.log_tumour, state.path.w, state.largest, state.late)

    def _late(self, patient: Patient, path: PathState) -> Number | None:
        """Return z of P(not regrown to the level), where it is looked at after every step."""
        if not self.looks_always:
            return None
        log_start = first_clones(self.model, patient.values)["B"]
        log_level = log_start + patient.settings.log_ratio
        return deviate(path.log_tumour, path.w, log_start, log_level, patient.settings.noise)
