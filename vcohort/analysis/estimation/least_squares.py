"""One candidate's least squares: Levenberg and Marquardt's method with geodesic acceleration.

The valleys of such problems are long, narrow and bent (Transtrum & Sethna 2012, arXiv:1201.5885).
A Jacobian costs as much as a dozen residuals: each is used for several trials, of more and less
damped steps, and each step follows the valley's bend. Many candidates: under ``jax.vmap``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import cho_factor, cho_solve

# Tried at once, of the damping that was best last; where none is better, the next try begins above.
_TRIALS, _RAISED = (0.1, 1.0, 10.0), 100.0

# From where on a step is too short to change anything.
_MOST_DAMPING = 1e12

# Of a step, where its bend is looked at; and how much of it the bend may be (there, eq. 15).
_LOOK, _MOST_BEND = 0.1, 0.75


class Minimum(NamedTuple):
    """Where the search ends: position (parameter,), residuals (row,), slopes (row, parameter)."""

    position: Array
    residuals: Array
    slopes: Array


class _Search(NamedTuple):
    """How far a search is; ``goes_on``: whether its last step changed anything."""

    found: Minimum
    damping: Array
    steps: Array
    goes_on: Array


def least_squares(
    residuals: Callable[[Array], Array], start: Array, tolerance: float, most_steps: int
) -> Minimum:
    """Return where the sum of squared residuals is least, near a start (parameter,).

    It ends when a step changes position and sum by less than ``tolerance``, or after the steps.
    """

    # Traced once, for the start and the steps.
    @jax.jit
    def looked_at(position: Array) -> Minimum:
        def both(position: Array) -> tuple[Array, Array]:
            found = residuals(position)
            return found, found

        slopes, found = jax.jacfwd(both, has_aux=True)(position)
        return Minimum(position, found, slopes)

    def step(search: _Search) -> _Search:
        now = search.found
        dampings = search.damping * jnp.array(_TRIALS)
        tried = jax.vmap(lambda damping: now.position + _way(residuals, now, damping))(dampings)
        sums = jnp.nan_to_num(jnp.sum(jax.vmap(residuals)(tried) ** 2, axis=1), nan=jnp.inf)
        best, before = jnp.argmin(sums), jnp.sum(now.residuals**2)
        is_better = sums[best] < before
        damping = jnp.where(is_better, dampings[best], search.damping * _RAISED)
        position = jnp.where(is_better, tried[best], now.position)
        moves = jnp.abs(position - now.position) > tolerance * (1.0 + jnp.abs(position))
        changes = moves.any() | (before - sums[best] > tolerance * before)
        goes_on = jnp.where(is_better, changes, damping < _MOST_DAMPING)
        return _Search(looked_at(position), damping, search.steps + 1, goes_on)

    def goes_on(search: _Search) -> Array:
        return search.goes_on & (search.steps < most_steps)

    first = _Search(looked_at(start), jnp.ones(()), jnp.zeros((), int), jnp.ones((), bool))
    return jax.lax.while_loop(goes_on, step, first).found


def _way(residuals: Callable[[Array], Array], now: Minimum, damping: Array) -> Array:
    """Return a damped step, and along the valley's bend where that is known well enough."""
    information = now.slopes.T @ now.slopes
    least = jnp.finfo(damping.dtype).eps * jnp.trace(information)
    damped = information + jnp.maximum(damping, least) * jnp.eye(len(now.position))
    solve = partial(cho_solve, cho_factor(damped))
    straight = -solve(now.slopes.T @ now.residuals)
    there = residuals(now.position + _LOOK * straight)
    curvature = 2.0 / _LOOK * ((there - now.residuals) / _LOOK - now.slopes @ straight)
    bend = -0.5 * solve(now.slopes.T @ curvature)
    is_known = 2.0 * jnp.linalg.norm(bend) <= _MOST_BEND * jnp.linalg.norm(straight)
    return straight + jnp.where(is_known, bend, 0.0)
