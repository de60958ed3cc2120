"""A patient's best tumour response until a day: CR, PR, SD or PD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Flag, Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.response import CR, PD, PR, RESPONSES, SD, check_limits
from vcohort.endpoints.segment import TumourSegment
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.records import recordable
from vcohort.units import CELLS_PER_ML


class _Carry(NamedTuple):
    log_smallest: Number
    progressed: Flag
    log_first: Number


@recordable
@dataclass(frozen=True)
class BestResponse(TumourEndpoint):
    """``best_response`` by the smallest tumour before progression, until a day.

    - CR: it was below ``detection_limit`` (cells; by default 0.1 ml), or had died out;
    - PR: it had shrunk to ``partial`` of its first size or less;
    - PD: neither, and it reached its progression size by then;
    - SD: none of these.
    """

    until: float = 180.0
    detection_limit: float = 0.1 * CELLS_PER_ML
    partial: float = 0.5

    def __post_init__(self) -> None:
        for name in ("until", "detection_limit", "partial"):
            value = number(f"BestResponse: {name}", getattr(self, name))
            object.__setattr__(self, name, value)
        if not (math.isfinite(self.until) and self.until > 0):
            raise VcohortError(f"BestResponse(until={self.until:g}): it must be greater than 0.")
        check_limits("BestResponse", self.detection_limit, self.partial)

    @property
    def required_days(self) -> tuple[float, ...]:
        """The last day that counts."""
        return (self.until,)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The response with its meanings."""
        name = f"best tumour response until day {self.until:g}"
        return (Variable("best_response", name, "1", "int8", RESPONSES),)

    def init(self, start: Start) -> _Carry:
        """Start from the first tumour."""
        never = jnp.zeros_like(start.log_tumour, dtype=bool)
        return _Carry(start.log_tumour, never, start.log_tumour)

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Take a lower value, also inside the step, of a tumour that has not progressed."""
        within = segment.end <= self.until
        lowest = segment.log_cells.at(segment.log_cells.extremum(1.0))
        lowest = jnp.where(segment.extinct, -jnp.inf, lowest)
        lower = within & ~carry.progressed & (lowest < carry.log_smallest)
        return _Carry(
            jnp.where(lower, lowest, carry.log_smallest),
            carry.progressed | (within & segment.progressed),
            carry.log_first,
        )

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Classify."""
        complete = carry.log_smallest < math.log(self.detection_limit)
        partial = carry.log_smallest <= carry.log_first + math.log(self.partial)
        without = jnp.where(carry.progressed, PD, SD)
        response = jnp.where(complete, CR, jnp.where(partial, PR, without))
        return (response.astype(jnp.int8),)
