"""The fate of the tumour by the closed form, with no random number in the time loop.

One exponential draw E gives the day of cure: the day on which Lambda (see ``path_state``) has
fallen to E, if there is one. Else at least one lineage survives, and the tumour that regrows
is a sum of lineages (Kendall 1948; the theory page derives it; ``regrowth`` draws it).

A treatment begins a new course: the number of tumour cells is drawn, and all starts afresh.

The loop stores the deterministic path; the fate is drawn; endpoints of the tumour are then
folded over the path with its fate.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.branches import scan_first
from vcohort.endpoints import (
    Carry,
    Cubic,
    Endpoint,
    Reach,
    Start,
    TCellEndpoint,
    TumourEndpoint,
    TumourSegment,
)
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.compiling.tiles import COMPILER_OPTIONS, add_up, in_tiles
from vcohort.engine.inputs import Patients, Settings
from vcohort.engine.integrator.grid import Grid, Step, grid_axes, step_axes, steps_of
from vcohort.engine.integrator.path_state import (
    CureCrossing,
    PathState,
    first_path_state,
    path_step,
    treat_path_state,
    w_at_lambda,
)
from vcohort.engine.integrator.treatment import Jump, when_due
from vcohort.engine.methods import regrowth
from vcohort.engine.methods.loop import finals, initial_cells, start_of, strain_of, t_cell_segment
from vcohort.models import Cells, Model, Values


class _Course(NamedTuple):
    """One patient between two treatments: what was drawn at its start, and the nadir so far.

    ``number``: how many courses came before. ``first``: its first step. ``target``: W at which
    the last cell dies. ``nadir``: the step that begins at the lowest point of the path.
    """

    number: Array
    first: Array
    log_start: Array
    draw: Array
    target: Array
    lowest: Array
    nadir: Array


class _EndedCourses(NamedTuple):
    """Courses of one patient (course,): first step, step of the nadir, shift from there on."""

    first: Array
    nadir: Array
    log_shift: Array


class _State(NamedTuple):
    """What the time loop carries of one patient."""

    path: PathState
    course: _Course
    ended: _EndedCourses
    cured: Array
    cure: CureCrossing


class _Fate(NamedTuple):
    """What becomes of one patient's tumour: cured on a day (else infinite), or regrown."""

    cure_day: Array
    ended: _EndedCourses


_Loop: TypeAlias = tuple[_State, tuple[Carry, ...]]


@partial(jax.jit, static_argnames=("model", "endpoints"), compiler_options=COMPILER_OPTIONS)
def run(
    model: Model,
    endpoints: tuple[Endpoint, ...],
    patients: Patients,
    grid: Grid,
    settings: Settings,
) -> tuple[tuple[Array, ...], Array]:
    """Run a block: results of the endpoints (patient,), and each patient's strain (patient,)."""
    work = partial(_run, model, endpoints)
    axes, rows = (0, grid_axes(grid), None), grid.days.shape[0]
    return in_tiles(work, axes, rows, patients, grid, settings)


def _run(
    model: Model,
    endpoints: tuple[Endpoint, ...],
    patients: Patients,
    grid: Grid,
    settings: Settings,
) -> tuple[tuple[Array, ...], Array]:
    """Run a tile of a block."""
    t_cell = tuple(each for each in endpoints if isinstance(each, TCellEndpoint))
    tumour = tuple(each for each in endpoints if isinstance(each, TumourEndpoint))
    schedule = patients.schedule
    courses = 1 if schedule is None else 1 + schedule.day.shape[1]
    first = jax.vmap(initial_cells)(patients.values)
    starts = jax.vmap(partial(start_of, settings=settings))(patients.values)
    keys = fold(settings.seed, *patients.number)
    steps = steps_of(grid)

    def body(carry: _Loop, step: Step) -> tuple[_Loop, Cubic]:
        state, carries = carry
        state, _ = when_due(schedule, step, partial(_renew, step.number), (state, keys))
        advance = jax.vmap(partial(_advance, model, t_cell), (0, 0, 0, step_axes(step)))
        state, carries, path = advance(patients.values, state, carries, step)
        return (state, carries), path

    begun = jax.vmap(partial(_begin, courses))(first, keys)
    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in t_cell)
    (state, carries), paths = scan_first(settings.steps, body, (begun, carries), steps)
    fates = jax.vmap(_close)(keys, state)
    seen = _fold(tumour, starts, settings.steps, steps, paths, fates)
    found = _in_order(endpoints, t_cell, carries, tumour, seen)
    return found, strain_of(state.path.t_cells, state.path.log_tumour)


def _begin(courses: int, cells: Cells, key: Key) -> _State:
    """Return one patient's state at day 0."""
    course = _course(jnp.uint32(0), jnp.uint32(0), cells.log_tumour, key)
    unused = jnp.full(courses, jnp.iinfo(jnp.uint32).max, jnp.uint32)
    ended = _EndedCourses(unused, unused, jnp.zeros(courses, cells.log_tumour.dtype))
    none = CureCrossing.none(cells.log_tumour)
    return _State(first_path_state(cells), course, ended, jnp.asarray(False), none)


def _course(number: Array, first: Array, log_cells: Array, key: Key) -> _Course:
    """Begin a course of one patient: draw what decides on cure."""
    draw = regrowth.exponential(key, number, log_cells.dtype)
    target = w_at_lambda(draw, log_cells)
    return _Course(number, first, log_cells, draw, target, log_cells, first)


