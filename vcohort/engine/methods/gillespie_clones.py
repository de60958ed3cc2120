"""Event by event below the threshold, for a tumour of several clones.

Clones that are large follow their mean, and bear mutants by a Poisson process; births, deaths and
mutations of the small ones are played one by one (``events`` says how). Whenever one becomes large,
or a large one small, who is what is asked anew.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.integrator.clones import LOG_NONE, CloneRates, fed
from vcohort.engine.methods.clones import Clones, ClonesStep, close, total_of
from vcohort.engine.methods.hazards import Clock, Hazards, any_of, share_of_rest
from vcohort.engine.methods.tumour import Limits


class _Scene(NamedTuple):
    """What holds for a whole step."""

    names: tuple[str, ...]
    rates: CloneRates
    threshold: Number
    limits: Limits
    key: Key


class _Course(NamedTuple):
    """The tumour at a fraction of the step, after ``events`` proposals."""

    logs: dict[str, Number]
    empty: dict[str, Flag]
    fraction: Number
    reached: Number
    events: Counter


class _Means(NamedTuple):
    """Which clones are large, their means from now on, and when the first of them is no more."""

    large: dict[str, Flag]
    paths: dict[str, Cubic]
    stop: Number


def step(
    names: tuple[str, ...],
    rates: CloneRates,
    tumour: Clones,
    limits: Limits,
    key: Key,
    index: Counter,
) -> ClonesStep:
    """Follow the mean of each clone above the threshold, every event below it."""
    threshold = limits.threshold_now(tumour.undecided)
    scene = _Scene(names, rates, threshold, limits, fold(key, index, 7))
    never = jnp.full_like(threshold, 2.0)
    begun = _Course(tumour.logs, tumour.empty, jnp.zeros_like(threshold), never, jnp.uint32(0))

    def on_the_way(course: _Course) -> Flag:
        gone = Clones(course.logs, course.empty, tumour.undecided).extinct
        return (course.fraction < 1.0) & ~gone

    end = jax.lax.while_loop(on_the_way, partial(_until_change, scene), begun)
    after = Clones(end.logs, end.empty, tumour.undecided)
    return close(names[0], tumour, after, end.fraction, end.reached <= 1.0, end.reached)


def _until_change(scene: _Scene, course: _Course) -> _Course:
    """Go on until the step ends, or a small clone becomes large, or a large one small."""
    means = _means(scene, course)
    clock = _play(scene, course, means)
    logs, empty = _tumour_at(scene, course, means, clock)
    reached = _reached(scene, course, means, clock, total_of(logs, empty))
    return _Course(logs, empty, clock.fraction, reached, clock.events)


def _means(scene: _Scene, course: _Course) -> _Means:
    now, one = course.fraction, jnp.ones_like(course.fraction)
    level = jnp.log(scene.threshold)
    large: dict[str, Flag] = {}
    paths: dict[str, Cubic] = {}
    stop = one
    for name in scene.names:
        own = scene.rates.own[name].between(now, one)
        log = course.logs[name]
        large[name] = ~course.empty[name] & (log >= jnp.log(scene.threshold + 0.5))
        path = own.path(jnp.where(large[name], log, LOG_NONE))
        for parent, rate in scene.rates.parents(name).items():
            path = fed(path, paths[parent], rate.between(now, one), own)
        # Of a small clone the mean says nothing: it feeds by events.
        paths[name] = Cubic(*(jnp.where(large[name], part, quiet)
                              for part, quiet in zip(path, (LOG_NONE, LOG_NONE, 0.0, 0.0),
                                                     strict=True)))  # fmt: skip
        falls = large[name] & (path.end <= level)
        crossing = now + path.crossing(level) * (1.0 - now)
        stop = jnp.where(falls, jnp.minimum(stop, crossing), stop)
    return _Means(large, paths, stop)


def _tumour_at(
    scene: _Scene, course: _Course, means: _Means, clock: Clock
) -> tuple[dict[str, Number], dict[str, Flag]]:
    """Return the clones' logs when the clock stopped, and which are empty."""
    level, passed = jnp.log(scene.threshold), share_of_rest(course.fraction, clock.fraction)
    logs: dict[str, Number] = {}
    empty: dict[str, Flag] = {}
    for name in scene.names:
        cells, log = clock.cells[name], means.paths[name].at(passed)
        # One that has fallen to the threshold goes on with so many cells, rounded up.
        fallen = log <= level + 1e-5
        log = jnp.where(fallen, jnp.log(jnp.ceil(scene.threshold)), log)
        logs[name] = jnp.where(means.large[name], log, jnp.log(jnp.maximum(cells, 1.0)))
        empty[name] = ~means.large[name] & (cells == 0.0)
    return logs, empty


def _reached(scene: _Scene, course: _Course, means: _Means, clock: Clock, total: Number) -> Number:
    """Return at which fraction the tumour first has its progression size; 2 where it has not."""
    start = total_of(course.logs, course.empty)
    level, rise = scene.limits.log_progression, total - start
    passes = Reach.of(Cubic(start, total, rise, rise), level)
    way = jnp.where(rise > 0.0, (level - start) / jnp.where(rise > 0.0, rise, 1.0), 0.0)
    met = any_of(means.large) & passes.reached & (course.reached > 1.0)
    at = course.fraction + jnp.clip(way, 0.0, 1.0) * (clock.fraction - course.fraction)
    return jnp.where(met, at, jnp.minimum(course.reached, clock.reached))


def _play(scene: _Scene, course: _Course, means: _Means) -> Clock:
    """Play the small clones' events until a moment, or one of them has become large."""
    now, large = course.fraction, means.large
    alone, most = ~any_of(large), jnp.ceil(scene.threshold)
    hazards = Hazards.of(scene.rates, large, means.paths, now)
    begun = {
        name: jnp.where(large[name] | course.empty[name], 0.0,
                        jnp.round(jnp.exp(jnp.where(large[name], 0.0, course.logs[name]))))
        for name in scene.names
    }  # fmt: skip

    def progresses(cells: dict[str, Number], reached: Number) -> Flag:
        counted = sum(cells.values(), jnp.zeros_like(now))
        return alone & (counted >= scene.limits.progression) & (reached > 1.0)

    def running(clock: Clock) -> Flag:
        going = (clock.fraction < means.stop) & (hazards.bound(clock.cells) > 0.0)
        for name in scene.names:
            going = going & (clock.cells[name] <= most)
        return going

    def propose(clock: Clock) -> Clock:
        moment, cells = hazards.propose(scene.key, clock, means.stop)
        reached = jnp.where(progresses(cells, clock.reached), moment, clock.reached)
        return Clock(cells, moment, reached, clock.events + 1)

    reached = jnp.where(progresses(begun, course.reached), now, course.reached)
    played = jax.lax.while_loop(running, propose, Clock(begun, now, reached, course.events))
    over = any_of({name: played.cells[name] > most for name in scene.names})
    gone = alone & (sum(played.cells.values(), jnp.zeros_like(now)) == 0.0)
    return played._replace(fraction=jnp.where(over | gone, played.fraction, means.stop))
