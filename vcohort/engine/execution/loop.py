"""The time loop of patients side by side: one program, one step after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.branches import scan_first
from vcohort.engine.integrator.grid import Step, step_axes
from vcohort.engine.integrator.jumps import due_now, jump_of
from vcohort.engine.programs.base import Found, Kept, Patient, PatientProgram, State

Programs = tuple[PatientProgram[Any, Any, Any], ...]
"""Programs to run in turn."""

_ONE: Any = 0
_AXES = Patient(values=_ONE, schedule=_ONE, key=_ONE, settings=None, before=_ONE)


class Followed(NamedTuple, Generic[State, Kept, Found]):
    """States on day 0 (patient, …), what is kept (step, patient, …) and found (patient, …)."""

    first: State
    kept: Kept
    found: Found


def follow(
    program: PatientProgram[State, Kept, Found],
    patients: Patient,
    steps: Step,
    count: Array | int | None = None,
) -> Followed[State, Kept, Found]:
    """Run a program over the steps of a grid, for patients whose arrays have the patient first.

    ``count``: only so many steps are taken, by one compiled program for all counts; what is kept of
    the others is 0. Without it all are taken, and derivatives of either mode pass through: on the
    way back a step is computed again, which is cheaper than to store its inner results.
    """

    def body(states: State, step: Step) -> tuple[State, Kept]:
        states = _when_due(program.treat, patients, step, states)
        move = jax.vmap(program.step, (_AXES, 0, step_axes(step)))
        return move(patients, states, step)

    first = jax.vmap(program.init, (_AXES,))(patients)
    if count is None:
        last, kept = jax.lax.scan(jax.checkpoint(body), first, steps, reverse=program.backwards)
    else:
        last, kept = scan_first(count, body, first, steps, reverse=program.backwards)
    return Followed(first, kept, jax.vmap(program.final, (_AXES, 0))(patients, last))


def follow_all(
    programs: Programs, patients: Patient, steps: Step, count: Array | int | None = None
) -> Followed[Any, Any, Any]:
    """Run programs in turn, each over what the one before it kept and found; return the last."""
    first, *later = programs
    followed = follow(first, patients, steps, count)
    for program in later:
        # What a treatment did is in what was kept.
        patients = patients._replace(schedule=None, before=followed.found)
        followed = follow(program, patients, steps._replace(stored=followed.kept), count)
    return followed


def _when_due(treat: Callable[..., State], patients: Patient, step: Step, states: State) -> State:
    """Return the states, changed for each patient due for treatment: free where no one is."""
    schedule = patients.schedule
    if schedule is None:
        return states
    axes = step_axes(step)
    due = jax.vmap(due_now, (0, axes))(schedule, step)

    def treated(states: State) -> State:
        jumps = jax.vmap(jump_of)(schedule, due)
        after = jax.vmap(treat, (_AXES, 0, axes, 0))(patients, states, step, jumps)
        chosen = due.any(axis=-1)

        def choose(new: Array, old: Array) -> Array:
            return jnp.where(chosen.reshape(chosen.shape + (1,) * (new.ndim - 1)), new, old)

        return jax.tree.map(choose, after, states)

    return jax.lax.cond(due.any(), treated, lambda states: states, states)
