"""The paper's hybrid: a differential equation above the threshold, a birth-death process below.

Below, each step draws from the exact law of the process, however long the step is; the
day of extinction inside a step is drawn from its law given that it happens, and so is whether
the tumour reached its progression size on the way. Where that is of few cells, the events are
played until it is known.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.control import when
from vcohort.endpoints import Cubic, Reach
from vcohort.engine import birth_death
from vcohort.engine.accrual import Accrual
from vcohort.engine.birth_death import Lineage
from vcohort.engine.events import Clock, play
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key, fold, uniforms
from vcohort.engine.tumour import (
    SMALL,
    Entry,
    Limits,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)

# Up to so many cells the largest size follows from events; above, from a diffusion.
_FEW = 200.0

# Purposes of a step's random numbers, beside those of ``birth_death.sample``.
_EVENTS, _EXCURSION = 3, 4


def step(passage: Passage, tumour: Tumour, limits: Limits, key: Key, index: Array) -> TumourStep:
    """Follow the mean above the threshold, draw below it."""
    path = passage.path(tumour.log_cells)
    entry = enter(path, tumour, limits.threshold_now(tumour.undecided))
    mean = undisturbed(path, tumour, limits)
    operands = passage, path, entry, tumour.undecided, limits, key, index
    return when(entry.stochastic, _draw, mean, *operands)


def _draw(
    passage: Passage,
    path: Cubic,
    entry: Entry,
    undecided: Array,
    limits: Limits,
    key: Key,
    index: Array,
) -> TumourStep:
    """Draw what becomes of the tumour: of few cells by its events, else by the law of the step."""
    watched = entry.stochastic & undecided & (limits.progression <= _FEW)
    never = jnp.full_like(entry.fraction, 2.0)
    unplayed = Clock(entry.cells, entry.fraction, never, jnp.uint32(0))
    played = when(watched, _play, unplayed, passage, entry, watched, limits, key, index)
    # The law goes on from the moment of progression, if there is one.
    settled = watched & (played.reached > 1.0)
    rest = passage.after(jnp.where(settled, 1.0, played.fraction))
    # Patients who draw nothing get a harmless law, so that no sampler works for them.
    drawing = entry.stochastic & ~settled
    lineage, grown = rest.lineage()
    lineage = Lineage(*(jnp.where(drawing, part, 0.0) for part in lineage))
    before = jnp.where(drawing, played.cells, 1.0)
    after, spare = birth_death.sample(key, index, before, lineage)
    end = jnp.ones_like(after)
    died = when(
        drawing & (after == 0.0), _fraction_of_extinction, end, spare, before, lineage, grown
    )
    unseen = _Excursion(after >= limits.progression, end)
    small = drawing & undecided & (limits.progression <= SMALL)
    by_law = when(small, _excursion, unseen, rest, before, after, limits.progression, key, index)

    def of_step(fraction: Array) -> Array:
        return played.fraction + (1.0 - played.fraction) * fraction

    cells = jnp.where(settled, played.cells, after)
    died = jnp.where(settled, played.fraction, of_step(died))
    drawn = Reach.on(by_law.reached, of_step(by_law.fraction))
    reach = Reach.on(played.reached <= 1.0, played.reached).or_else(watched, drawn)
    return settle(path, jnp.log(jnp.maximum(cells, 1.0)), cells == 0.0, died, reach)


def _play(
    passage: Passage, entry: Entry, watched: Array, limits: Limits, key: Key, index: Array
) -> Clock:
    """Play events until the tumour dies out or reaches its progression size."""
    begin = jnp.where(watched, entry.cells, 0.0), entry.fraction
    most = limits.progression - 1.0
    return play(passage, *begin, most, limits.progression, fold(key, index, _EVENTS))


class _Excursion(NamedTuple):
    """Whether the tumour reached its progression size between two known moments, and when."""

    reached: Array
    fraction: Array


def _excursion(
    rest: Passage, before: Array, after: Array, level: Array, key: Key, index: Array
) -> _Excursion:
    """Draw whether the tumour had ``level`` cells at some moment, and when, given both ends.

    The square root of the number of cells is, for many cells, a Brownian motion of variance
    (birth + death) / 4 a day, whose bridge passes a level with the probability
    exp(-2 (level - start) (level - end) / variance), whatever its drift (Feller 1951, Proc. 2nd
    Berkeley Symp.: the diffusion; Borodin & Salminen 2002, IV.26: the bridge).
    """
    u, _ = uniforms(key, index, _EXCURSION, after.dtype)
    variance = 0.25 * rest.days * (rest.birth.mean() + rest.death.mean())
    start, end, top = jnp.sqrt(before), jnp.sqrt(after), jnp.sqrt(level)
    up, down = jnp.maximum(top - start, 0.0), jnp.maximum(top - end, 0.0)
    tiny = jnp.finfo(u.dtype).tiny
    reached = (after >= level) | (jnp.log(u) < -2.0 * up * down / jnp.maximum(variance, tiny))
    # Of a passage, the way up to the level; of an excursion, its share of the way up and down.
    way = jnp.where(after >= level, end - start, up + down)
    return _Excursion(reached, jnp.clip(up / jnp.where(way > 0.0, way, 1.0), 0.0, 1.0))


def _fraction_of_extinction(u: Array, cells: Array, lineage: Lineage, grown: Accrual) -> Array:
    """Draw when in its step a tumour dies out, given that it does: the fraction s.

    P(extinct by s | extinct by the end) = [J(s) / (1 + J(s))]^n / [J / (1 + J)]^n = u.
    """
    log_extinct = jnp.log(u) / cells + jax.nn.log_sigmoid(lineage.log_j)
    return grown.reaching(log_extinct - jnp.log(-jnp.expm1(log_extinct)))
