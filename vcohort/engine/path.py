"""The deterministic path of a block, kept at every grid point; it can be differentiated."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.grid import Grid, Step, steps_of
from vcohort.engine.hazard import Hazard, advance, extinct, first_hazard
from vcohort.engine.treatment import Schedule
from vcohort.models import Cells, Model


@partial(jax.jit, static_argnames=("model",))
def path(
    model: Model, values: dict[str, Array], schedule: Schedule | None, grid: Grid
) -> tuple[Array, Array]:
    """Return ln N, ln C and ln B (state, point, patient), and P(cure by the end) (patient,).

    Points are those of the grid, day 0 the first; on a day of treatment, before it. The
    probability holds where no rate depends on the tumour.
    """

    def body(hazards: Hazard, step: Step) -> tuple[Hazard, Array]:
        after = advance(model, values, schedule, hazards, step)
        return after, _logs(after)

    cells = Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))
    first = first_hazard(cells)
    end, later = jax.lax.scan(body, first, steps_of(grid))
    points = jnp.concatenate([_logs(first)[None], later])
    return points.swapaxes(0, 1), extinct(end.w, cells.log_tumour)


def _logs(hazard: Hazard) -> Array:
    return jnp.stack([hazard.t_cells.log_normal, hazard.t_cells.log_car, hazard.log_tumour])
