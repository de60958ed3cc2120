"""Cure, progression or neither, and when: the first of the two events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number, Value
from vcohort.endpoints.base import MISSING as MISSING
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.segment import Crossing, TumourSegment
from vcohort.records import recordable

OUTCOMES = UNDECIDED, CURE, PROGRESSION = 0, 1, 2
MEANINGS = ("undecided", "cure", "progression")


class _Carry(NamedTuple):
    outcome: Value
    day: Number
    progression: Crossing


@recordable
@dataclass(frozen=True)
class Outcome(TumourEndpoint):
    """``outcome`` and ``event_time``.

    Cure when no tumour cell is left, progression when the tumour reaches its progression
    size (1.2 times the first, unless told otherwise).
    """

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The outcome with its meanings, and its day."""
        flags = {"flag_values": list(OUTCOMES), "flag_meanings": " ".join(MEANINGS)}
        return (
            Variable("outcome", "first event", "1", "int8", flags),
            Variable("event_time", "day of the first event; the horizon where undecided", "day"),
        )

    def init(self, start: Start) -> _Carry:
        """Start undecided."""
        return _Carry(jnp.int8(UNDECIDED), start.horizon, Crossing.none(start.log_tumour))

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Take the first event."""
        open_case = carry.outcome == UNDECIDED
        # A tumour that reaches its progression size and dies out in one step did so in this order.
        progressed = open_case & segment.progressed
        cured = open_case & segment.extinct & ~segment.progressed
        outcome = jnp.where(progressed, jnp.int8(PROGRESSION), carry.outcome)
        return _Carry(
            jnp.where(cured, jnp.int8(CURE), outcome),
            jnp.where(cured, segment.extinct_day, carry.day),
            segment.progression.or_else(progressed, carry.progression),
        )

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Return outcome and event time, inside the step."""
        progressed = carry.outcome == PROGRESSION
        return carry.outcome, jnp.where(progressed, carry.progression.crossing_day(), carry.day)
