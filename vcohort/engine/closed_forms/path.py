"""The deterministic path of a block, kept at every grid point; it can be differentiated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.custom_derivatives import SymbolicZero

from vcohort.endpoints import TCellEndpoint
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.execution.loop import follow
from vcohort.engine.integrator.grid import Grid, grid_axes, steps_of
from vcohort.engine.integrator.jumps import Schedule
from vcohort.engine.integrator.path_state import cells_on, extinct
from vcohort.engine.programs.base import Patient
from vcohort.engine.programs.path import DeterministicPath
from vcohort.models import Cells, Model


class Path(NamedTuple):
    """What the deterministic path of a block leaves.

    ``cells``: of all species, and ``w``: the cure integral W, (point, patient) each, at the points
    of the grid, day 0 the first; on a day of treatment, before it. ``largest``: of ln B, on the
    step that ends at a point. ``growth``: how ln B and W go on within each step (step, patient),
    None where it was not kept.
    ``strain``: as of ``Outcomes``. ``seen``: results of the endpoints, (patient,) each.
    """

    cells: Cells
    w: Array
    largest: Array
    growth: Accrual | None
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


def steered_path(
    model: Model,
    values: dict[str, Array],
    schedule: Schedule | None,
    grid: Grid,
    endpoints: tuple[TCellEndpoint, ...] = (),
) -> Path:
    """Return the same without ``growth``, for derivatives of ``values`` in forward mode alone.

    A patient's course depends on its own values: its slopes to them are found once, in tiles,
    however many numbers of a population steer them.
    """
    axes, points = (0, 0, grid_axes(grid)), grid.days.shape[0] + 1

    @jax.custom_jvp
    def course(values: dict[str, Array], schedule: Schedule | None, grid: Grid) -> Path:
        follow = partial(_patient_first, model, endpoints)
        return _point_first(in_tiles(follow, axes, points, values, schedule, grid))

    def derive(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Path, Any]:
        ways, *others = tangents
        if any(map(_moves, jax.tree.leaves(others))):
            # A second dose that is as large as the first one, which moves, say.
            plain = partial(_without_growth, model, endpoints)
            return jax.jvp(plain, primals, jax.tree.map(_told_still, tangents))
        moved = [name for name, way in ways.items() if _moves(way)]
        work = partial(_with_slopes, model, endpoints, moved)
        found, slopes = in_tiles(work, axes, points, *primals)
        found, slopes = _point_first(found), [_point_first(each) for each in slopes]
        along = [ways[name] for name in moved]
        return found, jax.tree.map(lambda *each: sum(map(jnp.multiply, each, along)), *slopes)

    course.defjvp(derive, symbolic_zeros=True)
    return course(values, schedule, grid)


def _moves(way: Any) -> bool:
    return not isinstance(way, SymbolicZero)


def _told_still(way: Any) -> Any:
    return way if _moves(way) else np.zeros(way.shape, way.dtype)


def _with_slopes(
    model: Model,
    endpoints: tuple[TCellEndpoint, ...],
    moved: Sequence[str],
    values: dict[str, Array],
    schedule: Schedule | None,
    grid: Grid,
) -> tuple[Path, list[Path]]:
    """Return a tile's path, and its slopes to each of the ``moved`` values."""

    def follow(chosen: dict[str, Array]) -> Path:
        return _patient_first(model, endpoints, {**values, **chosen}, schedule, grid)

    chosen = {name: values[name] for name in moved}
    still = {name: jnp.zeros_like(value) for name, value in chosen.items()}
    slopes = []
    for name in moved:
        way = {**still, name: jnp.ones_like(values[name])}
        slopes.append(jax.jvp(follow, (chosen,), (way,))[1])
    return follow(chosen), slopes


def _patient_first(model: Model, endpoints: tuple[TCellEndpoint, ...], *block: Any) -> Path:
    """Return a tile's path, (patient, point)."""
    return jax.tree.map(jnp.transpose, _without_growth(model, endpoints, *block))


def _without_growth(
    model: Model,
    endpoints: tuple[TCellEndpoint, ...],
    values: dict[str, Array],
    schedule: Schedule | None,
    grid: Grid,
) -> Path:
    """Return a path; what it leaves out is not computed."""
    return path(model, values, schedule, grid, endpoints)._replace(growth=None)


def _point_first(found: Path) -> Path:
    return jax.tree.map(jnp.transpose, found)
