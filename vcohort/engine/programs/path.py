"""The deterministic path, kept at the end of every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Number
from vcohort.endpoints import Start, TCellEndpoint
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.path_state import (
    PathState,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.step import initial_cells, strain_of
from vcohort.engine.integrator.treatment import Jump
from vcohort.engine.programs.base import Outcomes, Patient, PatientProgram
from vcohort.engine.programs.folding import Carries, begin, results, t_cell_segment, update
from vcohort.models import Cells, Model


class State(NamedTuple):
    """The path, and what the endpoints carry."""

    path: PathState
    carries: Carries


class PathPoint(NamedTuple):
    """The end of a step of the path.

    ``cells``: their logs. ``largest``: of ln B on the step. ``growth``: how ln B and the cure
    integral ``w`` went on within it.
    """

    cells: Cells
    w: Number
    largest: Number
    growth: Accrual


@dataclass(frozen=True)
class DeterministicPath(PatientProgram[State, PathPoint, Outcomes]):
    """The deterministic path, endpoints of the T cells folded along."""

    model: Model
    endpoints: tuple[TCellEndpoint, ...] = ()
    keeps: bool = True

    def init(self, patient: Patient) -> State:
        cells = initial_cells(patient.values)
        # No endpoint of the T cells asks for a level of progression or the horizon.
        unused = jnp.zeros_like(cells.log_tumour)
        return State(first_path_state(cells), begin(self.endpoints, Start(*cells, unused, unused)))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, PathPoint]:
        moved = path_step(self.model, patient.values, state.path, step.days)
        segment = t_cell_segment(step, state.path.t_cells, moved.moved)
        # Where a path is highest, its value does not change with the place.
        peak = jax.lax.stop_gradient(moved.tumour.extremum(-1.0))
        after = moved.after
        point = PathPoint(cells_of(after), after.w, moved.tumour.at(peak), moved.growth)
        return State(after, update(self.endpoints, state.carries, segment)), point

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        return state._replace(path=treat_path_state(jump, state.path))

    def final(self, patient: Patient, state: State) -> Outcomes:
        strain = strain_of(state.path.t_cells, state.path.log_tumour)
        return Outcomes(results(self.endpoints, state.carries), strain)


def cells_of(path: PathState) -> Cells:
    """Return the logs of all cells."""
    return Cells(path.t_cells.log_normal, path.t_cells.log_car, path.log_tumour)
