"""The hybrid for a tumour of several clones: each follows its mean while large, chance while small.

Clone by clone, those first from which others spring. Below the threshold a clone's own cells are
drawn from the exact law of the span; mutants that arise in it are a Poisson number, begun inside it
(``clones.newcomers``), also where the clone that bears them is large. Where that one is left to
chance itself, the step is drawn in parts, on each of which its course is known well enough.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from vcohort.arrays import Counter, Flag, Number
from vcohort.branches import when
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.chance import birth_death
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.integrator.clones import LOG_NONE, CloneRates, fed
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.engine.methods import gillespie_clones
from vcohort.engine.methods.clones import (
    Clones,
    ClonesStep,
    Source,
    all_of,
    close,
    newcomers,
    total_of,
)
from vcohort.engine.methods.hybrid import (
    FEW,
    PART_BITS,
    PARTS,
    Excursion,
    excursion,
    fraction_of_extinction,
    variance_of,
)
from vcohort.engine.methods.tumour import SMALL, Limits


class _Course(NamedTuple):
    """A tumour after ``number`` parts of a step: where its last cell died, where it progressed."""

    number: Counter
    logs: dict[str, Number]
    empty: dict[str, Flag]
    died: Number
    reached: Flag
    at: Number


class _Span(NamedTuple):
    """A clone over a part of a step: its course, its end, where its last cell died."""

    path: Cubic
    log_end: Number
    empty: Flag
    died: Number


def step(
    names: tuple[str, ...],
    rates: CloneRates,
    tumour: Clones,
    limits: Limits,
    key: Key,
    index: Counter,
) -> ClonesStep:
    """Follow the mean of each clone above the threshold, draw it below."""
    few = tumour.undecided & (limits.progression <= FEW) & ~tumour.extinct

    def by_events(
        rates: CloneRates, tumour: Clones, limits: Limits, key: Key, index: Counter
    ) -> ClonesStep:
        return gillespie_clones.step(names, rates, tumour, limits, key, index)

    drawn = _by_law(names, rates, tumour, limits, key, index, ~few)
    return when(few, by_events, drawn, rates, tumour, limits, key, index)


def _by_law(
    names: tuple[str, ...],
    rates: CloneRates,
    tumour: Clones,
    limits: Limits,
    key: Key,
    index: Counter,
    wanted: Flag,
) -> ClonesStep:
    threshold = limits.threshold_now(tumour.undecided)
    small = tumour.undecided & (limits.progression <= SMALL)
    parents = [name for name in names if any(name == parent for parent, _ in rates.mutation)]
    tossed = jnp.zeros_like(small)
    for name in parents:
        below = tumour.logs[name] < jnp.log(2.0 * threshold)
        tossed = tossed | (below & ~tumour.empty[name])
    count = jnp.where(small | tossed, PARTS, 1).astype(jnp.uint32)
    count = jnp.where(wanted & ~tumour.extinct, count, 0)
    share = 1.0 / jnp.maximum(count, 1).astype(threshold.dtype)
    never, no = jnp.full_like(share, 2.0), jnp.zeros_like(small)
    begun = _Course(jnp.uint32(0), tumour.logs, tumour.empty, never, no, never)

    def part(course: _Course) -> _Course:
        first = course.number.astype(share.dtype) * share
        last = first + share
        counter = index + (course.number << PART_BITS)
        spans: dict[str, _Span] = {}
        for place, name in enumerate(names):
            own = rates.own[name].between(first, last)
            sources = [
                Source(spans[parent].path, rate.between(first, last))
                for parent, rate in rates.parents(name).items()
            ]
            mine = fold(key, jnp.uint32(1000 + place), 0)
            log, empty = course.logs[name], course.empty[name]
            spans[name] = _advance(own, sources, log, empty, threshold, mine, counter)
        logs = {name: span.log_end for name, span in spans.items()}
        empty = {name: span.empty for name, span in spans.items()}
        return _seen(course, spans, logs, empty, first, share, counter)

    def _seen(
        course: _Course,
        spans: dict[str, _Span],
        logs: dict[str, Number],
        empty: dict[str, Flag],
        first: Number,
        share: Number,
        counter: Counter,
    ) -> _Course:
        """Note whether the tumour died out, or reached its progression size, in a part."""
        gone = all_of(empty) & ~all_of(course.empty)
        last_death = jnp.zeros_like(share)
        for span in spans.values():
            last_death = jnp.maximum(last_death, span.died)
        path = _whole(spans, course.empty, empty)
        passes = Reach.of(path, limits.log_progression)
        fraction = passes.until * passes.height.until(passes.until).crossing(0.0, 8)
        fraction = jnp.where(passes.height.start >= 0.0, 0.0, fraction)
        met = Excursion(passes.reached & ~all_of(empty), fraction)
        before, after = (
            jnp.where(all_of(each), 0.0, jnp.exp(jnp.minimum(total, 80.0)))
            for each, total in ((course.empty, path.start), (empty, path.end))
        )
        variance = _variance(rates, course, first, share)
        watched = small & ~course.reached & (before > 0.0)
        met = when(watched, excursion, met, variance, before, after, limits.progression, key,
                   counter)  # fmt: skip
        now = met.reached & ~course.reached
        return _Course(
            course.number + 1, logs, empty,
            jnp.where(gone, first + last_death * share, course.died),
            course.reached | now,
            jnp.where(now, first + met.fraction * share, course.at),
        )  # fmt: skip

    drawn = jax.lax.while_loop(lambda course: course.number < count, part, begun)
    end = Clones(drawn.logs, drawn.empty, tumour.undecided)
    return close(names[0], tumour, end, drawn.died, drawn.reached, drawn.at)


def _advance(
    own: TumourRates,
    sources: list[Source],
    log: Number,
    empty: Flag,
    threshold: Number,
    key: Key,
    counter: Counter,
) -> _Span:
    """Return a clone over a span."""
    level = jnp.log(threshold)
    path = own.path(jnp.where(empty, LOG_NONE, log))
    for source in sources:
        path = fed(path, source.log_cells, source.rate, own)
    # A whole number of cells is stored as its log; half a cell forgives the rounding.
    below = empty | (log < jnp.log(threshold + 0.5))
    falls = ~below & (path.end <= level)
    mean = _Span(path, path.end, jnp.zeros_like(empty), jnp.zeros_like(level))
    fraction = jnp.where(falls, path.crossing(level), 0.0)
    present = jnp.where(empty, 0.0, jnp.round(jnp.exp(jnp.where(below, log, 0.0))))
    cells = jnp.where(falls, jnp.ceil(threshold), present)
    idle = empty
    for source in sources:
        idle = idle & (source.log_cells.start <= 0.5 * LOG_NONE)
    still = _Span(Cubic(*[jnp.full_like(level, LOG_NONE)] * 2, *[jnp.zeros_like(level)] * 2),
                  jnp.zeros_like(level), empty, jnp.zeros_like(level))  # fmt: skip
    chosen = jax.tree.map(lambda one, other: jnp.where(idle, one, other), still, mean)
    drawing = (below | falls) & ~idle
    return when(drawing, _draw, chosen, own, sources, path, cells, fraction, key, counter)


def _draw(
    own: TumourRates,
    sources: list[Source],
    path: Cubic,
    cells: Number,
    fraction: Number,
    key: Key,
    counter: Counter,
) -> _Span:
    """Draw a clone's cells at the end of a span, in which it is small from a fraction on."""
    one = jnp.ones_like(fraction)
    rest = own.between(fraction, one)
    lineage, grown = rest.lineage()
    some = cells > 0.0
    after, spare = birth_death.sample(key, counter, jnp.maximum(cells, 1.0), lineage)
    after = jnp.where(some, after, 0.0)
    operands = spare, jnp.maximum(cells, 1.0), lineage, grown
    died = when(some & (after == 0.0), fraction_of_extinction, jnp.zeros_like(one), *operands)
    come = newcomers(rest, [each.between(fraction, one) for each in sources], key, counter)
    end = after + come
    start = jnp.where(some | (fraction > 0.0), path.start, 0.0)
    log_end = jnp.log(jnp.maximum(end, 1.0))
    rise = log_end - start
    nothing = ~some & (end == 0.0)
    course = Cubic(
        jnp.where(nothing, LOG_NONE, start), jnp.where(nothing, LOG_NONE, log_end),
        jnp.where(nothing, 0.0, rise), jnp.where(nothing, 0.0, rise),
    )  # fmt: skip
    return _Span(course, log_end, end == 0.0, fraction + died * (1.0 - fraction))


