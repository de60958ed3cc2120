"""The mean time free of progression: the area under each patient's own survival curve.

Where lineages are many survival falls within hours, where few over weeks, and at a progression
before the nadir at once. So each step is cut where its tumour is near the progression size, evenly
in the log of the tumour; between cuts the normal deviate z is taken as linear.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtr
from jax.scipy.stats import norm

from vcohort.endpoints import Cubic
from vcohort.engine.closed_forms.path import Path
from vcohort.engine.closed_forms.progression import Courses
from vcohort.engine.integrator.grid import Grid
from vcohort.engine.integrator.path_state import log_lambda

# So many cuts a step, from e^-3 to e^8 times the progression size: below, nobody has progressed;
# above, all have that ever will.
_CUTS, _FROM, _TO = 32, -3.0, 8.0


def mean_free_days(
    path: Path, grid: Grid, log_level: Array, until: Array, noise: Array | float
) -> Array:
    """Return the mean progression-free days (patient,) to ``until``, a point of the grid.

    ``log_level``, ``noise``: as of ``progression_free``.
    """
    growth = path.growth
    assert growth is not None
    cuts = jax.lax.stop_gradient(_cuts(path, growth.path, log_level))
    log_tumour = growth.path.at(cuts)
    w = path.w[:-1] + growth.until(cuts).total()
    largest = log_tumour.at[-1].max(path.largest[1:])
    courses = Courses(*(
        jnp.concatenate([first[:1], _in_order(each)])
        for first, each in ((path.log_tumour, log_tumour), (path.w, w), (path.largest, largest))
    ))  # fmt: skip
    late = jax.lax.cummin(courses.regrown(log_level, noise, straight=True))
    early = jax.lax.cummin(courses.grown(log_level, noise))
    counted = jnp.where(grid.end <= until, grid.days, 0.0)
    counted = counted if counted.ndim == 2 else counted[:, None]
    days = counted * jnp.diff(cuts, axis=0, prepend=0.0)
    return jnp.sum(_mean_of_lower(late, early) * _in_order(days), axis=0)


def _in_order(parts: Array) -> Array:
    """Return parts (cut, step, patient) one after the other, (time, patient)."""
    return parts.swapaxes(0, 1).reshape(-1, parts.shape[-1])


def _cuts(path: Path, tumour: Cubic, log_level: Array) -> Array:
    """Return fractions (cut, step, patient) of the steps, increasing to 1."""
    # A tumour that is left of few lineages is as much larger than the mean of all.
    alone = jnp.minimum(log_lambda(path.w[-1], path.log_tumour[0]), 0.0)
    rise = tumour.end - tumour.start
    flat = jnp.abs(rise) < 1e-3
    sides = [(side + alone + log_level - tumour.start) / jnp.where(flat, 1.0, rise)
             for side in (_FROM, _TO)]  # fmt: skip
    low, high = (jnp.clip(pick(*sides), 0.0, 1.0) for pick in (jnp.minimum, jnp.maximum))
    low, high = jnp.where(flat, 0.0, low), jnp.where(flat, 1.0, high)
    inner = [low + (high - low) * (cut / (_CUTS - 2)) for cut in range(_CUTS - 1)]
    return jnp.stack([*inner, jnp.ones_like(low)])


def _mean_of_lower(late: Array, early: Array) -> Array:
    """Return the means of Phi(the lower of two courses) between points, (time - 1, patient)."""
    gap = late - early
    crosses = gap[:-1] * gap[1:] < 0.0
    share = jnp.where(crosses, gap[:-1] / jnp.where(crosses, gap[:-1] - gap[1:], 1.0), 1.0)
    start, end = jnp.minimum(late, early)[:-1], jnp.minimum(late, early)[1:]
    between = jnp.where(crosses, late[:-1] + share * (late[1:] - late[:-1]), end)
    return share * _mean(start, between) + (1.0 - share) * _mean(between, end)


def _mean(start: Array, end: Array) -> Array:
    """Return the mean of Phi over a line: from its integral, z Phi(z) + phi(z)."""
    gap = end - start
    # Also far from 0, where Phi is 0 or 1, the difference of integrals has no digit left.
    small = jnp.abs(gap) < 1e-2 + 1e-3 * jnp.abs(start + end)
    area = (_area(end) - _area(start)) / jnp.where(small, 1.0, gap)
    return jnp.where(small, ndtr(0.5 * (start + end)), area)


def _area(z: Array) -> Array:
    return z * ndtr(z) + norm.pdf(z)
