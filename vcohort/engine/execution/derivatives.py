"""A number of each patient with its slopes, which depend on nobody else.

Derivatives could pass through a program's loop as they are. But a block that is worked through in
tiles has its slopes found tile by tile too, beside the number: else, on a CPU, each operation of
the way back would go through memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from vcohort.engine.compiling.outlining import outlined
from vcohort.engine.compiling.platform import platform
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.execution.loop import Programs, follow_all
from vcohort.engine.integrator.grid import Grid, grid_axes, steps_of
from vcohort.engine.integrator.jumps import Schedule
from vcohort.engine.programs.base import Patient

# The parts of a grid, the last of what a number depends on; patients are their second axis.
_OF_GRID = len(Grid._fields)


@partial(jax.jit, static_argnames=("programs",))
def differentiable(
    programs: Programs, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> tuple[Array, Array]:
    """Return the number that programs find in the end, (patient,), and strains (patient,).

    Differentiable once by its own rule, in either mode; strains have no slopes. Each of the
    programs, run in turn, has a ``model``.
    """
    leaves, form = jax.tree.flatten((values, schedule, grid))
    rows = grid.days.shape[0] if programs[0].keeps else 1

    @jax.custom_jvp
    def number(*leaves: Array) -> tuple[Array, Array]:
        block = jax.tree.unflatten(form, leaves)
        return in_tiles(partial(_find, programs), (0, 0, grid_axes(block[2])), rows, *block)

    def derive(leaves: Sequence[Array], ways: Sequence[Any]) -> tuple[Any, Any]:
        moved = [index for index, way in enumerate(ways) if not isinstance(way, SymbolicZero)]
        values, schedule, grid = jax.tree.unflatten(form, leaves)
        steps, patients = grid.days.shape[0], leaves[0].shape[0]
        if moved and moved[-1] >= len(leaves) - _OF_GRID and grid_axes(grid) is None:
            own = partial(jnp.broadcast_to, shape=(patients, steps))
            grid = jax.tree.map(lambda part: own(part).T, grid)
        work, axes = partial(_slopes, programs, moved), (0, 0, grid_axes(grid))
        found, strain, slopes = in_tiles(work, axes, steps, values, schedule, grid)
        rises = (_along(slope, ways[index]) for slope, index in zip(slopes, moved, strict=True))
        still = jnp.zeros_like(found)
        return (found, strain), (sum(rises, still), still)

    number.defjvp(derive, symbolic_zeros=True)
    return number(*leaves)


def _find(
    programs: Programs, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> tuple[Array, Array]:
    """Return the numbers and strains of a tile of a block."""
    number, strain = follow_all(programs, Patient(values, schedule), steps_of(grid)).found
    return number, strain


def _slopes(
    programs: Programs, moved: Sequence[int], *block: Any
) -> tuple[Array, Array, list[Array]]:
    """Return the numbers of a tile, its strains, and the slopes to some of its leaves."""
    leaves, form = jax.tree.flatten(block)

    def number(chosen: Sequence[Array]) -> tuple[Array, Array]:
        changed = list(leaves)
        for index, leaf in zip(moved, chosen, strict=True):
            changed[index] = leaf
        return _find(_for_the_way_back(programs), *jax.tree.unflatten(form, changed))

    chosen = [leaves[index] for index in moved]
    found, back, strain = jax.vjp(number, chosen, has_aux=True)
    (slopes,) = back(jnp.ones_like(found))
    shared = len(leaves) - _OF_GRID
    pairs = zip(slopes, moved, strict=True)
    return found, strain, [slope.T if index >= shared else slope for slope, index in pairs]


def _for_the_way_back(programs: Any) -> Programs:
    """Return the programs as their derivatives are compiled fastest.

    On a GPU a model apart would be a hundred small kernels a step in place of three.
    """
    if platform() != "cpu":
        return programs
    return tuple(replace(each, model=outlined(each.model)) for each in programs)


def _along(slope: Array, way: Array) -> Array:
    """Return how a number rises along a way: of (patient, …), or (step, patient)."""
    if way.shape == slope.shape[::-1] != slope.shape:
        way = way.T
    return jnp.sum(slope * way, axis=tuple(range(1, slope.ndim)))
