"""Programs in one kernel of a GPU: a patient stays in registers from day 0 to the horizon.

The same four functions of a program that ``loop`` maps over patients are traced here number by
number (``lanes``), for as many patients side by side as a group of threads has. No path is stored:
a program that reads what the one before it kept of a step has that one step anew beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.branches import when
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.execution.kernel import Forms, Inputs, in_a_kernel
from vcohort.engine.execution.loop import Programs
from vcohort.engine.inputs import Block, Patients
from vcohort.engine.integrator.grid import Grid, Step
from vcohort.engine.integrator.jumps import Schedule, due_now, jump_of
from vcohort.engine.lanes import NotInLanes, run, turns
from vcohort.engine.programs.base import Patient, PatientProgram


class _Shared(NamedTuple):
    """What all patients of a block have in common; ``taken``: so many steps of the grid."""

    taken: Array
    seed: Key | None
    settings: Any


def follow_fused(programs: Programs, block: Block, *, interpret: bool) -> tuple[Any, Any]:
    """Return what the last program finds of a block (patient, …), as ``loop.follow_all`` does.

    Where points are to be saved, also what a single :class:`SavingProgram` keeps at each point of
    the grid, (point, patient), day 0 the first; else None. ``interpret``: have XLA run the kernel's
    operations, on a device for which it is not compiled.

    :raises NotInLanes: where a program holds what is no operation of single numbers.
    """
    if any(program.backwards for program in programs):
        raise NotInLanes("a program that goes back in time")
    patients, grid, saving = block.patients, block.grid, block.points is not None
    taken = grid.days.shape[0] if block.taken is None else block.taken
    shared = _Shared(jnp.asarray(taken, jnp.int32), block.seed, block.settings)
    found, kept = jax.eval_shape(partial(_whole, programs), *_one_of(patients, grid, shared))
    inputs, forms = Inputs(patients, grid, shared), Forms(found, kept if saving else None)
    return in_a_kernel(partial(_follow, programs, saving), inputs, forms, interpret=interpret)


def _follow(
    programs: Programs,
    saving: bool,
    block: Patients,
    shared: _Shared,
    step_of: Callable[[Array], Step],
    keep: Callable[[Any, Any], None],
) -> Any:
    """Run programs in turn, each beside those before it; all are trees of parts."""
    patients = (run(_patient, block, shared),)
    for last in range(len(programs)):
        chain = programs[: last + 1]
        states = run(partial(_begin, chain), patients)
        if saving:
            keep(0, run(cast("Any", chain[-1]).saved, states[-1]))

        def turn(index: Array, states: Any, chain: Any = chain, known: Any = patients) -> Any:
            after, kept = run(partial(_turn, chain), known, states, step_of(index))
            if saving:
                keep(index + 1, kept)
            return after

        states = turns(shared.taken[()], turn, states)
        found = run(chain[-1].final, patients[-1], states[-1])
        # What a treatment did is in what is kept.
        patients = (*patients, patients[-1]._replace(schedule=None, before=found))
    return patients[-1].before


def _patient(block: Patients, shared: _Shared) -> Patient:
    """Return one patient of a block, as programs see it."""
    key = None if shared.seed is None else fold(shared.seed, *block.number)
    return Patient(block.values, block.schedule, key, shared.settings)


def _begin(programs: Programs, patients: tuple[Patient, ...]) -> tuple[Any, ...]:
    pairs = zip(programs, patients, strict=True)
    return tuple(program.init(patient) for program, patient in pairs)


def _turn(
    programs: Programs, patients: tuple[Patient, ...], states: tuple[Any, ...], step: Step
) -> tuple[tuple[Any, ...], Any]:
    """Advance all programs by one step, each with what the one before it kept of the step.

    Also return what the last one keeps of it.
    """
    after: list[Any] = []
    for program, patient, state in zip(programs, patients, states, strict=True):
        now, kept = program.step(patient, _treated(program, patient, state, step), step)
        after.append(now)
        step = step._replace(stored=kept)
    return tuple(after), step.stored


def _treated(
    program: PatientProgram[Any, Any, Any], patient: Patient, state: Any, step: Step
) -> Any:
    schedule = patient.schedule
    if schedule is None:
        return state
    due = due_now(schedule, step)

    def treat(schedule: Schedule, due: Array, patient: Patient, state: Any, step: Step) -> Any:
        return program.treat(patient, state, step, jump_of(schedule, due))

    return when(due.any(), treat, state, schedule, due, patient, state, step)


def _whole(programs: Programs, block: Patients, shared: _Shared, step: Step) -> Any:
    """Return what is found and kept of one patient after a single step: in form, as after all."""
    kept: Any = None
    patients = (_patient(block, shared),)
    for last in range(len(programs)):
        chain = programs[: last + 1]
        states, kept = _turn(chain, patients, _begin(chain, patients), step)
        found = chain[-1].final(patients[-1], states[-1])
        patients = (*patients, patients[-1]._replace(schedule=None, before=found))
    return patients[-1].before, kept


def _one_of(patients: Patients, grid: Grid, shared: _Shared) -> tuple[Patients, _Shared, Step]:
    """Return the form of one patient, of what all share, and of one step."""

    def form(leaf: Any, axes: int) -> Any:
        return jax.ShapeDtypeStruct(jnp.shape(leaf)[axes:], jnp.result_type(leaf))

    number: Any = jax.ShapeDtypeStruct((), jnp.uint32)
    one = jax.tree.map(partial(form, axes=1), patients)
    all_share = jax.tree.map(partial(form, axes=0), shared)
    return one, all_share, Step(number, *(form(part, part.ndim) for part in grid))
