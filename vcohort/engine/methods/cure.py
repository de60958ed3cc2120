"""The probability of cure, without a random number and without a threshold; differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from vcohort.engine.compiling.outlining import outlined
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.integrator.grid import Grid, Step, grid_axes, steps_of
from vcohort.engine.integrator.path_state import PathState, advance, extinct, first_path_state
from vcohort.engine.integrator.treatment import Schedule
from vcohort.engine.methods.loop import initial_cells, strain_of
from vcohort.models import Model

# The parts of a grid, the last of what a probability depends on; patients are their second axis.
_OF_GRID = len(Grid._fields)


@partial(jax.jit, static_argnames=("model",))
def cure_probability(
    model: Model, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> tuple[Array, Array]:
    """Return P(no tumour cell is left at the end of the grid), (patient,), and strains (patient,).

    exp(-Lambda) with Lambda as in :mod:`vcohort.engine.integrator.path_state`. A patient's slopes
    depend on nobody else: where they are asked for, they are found beside the probability.
    """
    leaves, form = jax.tree.flatten((values, schedule, grid))

    @jax.custom_jvp
    def probability(*leaves: Array) -> tuple[Array, Array]:
        block = jax.tree.unflatten(form, leaves)
        return in_tiles(partial(_probability, model), (0, 0, grid_axes(block[2])), 1, *block)

    def derive(leaves: Sequence[Array], ways: Sequence[Any]) -> tuple[Any, Any]:
        moved = [index for index, way in enumerate(ways) if not isinstance(way, SymbolicZero)]
        values, schedule, grid = jax.tree.unflatten(form, leaves)
        steps, patients = grid.days.shape[0], leaves[0].shape[0]
        if moved and moved[-1] >= len(leaves) - _OF_GRID and grid_axes(grid) is None:
            own = partial(jnp.broadcast_to, shape=(patients, steps))
            grid = jax.tree.map(lambda part: own(part).T, grid)
        work, axes = partial(_slopes, model, moved), (0, 0, grid_axes(grid))
        found, strain, slopes = in_tiles(work, axes, steps, values, schedule, grid)
        rises = (_along(slope, ways[index]) for slope, index in zip(slopes, moved, strict=True))
        still = jnp.zeros_like(found)
        return (found, strain), (sum(rises, still), still)

    probability.defjvp(derive, symbolic_zeros=True)
    return probability(*leaves)


def _probability(
    model: Model, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> tuple[Array, Array]:
    """Return the probabilities and strains of a tile of a block."""

    # Keeping only the path, and not each step's inner results, for the way back: a step is
    # cheaper to compute again than its results are to store.
    @jax.checkpoint
    def body(states: PathState, step: Step) -> tuple[PathState, None]:
        return advance(model, values, schedule, states, step), None

    cells = initial_cells(values)
    end, _ = jax.lax.scan(body, first_path_state(cells), steps_of(grid))
    return extinct(end.w, cells.log_tumour), strain_of(end.t_cells, end.log_tumour)


def _slopes(model: Model, moved: Sequence[int], *block: Any) -> tuple[Array, Array, list[Array]]:
    """Return the probabilities of a tile, its strains, and the slopes to some of its leaves."""
    leaves, form = jax.tree.flatten(block)

    def probability(chosen: Sequence[Array]) -> tuple[Array, Array]:
        changed = list(leaves)
        for index, leaf in zip(moved, chosen, strict=True):
            changed[index] = leaf
        return _probability(outlined(model), *jax.tree.unflatten(form, changed))

    chosen = [leaves[index] for index in moved]
    found, back, strain = jax.vjp(probability, chosen, has_aux=True)
    (slopes,) = back(jnp.ones_like(found))
    shared = len(leaves) - _OF_GRID
    pairs = zip(slopes, moved, strict=True)
    return found, strain, [slope.T if index >= shared else slope for slope, index in pairs]


def _along(slope: Array, way: Array) -> Array:
    """Return how a probability rises along a way: of (patient, …), or (step, patient)."""
    if way.shape == slope.shape[::-1] != slope.shape:
        way = way.T
    return jnp.sum(slope * way, axis=tuple(range(1, slope.ndim)))
