"""Which tumour cells a relapse is made of, where some escape from the CAR T cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Flag, Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.segment import TumourSegment
from vcohort.records import recordable

RELAPSES = NONE, POSITIVE, NEGATIVE = 0, 1, 2
MEANINGS = ("no_progression", "antigen_positive", "antigen_negative")


class _Carry(NamedTuple):
    progressed: Flag
    share: Number


@recordable
@dataclass(frozen=True)
class Escaped(TumourEndpoint):
    """``relapse`` and ``negative_share``: at progression, whether the tumour has lost the antigen.

    A relapse is antigen-negative where more than half of its cells lack the antigen: those of all
    clones but the first. Of a patient cured before, or without progression, the share is 0.
    """

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The kind of relapse with its meanings, and the share."""
        flags = {"flag_values": list(RELAPSES), "flag_meanings": " ".join(MEANINGS)}
        return (
            Variable("relapse", "antigen of the tumour at progression", "1", "int8", flags),
            Variable("negative_share", "share of antigen-negative cells at progression", "1"),
        )

    def init(self, start: Start) -> _Carry:
        """Start without progression."""
        zero = jnp.zeros_like(start.log_tumour)
        return _Carry(zero > 0.0, zero)

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Look at the first progression."""
        now = segment.progressed & ~carry.progressed
        day = segment.progression.crossing_day()
        length = segment.end - segment.day
        passed = jnp.clip((day - segment.day) / jnp.where(length > 0.0, length, 1.0), 0.0, 1.0)
        gap = segment.log_antigen.at(passed) - segment.log_cells.at(passed)
        share = 0.0 - jnp.expm1(jnp.clip(gap, -80.0, 0.0))
        return _Carry(carry.progressed | now, jnp.where(now, share, carry.share))

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Return the kind of relapse and the share."""
        kind = jnp.where(carry.share > 0.5, jnp.int8(NEGATIVE), jnp.int8(POSITIVE))
        return jnp.where(carry.progressed, kind, jnp.int8(NONE)), carry.share
