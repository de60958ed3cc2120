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
from vcohort.engine.integrator.jumps import Jump
from vcohort.engine.integrator.path_state import (
    PathState,
    cells_on,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.step import strain_of
from vcohort.engine.programs.base import Outcomes, Patient, PatientProgram
from vcohort.engine.programs.folding import Carries, begin, results, t_cell_segment, update
from vcohort.models import Cells, Model


class State(NamedTuple):
    """The path, and what the endpoints carry."""

    path: PathState
    carries: Carries


class PathPoint(NamedTuple):
    """The end of a step of the path.

    ``largest``: of ln B on the step. ``growth``: how ln B and the cure
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
        path = first_path_state(self.model, patient.values)
        cells = cells_on(self.model, path)
        # No endpoint of the T cells asks for a level of progression or the horizon.
        unused = jnp.zeros_like(path.log_tumour)
        logs = cells.log_normal, cells.log_car, cells.log_tumour
        return State(path, begin(self.endpoints, Start(*logs, unused, unused)))

    def step(self, patient: Patient, state: State, step: Step) -> tuple[State, PathPoint]:
        moved = path_step(self.model, patient.values, state.path, step.days)
        before, after = (cells_on(self.model, path) for path in (state.path, moved.after))
        segment = t_cell_segment(step, before, after, moved.moved)
        # Where a path is highest, its value does not change with the place.
        peak = jax.lax.stop_gradient(moved.tumour.extremum(-1.0))
        point = PathPoint(after, moved.w, moved.tumour.at(peak), moved.growth)
        return State(moved.after, update(self.endpoints, state.carries, segment)), point

    def treat(self, patient: Patient, state: State, step: Step, jump: Jump) -> State:
        treated = treat_path_state(self.model, patient.values, jump, state.path)
        return state._replace(path=treated)

    def final(self, patient: Patient, state: State) -> Outcomes:
        strain = strain_of(state.path.compartments, state.path.log_tumour)
        return Outcomes(results(self.endpoints, state.carries), strain)
