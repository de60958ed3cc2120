"""A tumour that a method steps, by chance or by its mean, beside the T cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints import Endpoint
from vcohort.engine.integrator.clones import first_clones
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.step import (
    Compartments,
    cells_of,
    first_compartments,
    integrate,
    strain_of,
)
from vcohort.engine.integrator.treatment import Jump, treat
from vcohort.engine.methods import deterministic, gillespie, hybrid
from vcohort.engine.methods.tumour import Limits, Tumour, TumourMethod
from vcohort.engine.programs.base import Outcomes, Patient, PatientProgram
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

METHODS: Mapping[str, TumourMethod] = {
    "hybrid": hybrid.step,
    "gillespie": gillespie.step,
    "deterministic": deterministic.step,
}
"""The methods that step the tumour. (``exact`` draws its fate from the whole path.)"""


Logs = tuple[Number, ...]
"""Logs of all cells, in the order of species."""


class State(NamedTuple):
    """Compartments, tumour, and what the endpoints carry."""

    compartments: Compartments
    tumour: Tumour
    carries: Carries


@dataclass(frozen=True)
class Stepped(PatientProgram[State, Logs | None, Outcomes]):
    """Steps of compartments and tumour, endpoints folded along; cells kept where they are saved."""

    method: str
    model: Model
    endpoints: tuple[Endpoint, ...]
    keeps: bool = False

    def init(self, patient: Patient) -> State:
        compartments = first_compartments(self.model, patient.values)
        clones = first_clones(self.model, patient.values)
        start = start_of(cells_of(self.model, compartments, clones), patient.settings)
        alive = jnp.zeros_like(clones["B"], dtype=bool)
        tumour = Tumour(clones["B"], alive, ~alive)
        return State(compartments, tumour, begin(self.endpoints, start))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, Logs | None]:
        values, settings = patient.values, patient.settings
        before, clones = state.compartments, {"B": state.tumour.log_cells}
        moved = integrate(self.model, values, before, clones, step.days)
        limits = Limits.of(values["B0"], settings.progression, settings.threshold)
        assert patient.key is not None
        step_tumour, rates = METHODS[self.method], moved.rates.own["B"]
        tumour = step_tumour(rates, state.tumour, limits, patient.key, step.number)
        start, end = (cells_of(self.model, each, {}) for each in (before, moved.compartments))
        seen = t_cell_segment(step, start, end, moved), tumour_segment(step, tumour)
        carries = update(self.endpoints, state.carries, *seen)
        after = State(moved.compartments, tumour.after(state.tumour), carries)
        return after, self.saved(after) if self.keeps else None

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        treated = treat(self.model, patient.values, jump, state.compartments)
        return state._replace(compartments=treated)

    def final(self, patient: Patient, state: State) -> Outcomes:
        strain = strain_of(state.compartments, state.tumour.log_cells)
        return Outcomes(results(self.endpoints, state.carries), strain)

    def saved(self, state: State) -> Logs:
        """Return the logs of all cells, in the order of species; of an extinct clone, -inf."""
        tumour = state.tumour
        clones = {"B": jnp.where(tumour.extinct, -jnp.inf, tumour.log_cells)}
        cells = cells_of(self.model, state.compartments, clones)
        return tuple(cells.log(name) for name in self.model.species.names)
