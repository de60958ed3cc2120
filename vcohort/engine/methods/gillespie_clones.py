"""Event by event below the threshold, for a tumour of several clones.

Clones that are large follow their mean, and bear mutants by a Poisson process; births, deaths and
mutations of the small ones are played one by one (``events`` says how). Whenever one becomes large,
or a large one small, who is what is asked anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.chance.random import Key, fold, uniforms
from vcohort.engine.integrator.clones import LOG_NONE, CloneRates, fed
from vcohort.engine.methods.clones import Clones, ClonesStep, Source, close, total_of
from vcohort.engine.methods.tumour import Limits


class _Clock(NamedTuple):
    """Small clones' cells at a fraction of the step, after ``events`` proposals."""

    cells: dict[str, Number]
    fraction: Number
    reached: Number
    events: Counter


class _Course(NamedTuple):
    """The tumour at a fraction of the step."""

    logs: dict[str, Number]
    empty: dict[str, Flag]
    fraction: Number
    reached: Number
    events: Counter


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
    own_key = fold(key, index, 7)
    never = jnp.full_like(threshold, 2.0)
    begun = _Course(tumour.logs, tumour.empty, jnp.zeros_like(threshold), never, jnp.uint32(0))

    def on_the_way(course: _Course) -> Flag:
        gone = Clones(course.logs, course.empty, tumour.undecided).extinct
        return (course.fraction < 1.0) & ~gone

    def go_on(course: _Course) -> _Course:
        return _until_change(names, rates, course, threshold, limits, own_key)

    end = jax.lax.while_loop(on_the_way, go_on, begun)
    after = Clones(end.logs, end.empty, tumour.undecided)
    return close(names[0], tumour, after, end.fraction, end.reached <= 1.0, end.reached)


def _until_change(
    names: tuple[str, ...],
    rates: CloneRates,
    course: _Course,
    threshold: Number,
    limits: Limits,
    key: Key,
) -> _Course:
    """Go on until the step ends, or a small clone becomes large, or a large one small."""
    now, one = course.fraction, jnp.ones_like(course.fraction)
    level = jnp.log(threshold)
    large: dict[str, Flag] = {}
    paths: dict[str, Cubic] = {}
    stop = one
    for name in names:
        own = rates.own[name].between(now, one)
        log = course.logs[name]
        large[name] = ~course.empty[name] & (log >= jnp.log(threshold + 0.5))
        path = own.path(jnp.where(large[name], log, LOG_NONE))
        for parent, rate in rates.parents(name).items():
            path = fed(path, paths[parent], rate.between(now, one), own)
        # Of a small clone the mean says nothing: it feeds by events.
        paths[name] = Cubic(*(jnp.where(large[name], part, quiet)
                              for part, quiet in zip(path, (LOG_NONE, LOG_NONE, 0.0, 0.0),
                                                     strict=True)))  # fmt: skip
        falls = large[name] & (path.end <= level)
        crossing = now + path.crossing(level) * (1.0 - now)
        stop = jnp.where(falls, jnp.minimum(stop, crossing), stop)
    clock = _play(names, rates, course, large, paths, stop, threshold, limits, key)
    passed = (clock.fraction - now) / jnp.maximum(1.0 - now, jnp.finfo(now.dtype).tiny)
    logs: dict[str, Number] = {}
    empty: dict[str, Flag] = {}
    for name in names:
        cells, log = clock.cells[name], paths[name].at(passed)
        # One that has fallen to the threshold goes on with so many cells, rounded up.
        fallen = log <= level + 1e-5
        log = jnp.where(fallen, jnp.log(jnp.ceil(threshold)), log)
        logs[name] = jnp.where(large[name], log, jnp.log(jnp.maximum(cells, 1.0)))
        empty[name] = ~large[name] & (cells == 0.0)
    total = total_of(logs, empty)
    start = total_of(course.logs, course.empty)
    rise = total - start
    passes = Reach.of(Cubic(start, total, rise, rise), limits.log_progression)
    climb = jnp.where(rise > 0.0, rise, 1.0)
    way = jnp.where(rise > 0.0, (limits.log_progression - start) / climb, 0.0)
    met = _any(large) & passes.reached & (course.reached > 1.0)
    at = now + jnp.clip(way, 0.0, 1.0) * (clock.fraction - now)
    reached = jnp.where(met, at, jnp.minimum(course.reached, clock.reached))
    return _Course(logs, empty, clock.fraction, reached, clock.events)


