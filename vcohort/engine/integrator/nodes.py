"""The days at which steps start and end: fine after a treatment, coarse later.

Steps grow in proportion to the time since the last treatment; grids of few steps, with its square
once the T cells have settled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

# Steps are uniform in ln((t + s) / (t + S)), t the time since the last treatment, s and S in days.
# S was found by trial over presets and spreads: with 500 days, cohorts of a small spread are within
# 1e-3 after 32 to 40 steps (else 40 to 48); those of a wide one need hundreds, and late ones too.
_SOON = 3.0
_LATE_OF_FEW, _LATE = 500.0, 1e9
_FEW = 64

# To look a number up takes as long as to choose among a dozen.
_FEW_INTERVALS = 12


def time_nodes(
    xp: Any,
    size: int,
    steps: Array | int,
    horizon: Any,
    required_days: Any,
    treatments: Any,
) -> Any:
    """Return the days (size + 1,) from 0 to ``horizon``, required_days and treatments among them.

    ``steps`` are spread over the intervals between these days in proportion to the plain
    grid's density, at least one each. Treatments beyond the horizon never come; a day may come
    twice.

    ``xp``: the arrays' own module, ``numpy`` or ``jax.numpy``. ``required_days``, ``treatments``:
    (day,), or (day, patient), and so are then the days that are returned.
    """
    intervals = cut(xp, steps, horizon, required_days, treatments)
    return nodes_within(xp, size, steps, intervals)


class Intervals(NamedTuple):
    """What lies between two days that a grid must hold: (interval, …), or each node's own.

    ``begun``: the last treatment, from which time counts; ``first``, ``last``: :func:`_logit` of
    start and end. ``before``: how many steps lie before it; ``steps``: how many it is cut into.
    """

    start: Any
    end: Any
    begun: Any
    first: Any
    last: Any
    before: Any
    steps: Any


def cut(
    xp: Any, steps: Array | int, horizon: Any, required_days: Any, treatments: Any
) -> Intervals:
    """Share out steps over the intervals between the days that :func:`time_nodes` is given."""
    patients = next((days.shape[1:] for days in (required_days, treatments) if days.ndim > 1), ())
    shared = tuple(1 for _ in patients)

    def of_each(days: Any) -> Any:
        rows = days if days.ndim > 1 else days.reshape(-1, *shared)
        return xp.broadcast_to(rows, (len(days), *patients))

    treatments = xp.minimum(treatments, horizon)
    start, end = xp.zeros_like(horizon)[None], horizon[None]
    edges = xp.concatenate([of_each(days) for days in (start, required_days, treatments, end)])
    begins = xp.concatenate([of_each(start), of_each(treatments)])
    edges, late = _sorted(xp, edges), _late(xp, steps, horizon.dtype)

    start, end = edges[:-1], edges[1:]
    begun = xp.where(begins[:, None] <= start, begins[:, None], 0.0).max(axis=0)
    first, last = (_logit(xp, days - begun, late) for days in (start, end))
    at_edge = _apportion(xp, edges, last - first, steps)
    return Intervals(start, end, begun, first, last, at_edge[:-1], at_edge[1:] - at_edge[:-1])


def nodes_within(xp: Any, size: int, steps: Array | int, intervals: Intervals) -> Any:
    """Return the days (size + 1, …) at which the steps of intervals start and end."""
    shared = tuple(1 for _ in intervals.start.shape[1:])
    number = xp.minimum(xp.arange(size + 1), steps).reshape(-1, *shared)
    own = _of_nodes(xp, intervals, number)
    taken = number - own.before
    share = taken / xp.maximum(own.steps, 1)
    late = _late(xp, steps, intervals.start.dtype)
    inside = own.begun + _days(xp, own.first + share * (own.last - own.first), late)
    inside = xp.clip(inside, own.start, own.end)
    # The days asked for are held to the last bit.
    return xp.where(taken == 0, own.start, xp.where(taken == own.steps, own.end, inside))


def _sorted(xp: Any, edges: Any) -> Any:
    """Return days (day, …) in their order: a few by comparing neighbours, which is faster."""
    if edges.ndim == 1 or len(edges) >= _FEW_INTERVALS:
        return xp.sort(edges, axis=0)
    rows = list(edges)
    for last in range(len(rows) - 1, 0, -1):
        for place in range(last):
            low, high = rows[place], rows[place + 1]
            rows[place : place + 2] = xp.minimum(low, high), xp.maximum(low, high)
    return xp.stack(rows)


def _late(xp: Any, steps: Array | int, dtype: Any) -> Any:
    return xp.where(xp.asarray(steps) <= _FEW, _LATE_OF_FEW, _LATE).astype(dtype)


def _of_nodes(xp: Any, intervals: Intervals, number: Any) -> Intervals:
    """Return the interval in which each node lies; that which begins there, where one does."""
    begins = intervals.before[1:]
    if number.ndim == 1 or len(begins) >= _FEW_INTERVALS:
        place = (begins[:, None] <= number).sum(axis=0)
        return jax.tree.map(lambda rows: xp.take_along_axis(rows, place, axis=0), intervals)

    def pick(rows: Any) -> Any:
        chosen = rows[0]
        for row, begin in zip(rows[1:], begins, strict=True):
            chosen = xp.where(begin <= number, row, chosen)
        return chosen

    return jax.tree.map(pick, intervals)


def _logit(xp: Any, days: Any, late: Any) -> Any:
    """Return ln((t + s) / (t + S)) - ln(s / S)."""
    return xp.log1p(days / _SOON) - xp.log1p(days / late)


def _days(xp: Any, logit: Any, late: Any) -> Any:
    """Return the days t at which :func:`_logit` has a value."""
    return _SOON * xp.expm1(logit) / (1.0 - _SOON / late * xp.exp(logit))


def _apportion(xp: Any, edges: Any, shares: Any, steps: Array | int) -> Any:
    """Return the step number of each edge: steps by share, one at least where days pass."""
    so_far = np.maximum.accumulate if xp is np else jax.lax.cummax
    part = xp.cumsum(shares, axis=0) / xp.sum(shares, axis=0)
    wanted = xp.round(part * steps).astype(xp.int32)
    least = xp.cumsum(edges[1:] > edges[:-1], axis=0)
    spare = xp.clip(so_far(wanted - least), 0, steps - least[-1])
    return xp.concatenate([xp.zeros_like(wanted[:1]), (least + spare).astype(xp.int32)])
