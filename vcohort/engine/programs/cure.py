"""The probability of cure, without a random number and without a threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
from vcohort.engine.programs.base import Patient, PatientProgram
from vcohort.models import Model


class Cured(NamedTuple):
    """P(no tumour cell is left at the end), and the strain of its patient."""

    probability: Number
    strain: Number


@dataclass(frozen=True)
class Cure(PatientProgram[PathState, None, Cured]):
    """exp(-Lambda), with Lambda as in :mod:`vcohort.engine.integrator.path_state`."""

    model: Model

    def init(self, patient: Patient) -> PathState:
        return first_path_state(self.model, patient.values)

    def step(self, patient: Patient, state: PathState, step: Step) -> tuple[PathState, None]:
        return path_step(self.model, patient.values, state, step.days).after, None

    def treat(self, patient: Patient, state: PathState, step: Step, jump: Jump) -> PathState:
        return treat_path_state(self.model, patient.values, jump, state)

    def final(self, patient: Patient, state: PathState) -> Cured:
        log_start = first_clones(self.model, patient.values)["B"]
        strain = strain_of(state.compartments, state.log_tumour)
        return Cured(extinct(state.w, log_start), strain)
