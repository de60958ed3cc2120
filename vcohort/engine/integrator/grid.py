"""The time grid: one that all patients share, or each patient's own."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from vcohort.engine.integrator.nodes import Intervals, cut, nodes_within, time_nodes

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
    return LADDER[-1] if steps <= LADDER[-1] < room else room


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


def make_grid(size: int, steps: Array | int, days: Days) -> Grid:
    """Return a grid of ``steps`` steps, filled up to ``size`` with steps of no length."""
    # In one program XLA would reckon each interval anew for each of its days, and those four times:
    # for two starts and two ends.
    return _between(_nodes(size, steps, _cut(steps, days)))


@jax.jit
def _cut(steps: Array | int, days: Days) -> Intervals:
    required_days, treatments = (part.T for part in days[1:])
    return cut(jnp, steps, days.horizon, required_days, treatments)


@partial(jax.jit, static_argnames=("size",))
def _nodes(size: int, steps: Array | int, intervals: Intervals) -> Array:
    """Return the days (size + 1,), or (size + 1, patient), at which steps start and end."""
    return nodes_within(jnp, size, steps, intervals)


@jax.jit
def _between(nodes: Array) -> Grid:
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
