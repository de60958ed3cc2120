"""Progression as a trial sees it: by the tumour's size on the days of its visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from vcohort.arrays import Flag, Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.outcome import CURE, MEANINGS, OUTCOMES, PROGRESSION, UNDECIDED
from vcohort.endpoints.segment import Crossing, TumourSegment
from vcohort.errors import VcohortError
from vcohort.given import check_unit, numbers
from vcohort.records import recordable

# 1.2 times 5 cells are 6, whatever float32 makes of their logs.
_ROUNDING = 2e-6


class _Carry(NamedTuple):
    outcome: Value
    day: Number
    standing: Flag
    risen: Crossing
    log_progression: Number


@recordable
@dataclass(frozen=True)
class ProgressionAtVisits(TumourEndpoint):
    """The first event as a trial sees it, which looks at its patients on the days of ``visits``.

    Progression is seen at the first visit at which the tumour has its progression size or more. One
    that grows to it between two visits, and is smaller again at the next, is not seen to progress:
    so does many a tumour that grows for the days that the CAR T cells need to expand.

    - ``seen_outcome``: ``undecided``, ``cure`` or ``progression``, whichever is first;
    - ``seen_time``: its day, a progression's that of the visit; the horizon where undecided;
    - ``seen_since``: the day from which on the tumour had its progression size until that visit;
      ``seen_time`` where there is none.

    Survival is estimated of ``vc.seen_at_visits(ds)``.
    """

    visits: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "visits", checked_visits(self.visits))

    @property
    def required_days(self) -> tuple[float, ...]:
        """The visits."""
        return self.visits

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The event with its meanings, its day, and the day on which a progression began."""
        flags = {"flag_values": list(OUTCOMES), "flag_meanings": " ".join(MEANINGS)}
        return (
            Variable("seen_outcome", "first event seen at visits", "1", "int8", flags),
            Variable("seen_time", "day of that event; the horizon where undecided", "day",
                     attrs={"visits": ", ".join(map(str, self.visits))}),
            Variable("seen_since", "day from which on the progression seen was there", "day"),
        )  # fmt: skip

    def init(self, start: Start) -> _Carry:
        """Start undecided."""
        never, nowhere = jnp.zeros_like(start.horizon, bool), Crossing.none(start.log_tumour)
        return _Carry(jnp.int8(UNDECIDED), start.horizon, never, nowhere, start.log_progression)

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Look at the tumour at the end of the step, if that is a visit."""
        open_case = carry.outcome == UNDECIDED
        standing = stands(segment, carry.log_progression)
        rises = open_case & standing & ~carry.standing
        height, whole = segment.log_cells.above(carry.log_progression), jnp.ones_like(segment.end)
        risen = Crossing(segment.day, segment.end, height, whole).or_else(rises, carry.risen)
        progressed = open_case & standing & is_visit(segment, self.visits)
        cured = open_case & segment.extinct
        outcome = jnp.where(progressed, jnp.int8(PROGRESSION), carry.outcome)
        day = jnp.where(progressed, segment.end, carry.day)
        return carry._replace(
            outcome=jnp.where(cured, jnp.int8(CURE), outcome),
            day=jnp.where(cured, segment.extinct_day, day),
            standing=standing, risen=risen,
        )  # fmt: skip

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Return the event, its day, and since when."""
        progressed = carry.outcome == PROGRESSION
        since = jnp.where(progressed, carry.risen.crossing_day(), carry.day)
        return carry.outcome, carry.day, since


def is_visit(segment: TumourSegment, visits: Sequence[float]) -> Flag:
    """Say whether a step ends on the day of a visit."""
    return reduce(jnp.logical_or, (segment.end == day for day in visits))


def stands(segment: TumourSegment, log_level: Number) -> Flag:
    """Say whether a tumour has a size or more at the end of a step."""
    return (segment.log_cells.end >= log_level - _ROUNDING) & ~segment.extinct


def checked_visits(visits: Any) -> tuple[float, ...]:
    """Return the days of visits, at least one.

    :raises VcohortError: for days that do not increase from above 0 on.
    """
    check_unit("visits", visits, "day")
    days = numbers("visits", visits)
    if not (days.size and np.isfinite(days).all() and (np.diff(days, prepend=0.0) > 0).all()):
        raise VcohortError("visits must be days that increase, all greater than 0: [28, 91, 182].")
    return tuple(days.tolist())
