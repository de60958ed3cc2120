"""The time loop of a block of patients: one scan over the grid."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.branches import scan_first
from vcohort.endpoints import (
    Carry,
    Cubic,
    Endpoint,
    Start,
    TCellEndpoint,
    TCellSegment,
    TumourEndpoint,
    TumourSegment,
)
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.compiling.tiles import COMPILER_OPTIONS, in_tiles
from vcohort.engine.inputs import Patients, Settings
from vcohort.engine.integrator.grid import Grid, Step, grid_axes, step_axes, steps_of
from vcohort.engine.integrator.step import Integrated, TCells, first_t_cells, integrate
from vcohort.engine.integrator.treatment import Jump, treat, when_due
from vcohort.engine.methods import deterministic, gillespie, hybrid
from vcohort.engine.methods.tumour import Limits, Tumour, TumourMethod, TumourStep
from vcohort.models import Cells, Model, Values

METHODS: Mapping[str, TumourMethod] = {
    "hybrid": hybrid.step,
    "gillespie": gillespie.step,
    "deterministic": deterministic.step,
}
"""The methods that step the tumour. (``exact`` draws its fate from the whole path.)"""


class Paths(NamedTuple):
    """Logs of cells at chosen grid points, (patient, time); an extinct tumour is -inf."""

    log_normal: Array
    log_car: Array
    log_tumour: Array


class Found(NamedTuple):
    """What a run of a block leaves: results of the endpoints (patient,), strain (patient,), paths.

    ``strain`` tells whether a patient's steps were short enough; NaN where they were not at all.
    """

    results: tuple[Array, ...]
    strain: Array
    paths: Paths | None


class _State(NamedTuple):
    t_cells: TCells
    tumour: Tumour


def initial_cells(values: Values) -> Cells:
    """Return one patient's cells at day 0."""
    return Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))


def start_of(values: Values, settings: Settings) -> Start:
    """Return what endpoints may know of one patient before the first step."""
    cells = initial_cells(values)
    return Start(*cells, jnp.log(settings.progression) + cells.log_tumour, settings.horizon)


def strain_of(t_cells: TCells, log_tumour: Array) -> Array:
    """Return the strain of patients at the end of their run; NaN where no number is left."""
    logs = t_cells.log_normal + t_cells.log_car + log_tumour
    return jnp.where(jnp.isfinite(logs), t_cells.strain, jnp.nan)


def t_cell_segment(step: Step, before: TCells, moved: Integrated) -> TCellSegment:
    """Return what a T cell endpoint sees of a step."""
    car = Cubic(
        before.log_car,
        moved.t_cells.log_car,
        moved.car_slope_start * step.days,
        moved.car_slope_end * step.days,
    )
    rise = moved.t_cells.log_normal - before.log_normal
    normal = Cubic(before.log_normal, moved.t_cells.log_normal, rise, rise)
    return TCellSegment(step.day, step.end, normal, car)


def tumour_segment(step: Step, moved: TumourStep) -> TumourSegment:
    """Return what a tumour endpoint sees of a step."""
    return TumourSegment(
        step.day, step.end, moved.path, moved.extinct,
        step.day + moved.extinct_fraction * step.days,
        moved.reach.reached, moved.reach.crossing(step.day, step.end),
    )  # fmt: skip


def finals(endpoints: tuple[Endpoint, ...], carries: tuple[Carry, ...]) -> tuple[Array, ...]:
    """Return all results of all endpoints of one patient."""
    pairs = zip(endpoints, carries, strict=True)
    return tuple(value for endpoint, carry in pairs for value in endpoint.final(carry))


