"""The likelihood of one patient's residuals, some of which are those of upper limits.

A residual r of what was observed is normal with a standard deviation, the ``scale``. A value that
is only known to lie below a limit has the likelihood Phi(-r / scale), r the residual of the limit
(Tobin 1958, Econometrica 26:24; Beal 2001, J. Pharmacokinet. Pharmacodyn. 28:481, method M3). A
limit far above the prediction has the likelihood 1, and tells nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.estimation.scatter import NORMAL

# Standard deviations from which on a limit tells nothing (to 1e-197).
_CLEAR = -30.0

# From here on the first terms of series in 1 / z are exact to 1e-9.
_FAR = 20.0

_HAZARD_AT_0 = math.sqrt(2.0 / math.pi)

# No share of the scale's equation that a limit above the prediction has is larger.
_LARGEST_SHARE = 0.3

_SCALE_STEPS = 40


def as_squares(
    residual: Array, penalty: Array, observed: Array, limit: Array, known: bool
) -> Array:
    """Return residuals whose squares sum to the loss: those of rows (row,), then the penalty's.

    Where the errors are ``known`` the loss is D = S - 2 sum ln Phi(-r), S the sum of squares of
    what was observed. Else it is the S that n observed data alone would have at the same greatest
    likelihood over the scale s: n s^2 exp((S / s^2 - 2 sum ln Phi(-r / s)) / n - 1). Without
    limits that tell anything both are S.
    """
    seen = jnp.where(observed, residual, 0.0)
    if known:
        return jnp.concatenate([seen + jnp.sqrt(_surprise(_of_limits(residual, limit))), penalty])
    number = jnp.sum(observed)
    squares = jnp.sum(seen**2) + jnp.sum(penalty**2)
    # At its most likely value the scale has no first-order part in the loss.
    still = jax.lax.stop_gradient((squares, number, residual))
    scale = likeliest_scale(*still, limit)
    told = jnp.sqrt(_surprise(_of_limits(residual / scale, limit)))
    parts = jnp.concatenate([seen / scale + told, penalty / scale])
    mean = jnp.maximum(jnp.sum(parts**2) / number, 1e-3)
    return scale * parts * jnp.sqrt(jnp.exp(mean - 1.0) / mean)


def likeliest_scale(squares: Array, number: Array, residual: Array, limit: Array) -> Array:
    """Return the most likely scale of ``number`` observed residuals with a sum of ``squares``.

    ``residual`` (row,): those of limits where ``limit`` holds. The log likelihood is concave in
    t = 1 / scale (Olsen 1978, Econometrica 46:1211): its slope is followed by Newton's steps, and
    halved where they leave the bracket. Without limits that is a point, and no step is taken.
    There is no derivative by reverse mode.
    """
    squares = jnp.maximum(squares, jnp.finfo(residual.dtype).tiny)
    above = jnp.where(limit, jnp.maximum(residual, 0.0), 0.0)
    linear, square = _HAZARD_AT_0 * jnp.sum(above), squares + jnp.sum(above**2)
    low = 2.0 * number / (linear + jnp.sqrt(linear**2 + 4.0 * square * number))
    high = jnp.sqrt((number + _LARGEST_SHARE * jnp.sum(limit)) / squares)

    def step(carry: _Bracket) -> _Bracket:
        low, high, t = carry.low, carry.high, carry.at
        z = _of_limits(residual * t, limit)
        slope = squares * t**2 + jnp.sum(jnp.where(limit, hazard(z) * z, 0.0)) - number
        bend = squares * t**2 + jnp.sum(jnp.where(limit, share_told(z) * z**2, 0.0)) + number
        low, high = jnp.where(slope < 0, t, low), jnp.where(slope < 0, high, t)
        newton = t * (1.0 - slope / bend)
        is_inside = (newton >= low) & (newton <= high)
        after = jnp.where(is_inside, newton, jnp.sqrt(low) * jnp.sqrt(high))
        return _Bracket(carry.steps + 1, low, high, after, jnp.abs(after - t) > _same(t))

    def goes_on(carry: _Bracket) -> Array:
        return carry.moves & (carry.steps < _SCALE_STEPS)

    first = _Bracket(jnp.zeros((), int), low, high, high, high - low > _same(high))
    return 1.0 / jax.lax.while_loop(goes_on, step, first).at


class _Bracket(NamedTuple):
    """Where the most likely t lies, the best of it so far, and whether the last step moved it."""

    steps: Array
    low: Array
    high: Array
    at: Array
    moves: Array


def _same(t: Array) -> Array:
    """Return by how much two numbers may differ that are one but for rounding."""
    return 8.0 * jnp.finfo(t.dtype).eps * t


def hazard(z: Array) -> Array:
    """Return phi(z) / Phi(-z), the slope of -ln Phi(-z)."""
    near = jnp.minimum(z, _FAR)
    exact = jnp.exp(-0.5 * near**2 - 0.5 * math.log(2.0 * math.pi) - NORMAL.log_below(near))
    far = jnp.maximum(z, _FAR)
    series = jnp.polyval(jnp.array([-74.0, 10.0, -2.0, 1.0]), 1.0 / far**2)
    return jnp.where(z < _FAR, exact, far + series / far)


def share_told(z: Array) -> Array:
    """Return how much of an observed datum's information a limit at -z holds, from 0 to 1.

    It is the bend of -ln Phi(-z), and 1 less the variance that is left of a standard normal number
    known to lie below -z: complete information less what is missing (Louis 1982, J. R. Stat. Soc.
    B 44:226).
    """
    near = jnp.minimum(z, _FAR)
    found = hazard(near)
    exact = jnp.clip(found * (found - near), 0.0, 1.0)
    # Far out the difference is lost in rounding.
    far = jnp.maximum(z, _FAR)
    series = jnp.polyval(jnp.array([518.0, -50.0, 6.0, -1.0, 1.0]), 1.0 / far**2)
    return jnp.where(z < _FAR, exact, series)


class Evidence(NamedTuple):
    """What the residuals (row,) of one patient say at the best parameters.

    ``share`` (row,): how much of a datum each row is: 1 for what was observed, :func:`share_told`
    for limits. ``scale``: the most likely one; 1 where the errors are known. ``misfit`` (row,):
    residuals, and of limits scale sqrt(-2 ln Phi). ``information`` (parameter, parameter): that of
    the parameters for a scale of 1.
    """

    share: Array
    scale: Array
    misfit: Array
    information: Array


def evidence(
    residual: Array, columns: Array, penalty: Array, observed: Array, limit: Array, known: bool
) -> Evidence:
    """Return what residuals (row,) say; ``columns``, and ``penalty``: slopes (…, parameter).

    The information is that of Gauss and Newton's method, the scale's part taken out: for limits it
    is curved, and bound to the scale, as their likelihood is.
    """
    seen, number = jnp.where(observed, residual, 0.0), jnp.sum(observed)
    best = jnp.ones(()) if known else likeliest_scale(jnp.sum(seen**2), number, residual, limit)
    z = _of_limits(residual / best, limit)
    share = jnp.where(limit, share_told(z), 1.0 * observed)
    information = columns.T @ (share[:, None] * columns) + penalty.T @ penalty
    if not known:
        joint = columns.T @ jnp.where(limit, hazard(z) - z * share, 0.0)
        of_scale = 2.0 * number + jnp.sum(jnp.where(limit, z**2 * share - z * hazard(z), 0.0))
        information -= jnp.outer(joint, joint) / of_scale
    misfit = seen + jnp.where(limit, best * jnp.sqrt(_surprise(z)), 0.0)
    return Evidence(share, best, misfit, information)


def _of_limits(z: Array, limit: Array) -> Array:
    """Return the numbers of limits; of other rows one that tells nothing."""
    return jnp.where(limit, jnp.maximum(z, _CLEAR), _CLEAR)


def _surprise(z: Array) -> Array:
    """Return -2 ln Phi(-z)."""
    return -2.0 * NORMAL.log_below(z)
