"""The deterministic path of a block, kept at every grid point; it can be differentiated."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import TCellEndpoint
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.execution.loop import follow
from vcohort.engine.integrator.grid import Grid, steps_of
from vcohort.engine.integrator.path_state import cells_on, extinct
from vcohort.engine.integrator.treatment import Schedule
from vcohort.engine.programs.base import Patient
from vcohort.engine.programs.path import DeterministicPath
from vcohort.models import Cells, Model


class Path(NamedTuple):
    """What the deterministic path of a block leaves.

    ``cells``: of all species, and ``w``: the cure integral W, (point, patient) each, at the points
    of the grid, day 0 the first; on a day of treatment, before it. ``largest``: of ln B, on the
    step that ends at a point. ``growth``: how ln B and W go on within each step (step, patient).
    ``strain``: as of ``Outcomes``. ``seen``: results of the endpoints, (patient,) each.
    """

    cells: Cells
    w: Array
    largest: Array
    growth: Accrual
    strain: Array
    seen: tuple[Array, ...]

    @property
    def cured(self) -> Array:
        """P(no cell is left at the end) (patient,), where no rate depends on the tumour."""
        return extinct(self.w[-1], self.log_tumour[0])

    @property
    def log_tumour(self) -> Array:
        """Log of the tumour cells (point, patient)."""
        return self.cells.log_tumour

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
    program = DeterministicPath(model, endpoints)
    first, kept, found = follow(program, Patient(values, schedule), steps_of(grid))
    start = first.path

    def course(start: Array, later: Array) -> Array:
        return jnp.concatenate([start[None], later])

    cells = jax.tree.map(course, jax.vmap(partial(cells_on, model))(start), kept.cells)
    w, largest = course(start.w, kept.w), course(start.log_tumour, kept.largest)
    return Path(cells, w, largest, kept.growth, found.strain, found.results)
