"""A tumour that a method steps, by chance or by its mean, beside the T cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints import Endpoint
from vcohort.engine.integrator.clones import first_cells, first_clones, sum_of
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump, treat
from vcohort.engine.integrator.step import (
    Compartments,
    cells_of,
    first_compartments,
    integrate,
    strain_of,
)
from vcohort.engine.methods.tumour import Limits
from vcohort.engine.methods.tumours import (
    AnyTumour,
    first_tumour,
    logs_of,
    saved_logs,
    step_tumour,
)
from vcohort.engine.programs.base import Outcomes, Patient, SavingProgram
from vcohort.engine.programs.folding import (
    Carries,
    begin,
    results,
    start_of,
    t_cell_segment,
    tumour_segment,
    update,
)
from vcohort.models import Model

Logs = tuple[Number, ...]
"""Logs of all cells, in the order of species."""


class State(NamedTuple):
    """Compartments, tumour, and what the endpoints carry."""

    compartments: Compartments
    tumour: AnyTumour
    carries: Carries


@dataclass(frozen=True)
class Stepped(SavingProgram[State, Logs | None, Outcomes]):
    """Steps of compartments and tumour, endpoints folded along; cells kept where they are saved."""

    method: str
    model: Model
    endpoints: tuple[Endpoint, ...]
    keeps: bool = False

    def init(self, patient: Patient) -> State:
        compartments = first_compartments(self.model, patient.values)
        clones = first_clones(self.model, patient.values)
        start = start_of(cells_of(self.model, compartments, clones), patient.settings)
        return State(compartments, first_tumour(clones), begin(self.endpoints, start))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, Logs | None]:
        values, settings = patient.values, patient.settings
        before = state.compartments
        moved = integrate(self.model, values, before, logs_of(state.tumour), step.days)
        first = first_cells(self.model, values)
        limits = Limits.of(first, settings.progression, settings.threshold)
        assert patient.key is not None
        tumour = step_tumour(
            self.method, self.model, moved.rates, state.tumour, limits, patient.key, step.number
        )
        start, end = (cells_of(self.model, each, {}) for each in (before, moved.compartments))
        seen = t_cell_segment(step, start, end, moved), tumour_segment(step, tumour)
        carries = update(self.endpoints, state.carries, *seen)
        after = State(moved.compartments, tumour.after(state.tumour.undecided), carries)
        return after, self.saved(after) if self.keeps else None

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        treated = treat(self.model, patient.values, jump, state.compartments)
        return state._replace(compartments=treated)

    def final(self, patient: Patient, state: State) -> Outcomes:
        strain = strain_of(state.compartments, sum_of(logs_of(state.tumour)))
        return Outcomes(results(self.endpoints, state.carries), strain)

    def saved(self, state: State) -> Logs:
        """Return the logs of all cells, in the order of species; -inf where there are none."""
        cells = cells_of(self.model, state.compartments, saved_logs(state.tumour))
        numbers = cells.numbers
        return tuple(
            jnp.where(numbers[name] > 0.0, cells.log(name), -jnp.inf)
            if name in numbers
            else cells.logs[name]
            for name in self.model.species.names
        )
