"""The fate of the tumour by the closed form, with no random number in the time loop.

One exponential draw E gives the day of cure: the day on which Lambda (see ``path_state``) has
fallen to E, if there is one. Else at least one lineage survives, and the tumour that regrows
is a sum of lineages (Kendall 1948; the theory page derives it; ``regrowth`` draws it).

A treatment begins a new course: the number of tumour cells is drawn, and all starts afresh.

Two programs run in turn: :class:`DrawnFate` keeps the deterministic path and draws the fate, then
:class:`FatedTumour` folds the endpoints of the tumour over that path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Counters, Flag, Number, Numbers
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
from vcohort.engine.chance.random import Key
from vcohort.engine.compiling.tiles import add_up
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.jumps import Jump
from vcohort.engine.integrator.path_state import (
    CureCrossing,
    PathState,
    PathStep,
    cells_on,
    first_path_state,
    path_step,
    treat_path_state,
    w_at_lambda,
)
from vcohort.engine.integrator.step import strain_of
from vcohort.engine.methods import regrowth
from vcohort.engine.programs.base import LaterProgram, Outcomes, Patient, PatientProgram
from vcohort.engine.programs.folding import (
    Carries,
    begin,
    results,
    start_of,
    t_cell_segment,
    update,
)
from vcohort.models import Model


class _Course(NamedTuple):
    """One patient between two treatments: what was drawn at its start, and the nadir so far.

    ``number``: how many courses came before. ``first``: its first step. ``target``: W at which
    the last cell dies. ``nadir``: the step that begins at the lowest point of the path.
    """

    number: Counter
    first: Counter
    log_start: Number
    draw: Number
    target: Number
    lowest: Number
    nadir: Counter


class _EndedCourses(NamedTuple):
    """Courses of one patient (course,): first step, step of the nadir, shift from there on."""

    first: Counters
    nadir: Counters
    log_shift: Numbers


class _State(NamedTuple):
    """What the time loop carries of one patient."""

    path: PathState
    course: _Course
    ended: _EndedCourses
    cured: Flag
    cure: CureCrossing
    carries: Carries


class Fate(NamedTuple):
    """What becomes of one patient's tumour: cured on a day (else infinite), or regrown."""

    cure_day: Number
    ended: _EndedCourses


class Drawn(NamedTuple):
    """What is known of one patient once its fate is drawn; of the T cells all is."""

    start: Start
    fate: Fate
    t_cells: Carries
    strain: Number


@dataclass(frozen=True)
class DrawnFate(PatientProgram[_State, Cubic, Drawn]):
    """The deterministic path, whose tumour is kept, endpoints of the T cells, and the fate."""

    model: Model
    endpoints: tuple[TCellEndpoint, ...]
    keeps: bool = True

    def init(self, patient: Patient) -> _State:
        path = first_path_state(self.model, patient.values)
        start = start_of(cells_on(self.model, path), patient.settings)
        course = _course(jnp.uint32(0), jnp.uint32(0), path.log_tumour, _key(patient))
        courses = 1 if patient.schedule is None else 1 + patient.schedule.day.size
        unused = jnp.full(courses, jnp.iinfo(jnp.uint32).max, jnp.uint32)
        ended = _EndedCourses(unused, unused, jnp.zeros(courses, path.log_tumour.dtype))
        none = CureCrossing.none(path.log_tumour)
        return _State(path, course, ended, jnp.asarray(False), none, begin(self.endpoints, start))

    def step(self, patient: Patient, state: _State, step: Step) -> tuple[_State, Cubic]:
        moved = path_step(self.model, patient.values, state.path, step.days)
        before, after = (cells_on(self.model, path) for path in (state.path, moved.after))
        segment = t_cell_segment(step, before, after, moved.moved)
        carries = update(self.endpoints, state.carries, segment)
        return _noted(state, moved, step)._replace(path=moved.after, carries=carries), moved.tumour

    def treat(self, patient: Patient, state: _State, step: Step, jump: Jump) -> _State:
        """End the course with a whole number of cells, and begin the next."""
        key = _key(patient)
        course, path, alive = state.course, state.path, ~state.cured
        log_cells = regrowth.log_cells(key, course.number, _end(state), alive)
        log_cells = jnp.where(alive, log_cells, 0.0)
        ended = _end_course(state, log_cells - path.log_tumour)
        begun = PathState(path.compartments, {"B": log_cells}, jnp.zeros_like(path.w))
        course = _course(course.number + 1, step.number, log_cells, key)
        treated = treat_path_state(self.model, patient.values, jump, begun)
        return state._replace(path=treated, course=course, ended=ended)

    def final(self, patient: Patient, state: _State) -> Drawn:
        """Draw the regrowth of the last course."""
        number, alive = state.course.number, ~state.cured
        log_shift = regrowth.log_factor(_key(patient), number, _end(state), alive)
        cure_day = jnp.where(state.cured, state.cure.crossing_day(), jnp.inf)
        fate = Fate(cure_day, _end_course(state, log_shift))
        first = cells_on(self.model, first_path_state(self.model, patient.values))
        start = start_of(first, patient.settings)
        strain = strain_of(state.path.compartments, state.path.log_tumour)
        return Drawn(start, fate, state.carries, strain)


