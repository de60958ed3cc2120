"""The likelihood of one patient's residuals whose widths differ, or whose tails are long.

As :mod:`~vcohort.analysis.estimation.likelihood` has it for normal residuals of one width. Widths
that the data do not give are found by maximum likelihood at each prediction.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.estimation.likelihood import Evidence, likeliest_scale
from vcohort.analysis.estimation.scatter import NORMAL, Scatter, likeliest_by_halving

# Points of each look at the ratio of a constant to a proportional width, and looks: each goes
# between the neighbours of the best point of the last one.
_POINTS, _LOOKS = 17, 6

# Outside of this range of the predictions the ratio changes no width by more than 1e-4.
_REACH = 1e2

# A residual that is exactly 0 has the log of no width.
_TINY = 1e-150


def likeliest_widths(
    scatter: Scatter, residual: Array, predicted: Array, observed: Array, limit: Array
) -> tuple[Array, Array]:
    """Return the most likely scale and ratio of residuals (row,), see :class:`Scatter`."""
    told = observed | limit
    safe = jnp.where(told, predicted, 1.0)

    def scale_at(log_ratio: Array) -> Array:
        scaled = jnp.where(told, residual, 0.0) / scatter.width(safe, jnp.exp(log_ratio))
        return _likeliest_scale(scatter, scaled, observed, limit)

    def surprise(log_ratio: Array) -> Array:
        scale, ratio = scale_at(log_ratio), jnp.exp(log_ratio)
        each = scatter.log_likelihood(residual, predicted, observed, limit, scale, ratio)
        return -jnp.sum(each)

    if not scatter.floor:
        return scale_at(jnp.zeros(())), jnp.zeros(())
    sizes = jnp.log(jnp.maximum(jnp.abs(safe), _TINY))
    low = jnp.min(jnp.where(told, sizes, jnp.inf)) - jnp.log(_REACH)
    high = jnp.max(jnp.where(told, sizes, -jnp.inf)) + jnp.log(_REACH)

    def look(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        points = jnp.linspace(*ends, _POINTS)
        best = jnp.argmin(jax.vmap(surprise)(points))
        return points[jnp.maximum(best - 1, 0)], points[jnp.minimum(best + 1, _POINTS - 1)]

    low, high = jax.lax.fori_loop(0, _LOOKS, look, (low, high))
    log_ratio = 0.5 * (low + high)
    return scale_at(log_ratio), jnp.exp(log_ratio)


def _likeliest_scale(scatter: Scatter, scaled: Array, observed: Array, limit: Array) -> Array:
    number = jnp.sum(observed)
    squares = jnp.sum(jnp.where(observed, scaled, 0.0) ** 2)
    if scatter.tails == NORMAL:
        return likeliest_scale(squares, number, scaled, limit)

    def surprise(log_scale: Array) -> Array:
        ones = jnp.ones_like(scaled)
        each = scatter.log_likelihood(scaled, ones, observed, limit, jnp.exp(log_scale))
        return -jnp.sum(each)

    # One outlier holds a long-tailed scale no higher than itself, one limit above no lower.
    largest = jnp.max(jnp.where(observed | limit, jnp.abs(scaled), 0.0))
    top = jnp.log(jnp.maximum(largest, _TINY)) + 3.0
    return jnp.exp(likeliest_by_halving(surprise, top - 60.0, top))


def scattered_squares(
    scatter: Scatter, residual: Array, predicted: Array, observed: Array, limit: Array
) -> Array:
    """Return residuals (row,) whose squares sum to the loss.

    The loss is the sum of squares that n normal residuals of one width would have at the same
    greatest likelihood, of n data that were observed.
    """
    # At their most likely values scale and ratio have no first-order part in the loss.
    still = jax.lax.stop_gradient((residual, predicted))
    widths = likeliest_widths(scatter, *still, observed, limit)
    number = jnp.sum(observed)
    told = _roots(scatter, residual, predicted, observed, limit, *widths)
    width = widths[0] * scatter.width(jnp.where(observed, predicted, 1.0), widths[1])
    mean_log = jnp.sum(jnp.where(observed, jnp.log(width), 0.0)) / number
    mean = jnp.maximum(jnp.sum(told**2) / number, 1e-3)
    return jnp.exp(mean_log) * told * jnp.sqrt(jnp.exp(mean - 1.0) / mean)


def _roots(
    scatter: Scatter, residual: Array, predicted: Array, observed: Array, limit: Array,
    scale: Array, ratio: Array,
) -> Array:  # fmt: skip
    """Return roots of the surprise (row,), with the sign of the residual where it was observed."""
    is_told = observed | limit
    width = scale * scatter.width(jnp.where(is_told, predicted, 1.0), ratio)
    seen = scatter.tails.root(jnp.where(observed, residual, 0.0) / width)
    each = scatter.log_likelihood(residual, predicted, observed, limit, scale, ratio)
    below = jnp.where(limit, -2.0 * each, 1.0)
    return jnp.where(observed, seen, jnp.where(limit, jnp.sqrt(jnp.maximum(below, 1e-200)), 0.0))


def scattered_evidence(
    scatter: Scatter, residual: Array, predicted: Array, columns: Array, slopes: Array,
    observed: Array, limit: Array,
) -> Evidence:  # fmt: skip
    """Return what residuals (row,) say, of their slopes (row, parameter).

    ``columns``: of the residuals; ``slopes``: of the predictions.

    The information is the observed one without the second derivatives of predictions, the part of
    scale and ratio taken out.
    """
    scale, ratio = likeliest_widths(scatter, residual, predicted, observed, limit)
    of_widths = jnp.log(jnp.stack([scale, ratio])[: scatter.scales])

    def unlikely(at: Array, seen: Array, below: Array) -> Array:
        widths = jnp.exp(at[2:])
        each = scatter.log_likelihood(
            at[0][None], at[1][None], seen[None], below[None], widths[0], *widths[1:]
        )
        return -each[0]

    told = observed | limit
    values = jnp.stack([residual, jnp.where(told, predicted, 1.0)], axis=1)
    at = jnp.concatenate([values, jnp.broadcast_to(of_widths, (len(values), of_widths.size))], 1)
    bend = jax.vmap(jax.hessian(unlikely))(at, observed, limit)
    moves = jnp.stack([columns, slopes], axis=1)
    joint = jnp.einsum("rap,rab,rbq->pq", moves, bend[:, :2, :2], moves)
    cross = jnp.einsum("rap,rab->pb", moves, bend[:, :2, 2:])
    own = jnp.sum(bend[:, 2:, 2:], axis=0)
    # A ratio that nothing tells has no bend.
    own += jnp.eye(len(own)) * 1e-12
    information = joint - cross @ jnp.linalg.solve(own, cross.T)
    width = scale * scatter.width(values[:, 1], ratio)
    share = jnp.where(limit, jnp.clip(bend[:, 0, 0] * width**2, 0.0, 1.0), 1.0 * observed)
    misfit = scale * _roots(scatter, residual, predicted, observed, limit, scale, ratio)
    return Evidence(share, scale, misfit, information * scale**2)
