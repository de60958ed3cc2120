"""What a program is: the four functions of one patient that an executor maps over patients.

A program says nothing of how many patients there are, of tiles, blocks or devices, of what is
compiled together, or of what is computed twice for a derivative: that is the executor's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, NamedTuple, TypeVar

from vcohort.arrays import Number, Value
from vcohort.engine.chance.random import Key
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump, Schedule
from vcohort.models import Values

State = TypeVar("State")
Kept = TypeVar("Kept")
Found = TypeVar("Found")


class Patient(NamedTuple):
    """One patient, as a program sees it.

    ``key``: of all its chance, None where there is none. ``settings``: what all patients share.
    ``before``: what the program before this one found of it, where several are run in turn.
    """

    values: Values
    schedule: Schedule | None
    key: Key | None = None
    settings: Any = None
    before: Any = None


class Outcomes(NamedTuple):
    """What a run leaves of a patient: results of the endpoints, and its strain.

    ``strain`` tells whether the steps were short enough; NaN where they were not at all.
    """

    results: tuple[Value, ...]
    strain: Number


class PatientProgram(ABC, Generic[State, Kept, Found]):
    """A program: frozen and hashable, since compiled code is kept by it.

    ``keeps``: whether anything is kept of each step, which takes memory in proportion to them.
    ``backwards``: whether it goes over the steps from the last to the first.
    """

    keeps: bool = False
    backwards: bool = False

    @abstractmethod
    def init(self, patient: Patient) -> State:
        """Return the state at day 0."""

    @abstractmethod
    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, Kept]:
        """Return the state at the end of a step, and what is kept of the step.

        ``step.stored``: what the program before this one kept of it.
        """

    @abstractmethod
    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        """Return the state after a treatment, at the start of a step."""

    @abstractmethod
    def final(self, patient: Patient, state: State) -> Found:
        """Return what is found in the end."""


class SavingProgram(PatientProgram[State, Kept, Found]):
    """A program of which a run may save states on chosen days."""

    @abstractmethod
    def saved(self, state: State) -> Kept:
        """Return what is kept of a state."""


class LaterProgram(PatientProgram[State, Kept, Found]):
    """A program that goes over what another one kept: what a treatment did is in that."""

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        return state