def _renew(number: Array, jump: Jump, state_and_key: tuple[_State, Key]) -> tuple[_State, Key]:
    """End one patient's course at a treatment, with a whole number of cells, and begin the next."""
    state, key = state_and_key
    course, path, alive = state.course, state.path, ~state.cured
    log_cells = regrowth.log_cells(key, course.number, _end(state), alive)
    log_cells = jnp.where(alive, log_cells, 0.0)
    ended = _end_course(state, log_cells - path.log_tumour)
    begun = PathState(path.t_cells, log_cells, jnp.zeros_like(path.w))
    course = _course(course.number + 1, number, log_cells, key)
    return _State(treat_path_state(jump, begun), course, ended, state.cured, state.cure), key


def _close(key: Key, state: _State) -> _Fate:
    """Draw the regrowth of one patient's last course."""
    log_shift = regrowth.log_factor(key, state.course.number, _end(state), ~state.cured)
    cure_day = jnp.where(state.cured, state.cure.crossing_day(), jnp.inf)
    return _Fate(cure_day, _end_course(state, log_shift))


def _end(state: _State) -> regrowth.End:
    """Return the end of one patient's course."""
    course, path = state.course, state.path
    return regrowth.end_of(path.w, path.log_tumour, course.log_start, course.draw)


def _end_course(state: _State, log_shift: Array) -> _EndedCourses:
    """Note the course that ends."""
    course, ended = state.course, state.ended
    mine = jnp.arange(ended.first.size) == course.number
    noted = _EndedCourses(course.first, course.nadir, log_shift)
    return jax.tree.map(lambda new, old: jnp.where(mine, new, old), noted, ended)


def _advance(
    model: Model,
    endpoints: tuple[TCellEndpoint, ...],
    values: Values,
    state: _State,
    carries: tuple[Carry, ...],
    step: Step,
) -> tuple[_State, tuple[Carry, ...], Cubic]:
    """Step one patient along the deterministic path; note the step in which W meets its target."""
    course = state.course
    moved = path_step(model, values, state.path, step.days)
    before = state.path.w
    now = (before < course.target) & (moved.w >= course.target) & ~state.cured
    log_needed = jnp.log(jnp.where(now, course.target - before, 1.0))
    crossing = CureCrossing(step.day, step.end, moved.growth, log_needed)
    cure = jax.tree.map(lambda new, old: jnp.where(now, new, old), crossing, state.cure)
    end = moved.tumour.end
    lower = end < course.lowest
    course = course._replace(
        lowest=jnp.where(lower, end, course.lowest),
        nadir=jnp.where(lower, step.number + 1, course.nadir),
    )
    segment = t_cell_segment(step, state.path.t_cells, moved.moved)
    carries = tuple(
        endpoint.update(carry, segment) for endpoint, carry in zip(endpoints, carries, strict=True)
    )
    state = _State(moved.after, course, state.ended, state.cured | now, cure)
    return state, carries, moved.tumour


def _fold(
    endpoints: tuple[TumourEndpoint, ...],
    starts: Start,
    count: Array,
    steps: Step,
    paths: Cubic,
    fates: _Fate,
) -> tuple[Carry, ...]:
    """Fold the tumour's endpoints over stored paths (step, patient), given the fates."""

    def see(start: Start, fate: _Fate, path: Cubic, carries: tuple[Carry, ...], step: Step):
        shift = _shift(fate.ended, step.number)
        path = path._replace(start=path.start + shift, end=path.end + shift)
        extinct = fate.cure_day <= step.end
        reach = Reach.of(path, start.log_progression)
        segment = TumourSegment(
            step.day, step.end, path, extinct, fate.cure_day,
            reach.reached & ~extinct, reach.crossing(step.day, step.end),
        )  # fmt: skip
        pairs = zip(endpoints, carries, strict=True)
        return tuple(endpoint.update(carry, segment) for endpoint, carry in pairs)

    def body(carries: tuple[Carry, ...], item: tuple[Step, Cubic]):
        step, path = item
        return jax.vmap(see, (0, 0, 0, 0, step_axes(step)))(
            starts, fates, path, carries, step
        ), None

    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in endpoints)
    return scan_first(count, body, carries, (steps, paths))[0]


def _shift(ended: _EndedCourses, number: Array) -> Array:
    """Return how far above the deterministic path one patient's tumour is in a step."""
    ends = jnp.append(ended.first[1:], jnp.uint32(jnp.iinfo(jnp.uint32).max))
    # The first step of a course already starts from the cells that were drawn.
    now = (ended.first <= number) & (number < ends) & (ended.nadir <= number)
    return add_up(jnp.where(now, ended.log_shift, 0.0))


def _in_order(
    endpoints: tuple[Endpoint, ...],
    t_cell: tuple[TCellEndpoint, ...],
    t_cell_carries: tuple[Carry, ...],
    tumour: tuple[TumourEndpoint, ...],
    tumour_carries: tuple[Carry, ...],
) -> tuple[Array, ...]:
    """Return the results in the order in which the endpoints were given."""
    carries: dict[Endpoint, Carry] = dict(zip(t_cell, t_cell_carries, strict=True))
    carries |= dict(zip(tumour, tumour_carries, strict=True))
    ordered = tuple(carries[endpoint] for endpoint in endpoints)
    return jax.vmap(partial(finals, endpoints))(ordered)
