"""The probability of cure, without a random number and without a threshold; differentiable."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.apart import apart
from vcohort.engine.grid import Grid, Step, grid_axes, steps_of
from vcohort.engine.hazard import Hazard, advance, extinct, first_hazard
from vcohort.engine.tiles import in_tiles
from vcohort.engine.treatment import Schedule
from vcohort.models import Cells, Model


@partial(jax.jit, static_argnames=("model",))
def cure_probability(
    model: Model, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> Array:
    """Return P(no tumour cell is left at the end of the grid), (patient,).

    exp(-Lambda) with Lambda as in :mod:`vcohort.engine.hazard`.
    """
    axes = (0, 0, grid_axes(grid))
    return in_tiles(partial(_cure_probability, apart(model)), axes, values, schedule, grid)


def _cure_probability(
    model: Model, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> Array:
    """Return the probabilities of a tile of a block."""

    # Keeping only the path, and not each step's inner results, for the way back: a step is
    # cheaper to compute again than its results are to store.
    @jax.checkpoint
    def body(hazards: Hazard, step: Step) -> tuple[Hazard, None]:
        return advance(model, values, schedule, hazards, step), None

    cells = Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))
    end, _ = jax.lax.scan(body, first_hazard(cells), steps_of(grid))
    return extinct(end.w, cells.log_tumour)
