"""The time grid: fine after a treatment, coarse later, with every day that is asked for.

Steps grow in proportion to the time since the last treatment; grids of few steps, with its square
once the T cells have settled.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from vcohort.engine.compiling.platform import platform

# Steps are uniform in ln((t + s) / (t + S)), t the time since the last treatment, s and S in days.
# S was found by trial over presets and spreads: with 500 days, cohorts of a small spread are within
# 1e-3 after 32 to 40 steps (else 40 to 48); those of a wide one need hundreds, and late ones too.
_SOON = 3.0
_LATE_OF_FEW, _LATE = 500.0, 1e9
_FEW = 64

LADDER = (32, 36, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Numbers of steps in use: few of them, so that few programs are compiled."""


class Grid(NamedTuple):
    """``start``, ``end`` and length of each step, in days: (step,), or (step, patient)."""

    start: Array
    end: Array
    days: Array


def room_for(steps: int) -> int:
    """Return for how many steps a program is compiled that takes so many: one of few numbers."""
    room = 48
    while room < steps:
        room *= 2
    return room


def loop_length(steps: int) -> tuple[int, Array | None]:
    """Return the room of a program's grid for so many steps, and the count that it takes of them.

    On a GPU a loop of unknown length has a condition of its own at each turn: there a program is
    compiled for one number of steps, and takes all.
    """
    if platform() == "cpu":
        return room_for(steps), cast("Array", np.int32(steps))
    return steps, None


class Step(NamedTuple):
    """One step of a grid, and its number.

    ``stored``: what the program before this one kept of it, where several are run in turn.
    """

    number: Array
    day: Array
    end: Array
    days: Array
    stored: Any = None


class Days(NamedTuple):
    """What a grid must hold: its last day, days that are asked for, days of treatment.

    ``required_days`` (day,), ``treatments`` (treatment,): with the patient in front for a grid of
    each patient's own.
    """

    horizon: Array
    required_days: Array
    treatments: Array


def shared_grid(size: int, steps: int, days: Days) -> Grid:
    """Return a grid that all patients share, as numpy arrays: nothing is compiled for it."""
    exact = (np.asarray(each, np.float64) for each in days)
    nodes = time_nodes(np, size, steps, *exact).astype(days.horizon.dtype)
    return Grid(nodes[:-1], nodes[1:], np.diff(nodes))


@partial(jax.jit, static_argnames=("size",))
def make_grid(size: int, steps: Array | int, days: Days) -> Grid:
    """Return a grid of ``steps`` steps, filled up to ``size`` with steps of no length."""
    nodes_of = partial(time_nodes, jnp, size, steps, days.horizon)
    own = tuple(0 if part.ndim == 2 else None for part in days[1:])
    if any(axis == 0 for axis in own):
        nodes_of = jax.vmap(nodes_of, own, out_axes=1)
    nodes = nodes_of(*days[1:])
    return Grid(nodes[:-1], nodes[1:], nodes[1:] - nodes[:-1])


def grid_points(grid: Grid, days: ArrayLike) -> Any:
    """Return the numbers of the grid points that hold ``days``: (time, patient), or (time, 1)."""
    if isinstance(grid.end, np.ndarray) and isinstance(days, np.ndarray):
        nodes = np.append(grid.start[:1], grid.end)
        return np.searchsorted(nodes, days)[:, None].astype(np.int32)
    return _grid_points(grid, jnp.asarray(days))


@jax.jit
def _grid_points(grid: Grid, days: Array) -> Array:
    nodes = jnp.concatenate([grid.start[:1], grid.end])
    if nodes.ndim == 1:
        return jnp.searchsorted(nodes, days)[:, None]
    return jax.vmap(jnp.searchsorted, (1, None), 1)(nodes, days)


def steps_of(grid: Grid) -> Step:
    """Return the steps of a grid, numbered."""
    return Step(jnp.arange(grid.days.shape[0], dtype=jnp.uint32), *grid)


def grid_axes(grid: Grid) -> int | None:
    """Return where a grid has its patients, for ``jax.vmap``."""
    return None if grid.days.ndim == 1 else 1


def step_axes(step: Step) -> Any:
    """Return which parts of a step have a patient axis, for ``jax.vmap``."""
    return jax.tree.map(lambda part: 0 if part.ndim else None, step)


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

    ``xp``: the arrays' own module, ``numpy`` or ``jax.numpy``.
    """
    treatments = xp.minimum(treatments, horizon)
    start = xp.zeros_like(horizon)[None]
    edges = xp.sort(xp.concatenate([start, required_days, treatments, horizon[None]]))
    begins = xp.sort(xp.concatenate([start, treatments]))
    begun = begins[_last_at_or_before(xp, begins, edges[:-1])]
    late = xp.where(xp.asarray(steps) <= _FEW, _LATE_OF_FEW, _LATE).astype(horizon.dtype)
    first, last = (_logit(xp, days - begun, late) for days in (edges[:-1], edges[1:]))
    at_edge = _apportion(xp, edges, last - first, steps)

    number = xp.minimum(xp.arange(size + 1), steps)
    i = xp.clip(_last_at_or_before(xp, at_edge, number), 0, edges.size - 2)
    taken, all_taken = number - at_edge[i], at_edge[i + 1] - at_edge[i]
    share = taken / xp.maximum(all_taken, 1)
    inside = begun[i] + _days(xp, first[i] + share * (last[i] - first[i]), late)
    inside = xp.clip(inside, edges[i], edges[i + 1])
    # The days asked for are held to the last bit.
    return xp.where(taken == 0, edges[i], xp.where(taken == all_taken, edges[i + 1], inside))


def _logit(xp: Any, days: Any, late: Any) -> Any:
    """Return ln((t + s) / (t + S)) - ln(s / S)."""
    return xp.log1p(days / _SOON) - xp.log1p(days / late)


def _days(xp: Any, logit: Any, late: Any) -> Any:
    """Return the days t at which :func:`_logit` has a value."""
    return _SOON * xp.expm1(logit) / (1.0 - _SOON / late * xp.exp(logit))


def _last_at_or_before(xp: Any, marks: Any, values: Any) -> Any:
    """Return the index of the last of the increasing ``marks`` that is at most each value."""
    how = {} if xp is np else {"method": "compare_all"}
    return xp.searchsorted(marks, values, side="right", **how) - 1


def _apportion(xp: Any, edges: Any, shares: Any, steps: Array | int) -> Any:
    """Return the step number of each edge: steps by share, one at least where days pass."""
    wanted = xp.round(xp.cumsum(shares) / xp.sum(shares) * steps).astype(xp.int32)
    least = xp.cumsum(edges[1:] > edges[:-1])
    so_far = np.maximum.accumulate if xp is np else jax.lax.cummax
    spare = xp.clip(so_far(wanted - least), 0, steps - least[-1])
    return xp.concatenate([xp.zeros(1, xp.int32), (least + spare).astype(xp.int32)])
