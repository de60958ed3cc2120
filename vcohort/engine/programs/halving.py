"""The error of a grid: its steps against their halves, along the deterministic path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump
from vcohort.engine.integrator.path_state import (
    PathState,
    extinct,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.programs.base import Patient, PatientProgram
from vcohort.models import Model

# A tumour of e^5 times its first size has progressed long ago.
_LOG_OUTGROWN = 5.0

# Lambda is 1 / W: beyond e^10 lineages cure is out of the question, below e^-10 it is certain;
# and so it is where fewer than e^-10 cells are expected.
LOG_DECIDED = 10.0

# Halving the steps of a fourth-order method leaves a sixteenth of the error.
_RICHARDSON = 16.0 / 15.0


class State(NamedTuple):
    """The path by whole steps and by half steps, and their largest difference so far."""

    log_start: Number
    coarse: PathState
    fine: PathState
    worst: Number


class Compared(NamedTuple):
    """Error and strain of a patient."""

    error: Number
    strain: Number


@dataclass(frozen=True)
class Halving(PatientProgram[State, None, Compared]):
    """The largest error of what :func:`vcohort.engine.execution.pilot.resolve` names.

    Its settings: the log of the least tumour that counts.
    """

    model: Model

    def init(self, patient: Patient) -> State:
        first = first_path_state(self.model, patient.values)
        return State(first.log_tumour, first, first, jnp.zeros_like(first.log_tumour))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, None]:
        half = 0.5 * step.days
        inside, coarse = self._advance(patient, state.coarse, step.days)
        _, middle = self._advance(patient, state.fine, half)
        _, fine = self._advance(patient, middle, half)
        start, least = state.log_start, patient.settings
        worst = jnp.maximum(state.worst, _gap(_inside(inside, start), _inside(middle, start)))
        worst = jnp.maximum(worst, _gap(_logs(coarse, start, least), _logs(fine, start, least)))
        return State(start, coarse, fine, worst), None

    def _advance(
        self, patient: Patient, path: PathState, days: Number
    ) -> tuple[PathState, PathState]:
        """Return the path in the middle of a step, as its course tells, and at its end."""
        moved = path_step(self.model, patient.values, path, days)
        w = path.w + moved.growth.until(jnp.asarray(0.5)).total()
        return moved.after._replace(w=w), moved.after

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        paths = state.coarse, state.fine
        coarse, fine = (treat_path_state(self.model, patient.values, jump, p) for p in paths)
        return state._replace(coarse=coarse, fine=fine)

    def final(self, patient: Patient, state: State) -> Compared:
        worst = jnp.maximum(state.worst, _gap(_log_w(state.coarse), _log_w(state.fine)))
        # A step too long for the method ends in NaN: no error at all is not a small one.
        error = jnp.where(jnp.isnan(worst), jnp.inf, worst * _RICHARDSON)
        return Compared(error, state.coarse.compartments.strain)


def _gap(first: Sequence[Number], second: Sequence[Number]) -> Number:
    """Return the largest difference."""
    pairs = zip(first, second, strict=True)
    return jnp.max(jnp.stack([jnp.abs(x - y) for x, y in pairs]), axis=0)


def _logs(path: PathState, log_start: Number, log_least: Number) -> tuple[Number, ...]:
    """Return the logs of all cells, as far as they matter: of compartments from one cell on."""
    grown, numbers = path.compartments.logs.values(), path.compartments.numbers.values()
    logs = [*grown, *(jnp.log(jnp.maximum(number, 1.0)) for number in numbers)]
    return (
        *(jnp.maximum(log, 0.0) for log in logs),
        *_tumour(path, log_start, log_least),
    )


def _tumour(path: PathState, log_start: Number, log_least: Number) -> tuple[Number, ...]:
    """Return the logs of the clones: of others than B, which may be none, from one cell on."""
    most = log_start + _LOG_OUTGROWN
    others = (log for name, log in path.clones.items() if name != "B")
    return (
        jnp.clip(path.log_tumour, log_least, most),
        *(jnp.clip(log, 0.0, most) for log in others),
    )


def _inside(path: PathState, log_start: Number) -> tuple[Number]:
    """Return what the day of cure is read off: P(cured by now), in units of what a log is worth.

    Where it is steepest, P rises by 1/e of a rise of ln W.
    """
    return (jnp.e * extinct(path.w, log_start),)


def _log_w(path: PathState) -> tuple[Number]:
    """Return ln W, cut off where cure is certain or out of the question."""
    log_w = jnp.log(jnp.maximum(path.w, jnp.finfo(path.w.dtype).tiny))
    return (jnp.clip(log_w, -LOG_DECIDED, LOG_DECIDED),)
