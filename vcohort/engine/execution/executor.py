"""Programs of one patient, run for a block: compiled once, as fits the kind of device.

On a CPU in tiles that fit caches; on a GPU in one kernel, or step by step where it cannot be.
"""

from __future__ import annotations

from functools import cache, partial
from operator import itemgetter
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.chance.random import Key, fold
from vcohort.engine.compiling.platform import compiler_options, platform
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.execution.backend import FUSED, SCAN, asked, has_kernels, refuse
from vcohort.engine.execution.loop import Programs, follow, follow_all
from vcohort.engine.inputs import Block, Patients
from vcohort.engine.integrator.grid import Grid, grid_axes, steps_of
from vcohort.engine.lanes import NotInLanes
from vcohort.engine.programs.base import Patient, SavingProgram
from vcohort.late import is_traced


def execute(
    programs: Programs,
    patients: Patients,
    grid: Grid,
    count: Array | int | None,
    seed: Key | None = None,
    settings: Any = None,
    points: Array | None = None,
) -> tuple[Any, Any]:
    """Return what the last program finds of a block, and the states saved at grid ``points``.

    Within a traced function, programs are a loop that derivatives pass through.

    :param programs: run in turn, each over what the one before it kept and found.
    :param count: steps of the grid, which may have room for more; None: all of them.
    :param seed: of the patients' chance; None where they have none.
    :param points: (time, patient), or (time, 1) on a grid that all share. What is saved on a day of
        treatment is the state before it; on day 0, after it.
    :raises VcohortError: where the user asks for a backend that cannot run the programs.
    """
    given = patients, grid, count, seed, settings, points
    is_part = any(map(is_traced, jax.tree.leaves(given)))
    work = _traced() if is_part else compiled_for(platform(), asked())
    return work(programs, *given)


@cache
def compiled_for(kind: str, backend: str | None) -> Any:
    """Return :func:`execute` for a kind of device, jitted: it keeps what it compiled."""
    options = compiler_options(kind)
    return jax.jit(partial(_execute, backend), static_argnums=0, compiler_options=options)


@cache
def _traced() -> Any:
    """Return :func:`execute` as part of a function that has options of its own."""
    return jax.jit(partial(_execute, SCAN), static_argnums=0)


def _execute(backend: str | None, programs: Programs, *given: Any) -> tuple[Any, Any]:
    block = Block(*given)
    if backend == FUSED or (backend != SCAN and has_kernels()):
        try:
            return _fused(programs, block)
        except NotInLanes as error:
            if backend == FUSED:
                raise refuse(str(error)) from error
    grid, points = block.grid, block.points
    saved = None if points is None or points.shape[1] == 1 else 1
    axes = (0, grid_axes(grid), None, None, None, saved)
    rows = grid.days.shape[0] if programs[0].keeps else 1
    rows += 0 if points is None else points.shape[0]
    return in_tiles(partial(_scan, programs), axes, rows, *block)


def _fused(programs: Programs, block: Block) -> tuple[Any, Any]:
    """Run a block in one kernel, each of its patients in registers."""
    # Pallas is experimental: what a JAX may be without is imported where it is used.
    from vcohort.engine.execution.fused import follow_fused  # noqa: PLC0415

    found, kept = follow_fused(programs, block, interpret=not has_kernels())
    if block.points is None:
        return found, None
    first, later = (jax.tree.map(itemgetter(rows), kept) for rows in (0, slice(1, None)))
    return found, _pick(first, later, block.points)


def _scan(programs: Programs, *given: Any) -> tuple[Any, Any]:
    """Run a tile of a block, step by step."""
    block = Block(*given)
    key = None if block.seed is None else fold(block.seed, *block.patients.number)
    each = Patient(block.patients.values, block.patients.schedule, key, block.settings)
    steps = steps_of(block.grid)
    if block.points is None:
        return follow_all(programs, each, steps, block.taken).found, None
    (program,) = programs
    assert isinstance(program, SavingProgram)
    followed = follow(program, each, steps, block.taken)
    first = jax.vmap(program.saved)(followed.first)
    return followed.found, _pick(first, followed.kept, block.points)


def _pick(first: Any, later: Any, points: Array) -> Any:
    """Pick the saved grid points, (patient, time); point 0 is the start."""

    def pick(start: Array, rest: Array) -> Array:
        index = jnp.maximum(points - 1, 0)
        shared = points.shape[1] == 1
        picked = rest[index[:, 0]] if shared else jnp.take_along_axis(rest, index, axis=0)
        return jnp.where(points == 0, start[None], picked).T

    return jax.tree.map(pick, first, later)
