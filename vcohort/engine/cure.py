"""The probability of cure, without a random number and without a threshold; differentiable."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.drift import drift
from vcohort.engine.exact import Hazard, density, log_lambda
from vcohort.engine.loop import Grid, Step, steps_of
from vcohort.models import Cells, Model, Values

# exp(-exp(7)) is 0 even in float64; a cap keeps its derivative 0 rather than infinite times 0.
_LARGEST_LOG_LAMBDA = 7.0


@partial(jax.jit, static_argnames=("model",))
def cure_probability(model: Model, values: dict[str, Array], grid: Grid) -> Array:
    """Return P(no tumour cell is left at the end of the grid), (patient,).

    exp(-Lambda) with Lambda as in :mod:`vcohort.engine.exact`.
    """

    def body(hazards: Hazard, step: Step) -> tuple[Hazard, None]:
        moved = jax.vmap(partial(_advance, model), (0, 0, None))(values, hazards, step)
        return moved, None

    cells = Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))
    begin = Hazard(cells, jnp.zeros_like(cells.log_tumour))
    end, _ = jax.lax.scan(body, begin, steps_of(grid))
    log_hazard = jnp.minimum(log_lambda(end.w, cells.log_tumour), _LARGEST_LOG_LAMBDA)
    return jnp.exp(-jnp.exp(log_hazard))


def _advance(model: Model, values: Values, hazard: Hazard, step: Step) -> Hazard:
    before, w = hazard
    moved = drift(model, values, before, step.days)
    path = moved.passage.path(before.log_tumour)
    after = Cells(moved.log_normal, moved.log_car, path.end)
    return Hazard(after, w + density(moved.passage, path).integral)