def _play(
    names: tuple[str, ...],
    rates: CloneRates,
    course: _Course,
    large: dict[str, Flag],
    paths: dict[str, Cubic],
    stop: Number,
    threshold: Number,
    limits: Limits,
    key: Key,
) -> _Clock:
    """Play the small clones' events until a moment, or one of them has become large."""
    now, one = course.fraction, jnp.ones_like(course.fraction)
    nothing = jnp.zeros_like(now)
    days = next(iter(rates.own.values())).days
    most, alone = jnp.ceil(threshold), ~_any(large)
    begun = {
        name: jnp.where(large[name] | course.empty[name], 0.0,
                        jnp.round(jnp.exp(jnp.where(large[name], 0.0, course.logs[name]))))
        for name in names
    }  # fmt: skip
    bounds = {
        name: own.birth.largest() + own.death.largest()
        + sum((rate.largest() for (parent, _), rate in rates.mutation.items() if parent == name),
              nothing)
        for name, own in rates.own.items()
    }  # fmt: skip
    inflows = {
        pair: Source(paths[pair[0]], rate.between(now, one))
        for pair, rate in rates.mutation.items()
    }
    most_inflow = {
        (parent, child): jnp.where(
            large[parent] & ~large[child],
            rates.mutation[parent, child].largest()
            * jnp.exp(jnp.minimum(source.log_cells.at(source.log_cells.extremum(-1.0)), 80.0)),
            0.0,
        )
        for (parent, child), source in inflows.items()
    }

    def happenings(cells: dict[str, Number], moment: Number) -> Iterator[tuple[Number, str, float]]:
        """Return what may happen at a moment: its rate per day, whose number it changes, how."""
        for name, own in rates.own.items():
            yield cells[name] * own.birth.at(moment), name, 1.0
            yield cells[name] * own.death.at(moment), name, -1.0
        for (parent, child), rate in rates.mutation.items():
            # A clone that is large does not feel a single cell.
            small = jnp.where(large[child], 0.0, 1.0)
            yield small * cells[parent] * rate.at(moment), child, 1.0
        passed = (moment - now) / jnp.maximum(1.0 - now, jnp.finfo(now.dtype).tiny)
        for pair, source in inflows.items():
            yield jnp.where(most_inflow[pair] > 0.0, source.at(passed), 0.0), pair[1], 1.0

    def total_rate(cells: dict[str, Number]) -> Number:
        own = sum((cells[name] * bounds[name] for name in names), nothing)
        return own + sum(most_inflow.values(), nothing)

    def running(clock: _Clock) -> Flag:
        going = (clock.fraction < stop) & (total_rate(clock.cells) > 0.0)
        for name in names:
            going = going & (clock.cells[name] <= most)
        return going

    def propose(clock: _Clock) -> _Clock:
        first, second = uniforms(key, clock.events, 1, now.dtype)
        bound = total_rate(clock.cells)
        moment = clock.fraction - jnp.log(first) / (bound * days)
        happens = moment < stop
        moment = jnp.minimum(moment, stop)
        mark, before = second * bound, nothing
        cells = dict(clock.cells)
        for rate, name, change in happenings(clock.cells, moment):
            upto = before + jnp.maximum(rate, 0.0)
            hit = happens & (mark >= before) & (mark < upto)
            cells[name] = cells[name] + jnp.where(hit, change, 0.0)
            before = upto
        counted = sum(cells.values(), nothing)
        first_time = alone & (counted >= limits.progression) & (clock.reached > 1.0)
        reached = jnp.where(first_time, moment, clock.reached)
        return _Clock(cells, moment, reached, clock.events + 1)

    whole = sum(begun.values(), nothing)
    already = alone & (whole >= limits.progression) & (course.reached > 1.0)
    reached = jnp.where(already, now, course.reached)
    played = jax.lax.while_loop(running, propose, _Clock(begun, now, reached, course.events))
    over = jnp.zeros_like(already)
    for name in names:
        over = over | (played.cells[name] > most)
    gone = alone & (sum(played.cells.values(), nothing) == 0.0)
    return played._replace(fraction=jnp.where(over | gone, played.fraction, stop))


def _any(flags: dict[str, Flag]) -> Flag:
    return reduce(or_, flags.values())
