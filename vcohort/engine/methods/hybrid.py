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

from vcohort.arrays import Counter, Flag, Number
from vcohort.branches import when
from vcohort.endpoints import Cubic, Reach
from vcohort.endpoints.accrual import Accrual
from vcohort.engine.chance import birth_death
from vcohort.engine.chance.birth_death import Lineage
from vcohort.engine.chance.random import Key, fold, normal, uniforms
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.engine.methods.thinning import Clock, play
from vcohort.engine.methods.tumour import (
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
FEW = 200.0

# Purposes of a step's random numbers, beside those of ``birth_death.sample``.
_EVENTS, _EXCURSION, _MOMENT = 3, 4, 5

# Parts of a step in which a small tumour may progress; their numbers stand above those of steps.
PARTS, PART_BITS = 8, 20


def step(
    rates: TumourRates, tumour: Tumour, limits: Limits, key: Key, index: Counter
) -> TumourStep:
    """Follow the mean above the threshold, draw below it."""
    path = rates.path(tumour.log_cells)
    entry = enter(path, tumour, limits.threshold_now(tumour.undecided))
    mean = undisturbed(path, tumour, limits)
    operands = rates, path, entry, tumour.undecided, limits, key, index
    return when(entry.stochastic, _draw, mean, *operands)


class _Course(NamedTuple):
    """A tumour after ``number`` parts of a step: its cells; where it died, where it progressed."""

    number: Counter
    cells: Number
    died: Number
    reached: Flag
    at: Number


def _draw(
    rates: TumourRates,
    path: Cubic,
    entry: Entry,
    undecided: Flag,
    limits: Limits,
    key: Key,
    index: Counter,
) -> TumourStep:
    """Draw what becomes of the tumour: of few cells by its events, else by the law of the step.

    Where it may progress on the way, the step is drawn in parts, in which rates and sizes hardly
    change.
    """
    few = undecided & (limits.progression <= FEW)
    watched = entry.stochastic & few
    never = jnp.full_like(entry.fraction, 2.0)
    unplayed = Clock(entry.cells, entry.fraction, never, jnp.uint32(0))
    played = when(watched, _play, unplayed, rates, entry, watched, limits, key, index)
    # The law goes on from the moment of progression, if there is one.
    settled = watched & (played.reached > 1.0)
    drawing = entry.stochastic & ~settled
    small = undecided & ~few & (limits.progression <= SMALL)
    count = jnp.where(drawing, jnp.where(small, PARTS, 1), 0).astype(jnp.uint32)
    reached = jnp.where(watched, played.reached <= 1.0, False)
    begun = _Course(jnp.uint32(0), played.cells, played.fraction, reached, played.reached)

    def part(course: _Course) -> _Course:
        # A loop over patients turns for all of them: who draws nothing gets a harmless law.
        active = (course.number < count) & (course.cells > 0.0)
        share = (1.0 - played.fraction) / jnp.maximum(count, 1).astype(path.start.dtype)
        first = played.fraction + course.number.astype(share.dtype) * share
        last = first + share
        rest = rates.between(first, last)
        lineage, grown = rest.lineage()
        lineage = Lineage(*(jnp.where(active, each, 0.0) for each in lineage))
        before = jnp.where(active, course.cells, 1.0)
        counter = index + (course.number << PART_BITS)
        after, spare = birth_death.sample(key, counter, before, lineage)
        dies, end = active & (after == 0.0), jnp.ones_like(after)
        died = when(dies, fraction_of_extinction, end, spare, before, lineage, grown)
        unseen = Excursion(after >= limits.progression, end)
        operands = variance_of(rest), before, after, limits.progression, key, counter
        seen = when(active & small & ~course.reached, excursion, unseen, *operands)
        now = active & seen.reached & ~course.reached
        return _Course(
            course.number + 1,
            jnp.where(active, after, course.cells),
            jnp.where(dies, first + died * share, course.died),
            course.reached | now,
            jnp.where(now, first + seen.fraction * share, course.at),
        )

    drawn = jax.lax.while_loop(lambda course: course.number < count, part, begun)
    reach = Reach.on(drawn.reached, drawn.at)
    return settle(
        path, jnp.log(jnp.maximum(drawn.cells, 1.0)), drawn.cells == 0.0, drawn.died, reach
    )


def _play(
    rates: TumourRates, entry: Entry, watched: Flag, limits: Limits, key: Key, index: Counter
) -> Clock:
    """Play events until the tumour dies out or reaches its progression size."""
    begin = jnp.where(watched, entry.cells, 0.0), entry.fraction
    most = limits.progression - 1.0
    return play(rates, *begin, most, limits.progression, fold(key, index, _EVENTS))


class Excursion(NamedTuple):
    """Whether the tumour reached its progression size between two known moments, and when."""

    reached: Flag
    fraction: Number


def variance_of(rest: TumourRates) -> Number:
    """Return the variance of the root of a number of many cells over a span."""
    return 0.25 * rest.days * (rest.birth.mean() + rest.death.mean())


def excursion(
    variance: Number, before: Number, after: Number, level: Number, key: Key, index: Counter
) -> Excursion:
    """Draw whether the tumour had ``level`` cells at some moment, and when, given both ends.

    The square root of the number of cells is, for many cells, a Brownian motion of variance
    (birth + death) / 4 a day, whose bridge passes a level with the probability
    exp(-2 (level - start) (level - end) / variance), whatever its drift (Feller 1951, Proc. 2nd
    Berkeley Symp.: the diffusion; Borodin & Salminen 2002, IV.26: the bridge).
    """
    u, choice = uniforms(key, index, _EXCURSION, after.dtype)
    v, _ = uniforms(key, index, _MOMENT, after.dtype)
    tiny = jnp.finfo(u.dtype).tiny
    variance = variance + tiny
    start, end, top = jnp.sqrt(before), jnp.sqrt(after), jnp.sqrt(level)
    up, beyond = jnp.maximum(top - start, 0.0), jnp.abs(top - end)
    reached = (after >= level) | (jnp.log(u) < -2.0 * up * beyond / variance)
    return Excursion(reached, _moment(v, choice, up, beyond, variance))


def _moment(v: Number, choice: Number, up: Number, beyond: Number, variance: Number) -> Number:
    """Draw when a Brownian bridge that passes a level first does so: the fraction t of its time.

    t / (1 - t) is inverse Gaussian, of mean up / beyond and shape up^2 / variance (its density is
    that of the first passage times that of the rest); drawn as by Michael, Schucany & Haas 1976,
    Am. Stat. 30:88.
    """
    tiny = jnp.finfo(v.dtype).tiny
    mean = up / jnp.maximum(beyond, 1e-6)
    skew = 0.5 * normal(v) ** 2 * variance / jnp.maximum(up * jnp.maximum(beyond, 1e-6), tiny)
    spread = 1.0 + skew + jnp.sqrt(skew * (2.0 + skew))
    odds = mean * jnp.where(choice * (1.0 + 1.0 / spread) < 1.0, 1.0 / spread, spread)
    return odds / (1.0 + odds)


def fraction_of_extinction(u: Number, cells: Number, lineage: Lineage, grown: Accrual) -> Number:
    """Draw when in its step a tumour dies out, given that it does: the fraction s.

    P(extinct by s | extinct by the end) = [J(s) / (1 + J(s))]^n / [J / (1 + J)]^n = u.
    """
    log_extinct = jnp.log(u) / cells + jax.nn.log_sigmoid(lineage.log_j)
    return grown.reaching(log_extinct - jnp.log(-jnp.expm1(log_extinct)))
