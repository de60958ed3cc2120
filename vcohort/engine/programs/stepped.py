"""A tumour that a method steps, by chance or by its mean, beside the T cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints import Endpoint
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.step import (
    TCells,
    first_t_cells,
    initial_cells,
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
from vcohort.models import Cells, Model

METHODS: Mapping[str, TumourMethod] = {
    "hybrid": hybrid.step,
    "gillespie": gillespie.step,
    "deterministic": deterministic.step,
}
"""The methods that step the tumour. (``exact`` draws its fate from the whole path.)"""


class State(NamedTuple):
    """T cells, tumour, and what the endpoints carry."""

    t_cells: TCells
    tumour: Tumour
    carries: Carries


@dataclass(frozen=True)
class Stepped(PatientProgram[State, Cells | None, Outcomes]):
    """Steps of T cells and tumour, endpoints folded along; cells are kept where they are saved."""

    method: str
    model: Model
    endpoints: tuple[Endpoint, ...]
    keeps: bool = False

    def init(self, patient: Patient) -> State:
        cells, start = initial_cells(patient.values), start_of(patient.values, patient.settings)
        alive = jnp.zeros_like(cells.log_tumour, dtype=bool)
        tumour = Tumour(cells.log_tumour, alive, ~alive)
        return State(first_t_cells(cells), tumour, begin(self.endpoints, start))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, Cells | None]:
        values, settings = patient.values, patient.settings
        log_tumour = state.tumour.log_cells
        moved = integrate(self.model, values, state.t_cells, log_tumour, step.days)
        limits = Limits.of(values["B0"], settings.progression, settings.threshold)
        assert patient.key is not None
        tumour = METHODS[self.method](moved.rates, state.tumour, limits, patient.key, step.number)
        segments = t_cell_segment(step, state.t_cells, moved), tumour_segment(step, tumour)
        carries = update(self.endpoints, state.carries, *segments)
        after = State(moved.t_cells, tumour.after(state.tumour), carries)
        return after, self.saved(after) if self.keeps else None

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        return state._replace(t_cells=treat(jump, state.t_cells))

    def final(self, patient: Patient, state: State) -> Outcomes:
        strain = strain_of(state.t_cells, state.tumour.log_cells)
        return Outcomes(results(self.endpoints, state.carries), strain)

    def saved(self, state: State) -> Cells:
        """Return the logs of cells; those of an extinct tumour are -inf."""
        log_tumour: Number = jnp.where(state.tumour.extinct, -jnp.inf, state.tumour.log_cells)
        return Cells(state.t_cells.log_normal, state.t_cells.log_car, log_tumour)
