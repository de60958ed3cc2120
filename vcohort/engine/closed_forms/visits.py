"""What a trial sees at its visits, of each patient, without a random number.

After its nadir a tumour's mean only grows, and what chance did until then is one factor: of several
visits, the tumour is then largest at the last for all its fates alike, so that the joint
probability of being small at all of them is the least of each one's. Before the nadir lineages are
many, and chance does nothing. As in :mod:`vcohort.engine.closed_forms.progression` probabilities
are carried as normal deviates.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.engine.closed_forms.path import Path
from vcohort.engine.methods.size_law import deviate


def small_at_visits(path: Path, log_level: Array, points: Array, noise: Array) -> Array:
    """Return z (visit, patient) of P(the tumour was below ``log_level`` at all visits so far).

    ``points`` (visit, patient or 1): the visits' places on the grid.
    """
    return jax.lax.cummin(_deviates(path, log_level, points, noise))


def small_before_visit(path: Path, log_level: Array, points: Array, noise: Array) -> Array:
    """Return z (point, patient) of P(the tumour is below the level from here to the next visit).

    At one moment at least: a progression that is seen at that visit began later then.
    """
    places = jnp.arange(path.w.shape[0])[:, None]
    is_visit = (places == points[:, None]).any(axis=0)
    z = deviate(path.log_tumour, path.w, path.log_tumour[0], log_level, noise)

    def back(later: Array, here: tuple[Array, Array]) -> tuple[Array, Array]:
        own, looked = here
        now = jnp.where(looked, own, jnp.maximum(own, later))
        return now, now

    _, found = jax.lax.scan(back, z[-1], (z, is_visit), reverse=True)
    return found


def reached_at_visits(
    path: Path, log_level: Array, log_limit: Array, points: Array, noise: Array
) -> Array:
    """Return z (patient,) of P(at some visit the tumour is below ``log_limit``).

    At one until which it was below ``log_level`` at all.
    """
    not_progressed = small_at_visits(path, log_level, points, noise)
    small = _deviates(path, log_limit, points, noise)
    return jnp.minimum(not_progressed, small).max(axis=0)


def _deviates(path: Path, log_level: Array, points: Array, noise: Array) -> Array:
    """Return z of P(tumour < level) at points."""
    log_tumour, w = (
        jnp.take_along_axis(each, points, axis=0) for each in (path.log_tumour, path.w)
    )
    return deviate(log_tumour, w, path.log_tumour[0], log_level, noise)
