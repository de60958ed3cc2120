"""Progression-free survival of each patient, without a random number.

A tumour progresses that is of a size before its nadir, or regrows to it: the one as the path says,
the other by the law of its size. Both are carried as normal deviates.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr

from vcohort.engine.closed_forms.path import Path
from vcohort.engine.compiling.tiles import in_tiles
from vcohort.engine.execution.executor import execute
from vcohort.engine.inputs import Patients
from vcohort.engine.integrator.grid import Grid, grid_points
from vcohort.engine.methods.size_law import deviate, deviate_of_largest
from vcohort.engine.programs.survival import Found, Level, Seen, SurvivalPath
from vcohort.late import is_traced
from vcohort.models import Model


def probabilities(
    model: Model,
    patients: Patients,
    grid: Grid,
    days: Array,
    progression: Array,
    noise: Array,
    count: Array | int | None = None,
) -> tuple[Array, Array, Array]:
    """Return what a block's patients may expect, of the tumour's law.

    P(no cell left at the end) (patient,), and P(no progression so far) (patient, day), on days
    that the grid holds, NaN for patients that could not be followed to the end; and their strain
    (patient,), as of ``Outcomes``. ``count``: steps of the grid, as :func:`execute` takes it.
    """
    log = jnp.log if is_traced(progression) else np.log
    level = Level(cast("Array", log(progression)), noise)
    # A treatment may hide a progression from the days asked for.
    program = SurvivalPath(model, looks_always=patients.schedule is not None)
    found, seen = execute((program,), patients, grid, count, None, level, grid_points(grid, days))
    cured, free = _told(found, seen, patients.values["B0"], level)
    return cured, free, found.strain


@jax.jit
def _told(found: Found, seen: Seen, first: Array, level: Level) -> tuple[Array, Array]:
    """Return P(cured) (patient,), P(no progression so far) (patient, day); NaN of who is lost."""

    def deviates(largest: Array, log_start: Array, seen: Seen, level: Level) -> tuple[Array, Array]:
        log_level, late = log_start + level.log_ratio, seen.late
        if late is None:
            late = deviate(seen.log_tumour, seen.w, log_start, log_level, level.noise)
        early = deviate_of_largest(jnp.minimum(seen.largest, largest), log_level, level.noise)
        return late.T, early.T

    days = seen.w.shape[1]
    # The patient last: that is how a sum of many terms is computed side by side. Turned round in a
    # tile's own loop, its last patients would be computed one by one, and rounded otherwise.
    seen = jax.tree.map(jnp.transpose, seen)
    late, early = in_tiles(
        deviates, (0, 0, 1, None), days, found.largest, jnp.log(first), seen, level
    )
    free = ndtr(jnp.minimum(jax.lax.cummin(late, axis=1), early))
    lost = ~jnp.isfinite(found.strain)
    return jnp.where(lost, jnp.nan, found.cured), jnp.where(lost[:, None], jnp.nan, free)


def progression_free(path: Path, log_level: Array, points: Array, noise: Array | float) -> Array:
    """Return z (time, patient) of P(no progression so far) at grid ``points``, in any order.

    Progression is a tumour of ``log_level`` (patient,): one that grows so far before its nadir, or
    regrows so far after it. Of the regrown tumour's law only the ends of steps are looked at,
    which without treatment changes nothing. ``noise``: standard deviation of a normal error of the
    log of the measured tumour, which gives the step that many lineages make a slope, for
    derivatives; 0 is the exact law.
    """
    courses = Courses(path.log_tumour, path.w, path.largest)
    # The law's derivative is dear: it is taken where the tumour is worst so far, and nowhere else.
    regrown = jax.lax.stop_gradient(courses).regrown(*jax.lax.stop_gradient((log_level, noise)))
    # So is the law: XLA would work it out anew in each pass over it.
    worst = _least_so_far(jax.lax.optimization_barrier(regrown))
    late = courses.regrown(log_level, noise, _at(worst, points))
    return jnp.minimum(late, courses.grown(log_level, noise, points))


class Courses(NamedTuple):
    """ln B, W and the largest ln B since the point before, (time, patient), from day 0 on."""

    log_tumour: Array
    w: Array
    largest: Array

    def regrown(
        self, log_level: Array, noise: Array | float, points: Array | None = None,
        *, straight: bool = False,
    ) -> Array:  # fmt: skip
        """Return z (time, patient) of P(tumour < level) at ``points``, by default at all."""
        log_tumour, w = (
            each if points is None else _at(each, points) for each in (self.log_tumour, self.w)
        )
        return deviate(log_tumour, w, self.log_tumour[0], log_level, noise, straight)

    def grown(self, log_level: Array, noise: Array | float, points: Array | None = None) -> Array:
        """Return z (time, patient) of P(not grown to the level before the nadir, so far)."""
        points = jnp.arange(self.w.shape[0])[:, None] if points is None else points
        nadir = jnp.argmin(self.log_tumour, axis=0)
        # Where it is largest is no matter of derivatives, which are dear along the whole course.
        where = _least_so_far(-jax.lax.stop_gradient(self.largest))
        largest = _at(self.largest, _at(where, jnp.minimum(points, nadir)))
        return deviate_of_largest(largest, log_level, noise)


def _least_so_far(course: Array) -> Array:
    """Return where a course was least so far (time, patient); what is no number is the least."""
    is_least = ~(course > jax.lax.cummin(course))
    return jax.lax.cummax(jnp.where(is_least, jnp.arange(course.shape[0])[:, None], 0))


def _at(course: Array, points: Array) -> Array:
    return jnp.take_along_axis(course, points, axis=0)
