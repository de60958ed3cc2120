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
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key, fold, uniforms
from vcohort.engine.tumour import (
    Entry,
    Limits,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)


class Clock(NamedTuple):
    """Cells and the fraction of the step that has passed, after ``events`` proposals.

    ``reached``: the fraction at which there were ``limits.progression`` cells; 2 if never.
    """

    cells: Array
    fraction: Array
    reached: Array
    events: Array


def step(passage: Passage, tumour: Tumour, limits: Limits, key: Key, index: Array) -> TumourStep:
    """Follow the mean above the threshold, every birth and death below it."""
    path = passage.path(tumour.log_cells)
    threshold = limits.threshold_now(tumour.undecided)
    entry = enter(path, tumour, threshold)

    def simulate(
        passage: Passage, path: Cubic, entry: Entry, limits: Limits, threshold: Array, key: Key,
        index: Array,
    ) -> TumourStep:  # fmt: skip
        begin = jnp.where(entry.stochastic, entry.cells, 0.0), entry.fraction
        end = play(passage, *begin, jnp.ceil(threshold), limits.progression, fold(key, index, 0))
        died = end.cells == 0.0
        # Above the threshold the rest of the step follows the mean.
        rest = jnp.where(end.cells > threshold, path.end - path.at(end.fraction), 0.0)
        log_end = jnp.log(jnp.maximum(end.cells, 1.0)) + rest
        reach = Reach.on(end.reached <= 1.0, end.reached)
        return settle(path, log_end, died, end.fraction, reach)

    mean = undisturbed(path, tumour, limits)
    needed = entry.stochastic
    return when(needed, simulate, mean, passage, path, entry, limits, threshold, key, index)


def play(
    passage: Passage, cells: Array, fraction: Array, most: Array, progression: Array, key: Key
) -> Clock:
    """Play events until the step ends, the tumour dies out or has more than ``most`` cells."""
    bound = passage.birth.largest() + passage.death.largest()
    never = jnp.full_like(fraction, 2.0)
    reached = jnp.where(cells >= progression, fraction, never)

    def running(clock: Clock) -> Array:
        return (clock.cells > 0.0) & (clock.cells <= most) & (clock.fraction < 1.0)

    def propose(clock: Clock) -> Clock:
        first, second = uniforms(key, clock.events, 1, clock.cells.dtype)
        wait = -jnp.log(first) / (clock.cells * bound * passage.days)
        now = jnp.minimum(clock.fraction + wait, 1.0)
        birth = jnp.maximum(passage.birth.at(now), 0.0)
        death = jnp.maximum(passage.death.at(now), 0.0)
        mark = second * bound
        change = jnp.where(mark < birth, 1.0, jnp.where(mark < birth + death, -1.0, 0.0))
        cells = clock.cells + jnp.where(now < 1.0, change, 0.0)
        first_time = (cells >= progression) & (clock.reached > 1.0)
        reached = jnp.where(first_time, now, clock.reached)
        return Clock(cells, now, reached, clock.events + 1)

    return jax.lax.while_loop(running, propose, Clock(cells, fraction, reached, jnp.uint32(0)))
