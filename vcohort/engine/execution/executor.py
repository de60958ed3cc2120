"""Programs of one patient, run for a block: compiled once; on a CPU in tiles that fit caches."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.chance.random import Key, fold
from vcohort.engine.compiling.tiles import COMPILER_OPTIONS, in_tiles
from vcohort.engine.execution.loop import Programs, follow, follow_all
from vcohort.engine.inputs import Patients
from vcohort.engine.integrator.grid import Grid, grid_axes, steps_of
from vcohort.engine.programs.base import Patient, SavingProgram


@partial(jax.jit, static_argnames=("programs",), compiler_options=COMPILER_OPTIONS)
def execute(
    programs: Programs,
    patients: Patients,
    grid: Grid,
    count: Array,
    seed: Key | None = None,
    settings: Any = None,
    points: Array | None = None,
) -> tuple[Any, Any]:
    """Return what the last program finds of a block, and the states saved at grid ``points``.

    :param programs: run in turn, each over what the one before it kept and found.
    :param count: steps of the grid, which may have room for more.
    :param seed: of the patients' chance; None where they have none.
    :param points: (time, patient), or (time, 1) on a grid that all share. What is saved on a day of
        treatment is the state before it; on day 0, after it.
    """
    saved = None if points is None or points.shape[1] == 1 else 1
    axes = (0, grid_axes(grid), None, None, None, saved)
    rows = grid.days.shape[0] if programs[0].keeps else 1
    rows += 0 if points is None else points.shape[0]
    work = partial(_execute, programs)
    return in_tiles(work, axes, rows, patients, grid, count, seed, settings, points)


def _execute(
    programs: Programs,
    patients: Patients,
    grid: Grid,
    count: Array,
    seed: Key | None,
    settings: Any,
    points: Array | None,
) -> tuple[Any, Any]:
    """Run a tile of a block."""
    key = None if seed is None else fold(seed, *patients.number)
    each = Patient(patients.values, patients.schedule, key, settings)
    steps = steps_of(grid)
    if points is None:
        return follow_all(programs, each, steps, count).found, None
    (program,) = programs
    assert isinstance(program, SavingProgram)
    followed = follow(program, each, steps, count)
    return followed.found, _pick(jax.vmap(program.saved)(followed.first), followed.kept, points)


def _pick(first: Any, later: Any, points: Array) -> Any:
    """Pick the saved grid points, (patient, time); point 0 is the start."""

    def pick(start: Array, rest: Array) -> Array:
        index = jnp.maximum(points - 1, 0)
        shared = points.shape[1] == 1
        picked = rest[index[:, 0]] if shared else jnp.take_along_axis(rest, index, axis=0)
        return jnp.where(points == 0, start[None], picked).T

    return jax.tree.map(pick, first, later)