def _whole(
    spans: dict[str, _Span], empty_before: dict[str, Flag], empty_after: dict[str, Flag]
) -> Cubic:
    """Return the log of all cells over a span, 0 where there are none."""
    starts = {name: span.path.start for name, span in spans.items()}
    ends = {name: span.log_end for name, span in spans.items()}
    start, end = total_of(starts, empty_before), total_of(ends, empty_after)
    slopes = [jnp.zeros_like(start), jnp.zeros_like(start)]
    for name, span in spans.items():
        sides = ((starts, empty_before, start, span.path.slope_start),
                 (ends, empty_after, end, span.path.slope_end))  # fmt: skip
        for side, (logs, empty, total, slope) in enumerate(sides):
            share = jnp.where(empty[name], 0.0, jnp.exp(logs[name] - total))
            slopes[side] = slopes[side] + share * slope
    return Cubic(start, end, *slopes)


def _variance(rates: CloneRates, course: _Course, first: Number, share: Number) -> Number:
    """Return the variance of the root of the number of all cells over a span."""
    total = total_of(course.logs, course.empty)
    variance = jnp.zeros_like(total)
    for name, own in rates.own.items():
        rest = own.between(first, first + share)
        mine = jnp.where(course.empty[name], 0.0, jnp.exp(course.logs[name] - total))
        variance = variance + mine * variance_of(rest)
    return variance
