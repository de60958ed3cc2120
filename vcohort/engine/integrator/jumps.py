"""Treatments after day 0: jumps of the compartments at the start of the step of their day."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Flags, Number, Numbers
from vcohort.engine.compiling.tiles import add_up
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.step import Compartments
from vcohort.models import Model, Values

# So small a share of the cells that are there adds the first term of its series, and no more.
_FEW = 1e-20

# exp of this is finite in float32.
_LARGEST_LOG = 80.0


class Schedule(NamedTuple):
    """Treatments: arrays (treatment,) of one patient, (patient, treatment) of a block.

    An infinite ``day`` never comes. Of each compartment a share lives through, given as its log;
    ``cells`` CAR T cells are then infused.
    """

    day: Numbers
    log_survival: dict[str, Numbers]
    cells: Numbers


class Jump(NamedTuple):
    """What befalls one patient's compartments at one moment."""

    log_survival: dict[str, Number]
    cells: Number


def due_now(schedule: Schedule, step: Step) -> Flags:
    """Return which treatments (treatment,) of one patient fall on the start of a step."""
    # A step of no length is not the one that follows the treatment.
    return (schedule.day == step.day) & (step.days > 0.0)


def jump_of(schedule: Schedule, due: Flags) -> Jump:
    """Add up what is due (treatment,) of one patient's schedule."""

    def due_of(part: Numbers) -> Number:
        return add_up(jnp.where(due, part, 0.0))

    survival = {name: due_of(part) for name, part in schedule.log_survival.items()}
    return Jump(survival, due_of(schedule.cells))


def treat(model: Model, values: Values, jump: Jump, before: Compartments) -> Compartments:
    """Return one patient's compartments after a jump: what is left, and the product infused."""
    infused = model.infused(values)
    rest = jump.cells * (1.0 - sum(infused.values())) if infused else jump.cells
    logs = {name: _cut(log, jump.log_survival[name]) for name, log in before.logs.items()}
    logs["C"] = _infuse(logs["C"], rest)
    nothing = jnp.zeros_like(rest)
    numbers = {
        name: number * jnp.exp(jump.log_survival[name]) + infused.get(name, nothing) * jump.cells
        for name, number in before.numbers.items()
    }
    return Compartments(logs, dict.fromkeys(logs, nothing), numbers, before.strain)


def _infuse(log_car: Number, cells: Number) -> Number:
    """Return ln(C + cells), with the slope 1 / C at no cells, whose own logarithm has none."""
    each = jnp.exp(jnp.minimum(-log_car, _LARGEST_LOG))
    few = cells * each < _FEW
    log_cells = jnp.log(jnp.where(few, 1.0, cells))
    first_term = log_car + jnp.where(few, cells, 0.0) * each
    return jnp.where(few, first_term, jnp.logaddexp(log_car, log_cells))


def _cut(log_cells: Number, log_survival: Number) -> Number:
    """Cut a population, to one cell at the least: below, its law of growth means nothing."""
    cut, least = log_cells + log_survival, jnp.minimum(log_cells, 0.0)
    return jnp.where(cut <= least, least, cut)
