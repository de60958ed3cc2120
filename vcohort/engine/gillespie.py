"""Event by event below the threshold, as in the paper's own code: slow, and the oracle.

The rates change with time, so events are proposed at a rate that bounds them in the step
and accepted in proportion (thinning: Lewis & Shedler 1979, Nav. Res. Logist. Q. 26:403):
exact, and without any of the closed forms of ``birth_death``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.control import when
from vcohort.endpoints import Cubic
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key, fold, uniforms
from vcohort.engine.tumour import (
    Entry,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)


class _Clock(NamedTuple):
    """Cells and the fraction of the step that has passed, after ``events`` proposals."""

    cells: Array
    fraction: Array
    events: Array


def step(passage: Passage, tumour: Tumour, threshold: Array, key: Key, index: Array) -> TumourStep:
    """Follow the mean above the threshold, every birth and death below it."""
    path = passage.path(tumour.log_cells)
    entry = enter(path, tumour, threshold)

    def simulate(passage: Passage, path: Cubic, entry: Entry, key: Key, index: Array) -> TumourStep:
        begin = _Clock(jnp.where(entry.stochastic, entry.cells, 0.0), entry.fraction, jnp.uint32(0))
        end = _run(passage, begin, jnp.ceil(threshold), fold(key, index, 0))
        died = end.cells == 0.0
        # Above the threshold the rest of the step follows the mean.
        rest = jnp.where(end.cells > threshold, path.end - path.at(end.fraction), 0.0)
        log_end = jnp.log(jnp.maximum(end.cells, 1.0)) + rest
        return settle(path, log_end, died, end.fraction)

    mean = undisturbed(path, tumour)
    return when(entry.stochastic, simulate, mean, passage, path, entry, key, index)


def _run(passage: Passage, begin: _Clock, threshold: Array, key: Key) -> _Clock:
    """Play events until the step ends, the tumour dies out or outgrows the threshold."""
    bound = passage.birth.largest() + passage.death.largest()

    def running(clock: _Clock) -> Array:
        return (clock.cells > 0.0) & (clock.cells <= threshold) & (clock.fraction < 1.0)

    def propose(clock: _Clock) -> _Clock:
        first, second = uniforms(key, clock.events, 1, clock.cells.dtype)
        wait = -jnp.log(first) / (clock.cells * bound * passage.days)
        now = jnp.minimum(clock.fraction + wait, 1.0)
        birth = jnp.maximum(passage.birth.at(now), 0.0)
        death = jnp.maximum(passage.death.at(now), 0.0)
        mark = second * bound
        change = jnp.where(mark < birth, 1.0, jnp.where(mark < birth + death, -1.0, 0.0))
        change = jnp.where(now < 1.0, change, 0.0)
        return _Clock(clock.cells + change, now, clock.events + 1)

    return jax.lax.while_loop(running, propose, begin)
