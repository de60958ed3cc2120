"""The deterministic path of a block, kept at every grid point; it can be differentiated."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import Carry, Start, TCellEndpoint
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.integrator.grid import Grid, Step, step_axes, steps_of
from vcohort.engine.integrator.path_state import (
    PathState,
    extinct,
    first_path_state,
    path_step,
    treat_path_state,
)
from vcohort.engine.integrator.treatment import Schedule, when_due
from vcohort.engine.methods.loop import finals, initial_cells, strain_of, t_cell_segment
from vcohort.models import Model, Values


class Path(NamedTuple):
    """What the deterministic path of a block leaves.

    ``logs``: ln N, ln C and ln B (state, point, patient), and ``w``: the cure integral W
    (point, patient), at the points of the grid, day 0 the first; on a day of treatment, before
    it. ``largest``: of ln B, on the step that ends at a point. ``growth``: how ln B and W go on
    within each step (step, patient). ``strain``: as of
    ``loop.Found``. ``seen``: results of the endpoints, (patient,) each.
    """

    logs: Array
    w: Array
    largest: Array
    growth: Accrual
    strain: Array
    seen: tuple[Array, ...]

    @property
    def cured(self) -> Array:
        """P(no cell is left at the end) (patient,), where no rate depends on the tumour."""
        return extinct(self.w[-1], self.logs[2, 0])

    @property
    def lost(self) -> Array:
        """Whether the equations could not be followed (patient,): some state ends in no number."""
        return ~jnp.isfinite(self.strain)


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

    def advance(values: Values, state: PathState, carries: tuple[Carry, ...], step: Step):
        moved = path_step(model, values, state, step.days)
        segment = t_cell_segment(step, state.t_cells, moved.moved)
        pairs = zip(endpoints, carries, strict=True)
        carries = tuple(endpoint.update(carry, segment) for endpoint, carry in pairs)
        # Where a path is highest, its value does not change with the place.
        peak = jax.lax.stop_gradient(moved.tumour.extremum(-1.0))
        return moved.after, carries, moved.tumour.at(peak), moved.growth

    # Steps are cheaper to compute again, on the way back, than their inner results to store.
    @jax.checkpoint
    def body(carry: tuple[PathState, tuple[Carry, ...]], step: Step):
        states, carries = carry
        states = when_due(schedule, step, treat_path_state, states)
        move = jax.vmap(advance, (0, 0, 0, step_axes(step)))
        after, carries, largest, growth = move(values, states, carries, step)
        return (after, carries), (_logs(after), after.w, largest, growth)

    cells = initial_cells(values)
    first = first_path_state(cells)
    # No endpoint of the T cells asks for a level of progression or the horizon.
    unused = jnp.zeros_like(cells.log_tumour)
    carries = tuple(jax.vmap(each.init)(Start(*cells, unused, unused)) for each in endpoints)
    (end, carries), seen = jax.lax.scan(body, (first, carries), steps_of(grid))
    logs, w, largest, growth = seen
    logs = jnp.concatenate([_logs(first)[None], logs]).swapaxes(0, 1)
    w = jnp.concatenate([first.w[None], w])
    largest = jnp.concatenate([first.log_tumour[None], largest])
    strain = strain_of(end.t_cells, end.log_tumour)
    results = jax.vmap(partial(finals, endpoints))(carries) if endpoints else ()
    return Path(logs, w, largest, growth, strain, results)


def _logs(state: PathState) -> Array:
    return jnp.stack([state.t_cells.log_normal, state.t_cells.log_car, state.log_tumour])