@dataclass(frozen=True)
class FatedTumour(LaterProgram[Carries, None, Outcomes]):
    """The endpoints of the tumour, given its path and its fate; then the results of all."""

    endpoints: tuple[Endpoint, ...]

    def init(self, patient: Patient) -> Carries:
        return begin(self._of_tumour, patient.before.start)

    def step(self, patient: Patient, state: Carries, step: Step) -> tuple[Carries, None]:
        drawn: Drawn = patient.before
        path, fate = step.stored, drawn.fate
        shift = _shift(fate.ended, step.number)
        path = path._replace(start=path.start + shift, end=path.end + shift)
        extinct = fate.cure_day <= step.end
        reach = Reach.of(path, drawn.start.log_progression)
        segment = TumourSegment(
            step.day, step.end, path, extinct, fate.cure_day,
            reach.reached & ~extinct, reach.crossing(step.day, step.end), path,
        )  # fmt: skip
        return update(self._of_tumour, state, tumour=segment), None

    def final(self, patient: Patient, state: Carries) -> Outcomes:
        drawn: Drawn = patient.before
        of_t_cells, of_tumour = iter(drawn.t_cells), iter(state)
        carries: tuple[Carry, ...] = tuple(
            next(of_tumour if isinstance(endpoint, TumourEndpoint) else of_t_cells)
            for endpoint in self.endpoints
        )
        return Outcomes(results(self.endpoints, carries), drawn.strain)

    @property
    def _of_tumour(self) -> tuple[TumourEndpoint, ...]:
        return tuple(each for each in self.endpoints if isinstance(each, TumourEndpoint))


def exact(model: Model, endpoints: tuple[Endpoint, ...]) -> tuple[DrawnFate, FatedTumour]:
    """Return the programs to run in turn."""
    of_t_cells = tuple(each for each in endpoints if isinstance(each, TCellEndpoint))
    return DrawnFate(model, of_t_cells), FatedTumour(endpoints)


def _key(patient: Patient) -> Key:
    assert patient.key is not None
    return patient.key


def _course(number: Counter, first: Counter, log_cells: Number, key: Key) -> _Course:
    """Begin a course of one patient: draw what decides on cure."""
    draw = regrowth.exponential(key, number, log_cells.dtype)
    target = w_at_lambda(draw, log_cells)
    return _Course(number, first, log_cells, draw, target, log_cells, first)


def _end(state: _State) -> regrowth.End:
    """Return the end of one patient's course."""
    course, path = state.course, state.path
    return regrowth.end_of(path.w, path.log_tumour, course.log_start, course.draw)


def _end_course(state: _State, log_shift: Number) -> _EndedCourses:
    """Note the course that ends."""
    course, ended = state.course, state.ended
    mine = jnp.arange(ended.first.size) == course.number
    noted = _EndedCourses(course.first, course.nadir, log_shift)
    return jax.tree.map(lambda new, old: jnp.where(mine, new, old), noted, ended)


def _noted(state: _State, moved: PathStep, step: Step) -> _State:
    """Note whether W meets its target in a step, and whether the path is at its lowest."""
    course, before = state.course, state.path.w
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
    return state._replace(course=course, cured=state.cured | now, cure=cure)


def _shift(ended: _EndedCourses, number: Counter) -> Number:
    """Return how far above the deterministic path one patient's tumour is in a step."""
    ends = jnp.append(ended.first[1:], jnp.uint32(jnp.iinfo(jnp.uint32).max))
    # The first step of a course already starts from the cells that were drawn.
    now = (ended.first <= number) & (number < ends) & (ended.nadir <= number)
    return add_up(jnp.where(now, ended.log_shift, 0.0))
