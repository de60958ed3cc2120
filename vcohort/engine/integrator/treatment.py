"""Treatments after day 0: jumps of the T cells at the start of the step on whose day they fall."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Flags, Number, Numbers
from vcohort.engine.compiling.tiles import add_up
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.step import TCells

# So small a share of the cells that are there adds the first term of its series, and no more.
_FEW = 1e-20

# exp of this is finite in float32.
_LARGEST_LOG = 80.0


class Schedule(NamedTuple):
    """Treatments: arrays (treatment,) of one patient, (patient, treatment) of a block.

    An infinite ``day`` never comes. Of the T cells a share lives through, given as its log;
    ``cells`` CAR T cells are then infused.
    """

    day: Numbers
    log_normal_survival: Numbers
    log_car_survival: Numbers
    cells: Numbers


class Jump(NamedTuple):
    """What befalls one patient's T cells at one moment."""

    log_normal_survival: Number
    log_car_survival: Number
    cells: Number


def due_now(schedule: Schedule, step: Step) -> Flags:
    """Return which treatments (treatment,) of one patient fall on the start of a step."""
    # A step of no length is not the one that follows the treatment.
    return (schedule.day == step.day) & (step.days > 0.0)


def jump_of(schedule: Schedule, due: Flags) -> Jump:
    """Add up what is due (treatment,) of one patient's schedule."""
    parts = schedule.log_normal_survival, schedule.log_car_survival, schedule.cells
    return Jump(*(add_up(jnp.where(due, part, 0.0)) for part in parts))


def treat(jump: Jump, t_cells: TCells) -> TCells:
    """Return one patient's T cells after a jump."""
    car = _infuse(_cut(t_cells.log_car, jump.log_car_survival), jump.cells)
    nothing = jnp.zeros_like(car)
    normal = _cut(t_cells.log_normal, jump.log_normal_survival)
    return TCells(normal, car, nothing, nothing, t_cells.strain)


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