@partial(
    jax.jit, static_argnames=("method", "model", "endpoints"), compiler_options=COMPILER_OPTIONS
)
def run(
    method: str,
    model: Model,
    endpoints: tuple[Endpoint, ...],
    patients: Patients,
    grid: Grid,
    settings: Settings,
    save: Array | None,
) -> Found:
    """Run a block, keeping paths at the grid points ``save``.

    ``save``: (time, patient), or (time, 1) on a grid that all share. The state at a day of
    treatment is the one before it; at day 0, after it.
    """
    work = partial(_run, method, model, endpoints)
    saved = None if save is None or save.shape[1] == 1 else 1
    axes = (0, grid_axes(grid), None, saved)
    rows = 1 if save is None else grid.days.shape[0] + save.shape[0]
    return in_tiles(work, axes, rows, patients, grid, settings, save)


def _run(
    method: str,
    model: Model,
    endpoints: tuple[Endpoint, ...],
    patients: Patients,
    grid: Grid,
    settings: Settings,
    save: Array | None,
) -> Found:
    """Run a tile of a block."""
    tumour_method = METHODS[method]

    def begin(values: Values) -> tuple[_State, tuple[Carry, ...]]:
        cells, start = initial_cells(values), start_of(values, settings)
        alive = jnp.zeros_like(cells.log_tumour, dtype=bool)
        tumour = Tumour(cells.log_tumour, alive, ~alive)
        state = _State(first_t_cells(cells), tumour)
        return state, tuple(endpoint.init(start) for endpoint in endpoints)

    def advance(
        values: Values, key: Key, state: _State, carries: tuple[Carry, ...], step: Step
    ) -> tuple[_State, tuple[Carry, ...]]:
        moved = integrate(model, values, state.t_cells, state.tumour.log_cells, step.days)
        limits = Limits.of(values["B0"], settings.progression, settings.threshold)
        tumour = tumour_method(moved.rates, state.tumour, limits, key, step.number)
        t_cells, seen = t_cell_segment(step, state.t_cells, moved), tumour_segment(step, tumour)
        carries = tuple(
            _update(endpoint, carry, t_cells, seen)
            for endpoint, carry in zip(endpoints, carries, strict=True)
        )
        return _State(moved.t_cells, tumour.after(state.tumour)), carries

    def body(
        carry: tuple[_State, tuple[Carry, ...]], step: Step
    ) -> tuple[tuple[_State, tuple[Carry, ...]], Paths | None]:
        state, carries = carry
        state = when_due(patients.schedule, step, _treat, state)
        move = jax.vmap(advance, (0, 0, 0, 0, step_axes(step)))
        moved = move(patients.values, keys, state, carries, step)
        return moved, (_logs(moved[0]) if save is not None else None)

    keys = fold(settings.seed, *patients.number)
    first = jax.vmap(begin)(patients.values)
    (end, carries), states = scan_first(settings.steps, body, first, steps_of(grid))
    paths = None if save is None or states is None else _pick(_logs(first[0]), states, save)
    strain = strain_of(end.t_cells, end.tumour.log_cells)
    return Found(jax.vmap(partial(finals, endpoints))(carries), strain, paths)


def _treat(jump: Jump, state: _State) -> _State:
    return state._replace(t_cells=treat(jump, state.t_cells))


def _update(
    endpoint: Endpoint, carry: Carry, t_cells: TCellSegment, tumour: TumourSegment
) -> Carry:
    if isinstance(endpoint, TCellEndpoint):
        return endpoint.update(carry, t_cells)
    assert isinstance(endpoint, TumourEndpoint)
    return endpoint.update(carry, tumour)


def _logs(state: _State) -> Paths:
    """Return what is saved of a block's state."""
    log_tumour = jnp.where(state.tumour.extinct, -jnp.inf, state.tumour.log_cells)
    return Paths(state.t_cells.log_normal, state.t_cells.log_car, log_tumour)


def _pick(first: Paths, later: Paths, save: Array) -> Paths:
    """Pick the saved grid points; point 0 is the start."""

    def pick(start: Array, rest: Array) -> Array:
        points = jnp.maximum(save - 1, 0)
        shared = save.shape[1] == 1
        picked = rest[points[:, 0]] if shared else jnp.take_along_axis(rest, points, axis=0)
        return jnp.where(save == 0, start[None], picked).T

    return jax.tree.map(pick, first, later)
