"""The deterministic path of a block, kept at every grid point; it can be differentiated."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import Carry, Start, TCellEndpoint
from vcohort.engine.grid import Grid, Step, step_axes, steps_of
from vcohort.engine.hazard import Hazard, extinct, first_hazard, stride, treat_hazard
from vcohort.engine.loop import finals, t_cell_segment
from vcohort.engine.treatment import Schedule, when_due
from vcohort.models import Cells, Model, Values


class Path(NamedTuple):
    """What the deterministic path of a block leaves.

    ``logs``: ln N, ln C and ln B (state, point, patient), and ``w``: the cure integral W
    (point, patient), at the points of the grid, day 0 the first; on a day of treatment, before
    it. ``seen``: results of the endpoints, (patient,) each.
    """

    logs: Array
    w: Array
    seen: tuple[Array, ...]

    @property
    def cured(self) -> Array:
        """P(no cell is left at the end) (patient,), where no rate depends on the tumour."""
        return extinct(self.w[-1], self.logs[2, 0])

    @property
    def lost(self) -> Array:
        """Whether the equations could not be followed (patient,): some state ends in no number."""
        return ~(self.logs[:, -1] < jnp.inf).all(axis=0)


@partial(jax.jit, static_argnames=("model", "endpoints"))
def path(
    model: Model,
    values: dict[str, Array],
    schedule: Schedule | None,
    grid: Grid,
    endpoints: tuple[TCellEndpoint, ...] = (),
) -> Path:
    """Follow a block along its deterministic path.

    Endpoints of T cells may be folded along; those that search for a day (``Kinetics``) have
    forward-mode derivatives only.
    """

    def advance(values: Values, hazard: Hazard, carries: tuple[Carry, ...], step: Step):
        moved = stride(model, values, hazard, step.days)
        segment = t_cell_segment(step, hazard.t_cells, moved.moved)
        pairs = zip(endpoints, carries, strict=True)
        return moved.after, tuple(endpoint.update(carry, segment) for endpoint, carry in pairs)

    # Steps are cheaper to compute again, on the way back, than their inner results to store.
    @jax.checkpoint
    def body(carry: tuple[Hazard, tuple[Carry, ...]], step: Step):
        hazards, carries = carry
        hazards = when_due(schedule, step, treat_hazard, hazards)
        after = jax.vmap(advance, (0, 0, 0, step_axes(step)))(values, hazards, carries, step)
        return after, (_logs(after[0]), after[0].w)

    cells = Cells(*(jnp.log(values[name]) for name in ("N0", "C0", "B0")))
    first = first_hazard(cells)
    # No endpoint of the T cells asks for a level of progression or the horizon.
    unused = jnp.zeros_like(cells.log_tumour)
    carries = tuple(jax.vmap(each.init)(Start(*cells, unused, unused)) for each in endpoints)
    (_, carries), (logs, w) = jax.lax.scan(body, (first, carries), steps_of(grid))
    logs = jnp.concatenate([_logs(first)[None], logs]).swapaxes(0, 1)
    w = jnp.concatenate([first.w[None], w])
    return Path(logs, w, jax.vmap(partial(finals, endpoints))(carries) if endpoints else ())


def _logs(hazard: Hazard) -> Array:
    return jnp.stack([hazard.t_cells.log_normal, hazard.t_cells.log_car, hazard.log_tumour])
