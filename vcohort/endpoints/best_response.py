"""A patient's best tumour response until a day: CR, PR, SD or PD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from vcohort.arrays import Flag, Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.response import CR, PD, PR, RESPONSES, SD, check_limits, limits_told
from vcohort.endpoints.segment import TumourSegment
from vcohort.endpoints.visits import checked_visits, is_visit, stands
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.records import recordable
from vcohort.units import CELLS_PER_ML


class _Carry(NamedTuple):
    log_smallest: Number
    progressed: Flag
    log_first: Number
    log_progression: Number


@recordable
@dataclass(frozen=True)
class BestResponse(TumourEndpoint):
    """``best_response`` by the smallest tumour before progression, until a day.

    - CR: it was below ``detection_limit`` (cells; by default 0.1 ml), or had died out;
    - PR: it had shrunk to ``partial`` of its first size or less;
    - PD: neither, and it reached its progression size by then;
    - SD: none of these.

    With ``visits`` a trial sees its patients on these days alone, until the last that counts: it
    judges the tumour by its sizes on them, until the first on which it has its progression size
    (:class:`vcohort.ProgressionAtVisits`).
    """

    until: float = 180.0
    detection_limit: float = 0.1 * CELLS_PER_ML
    partial: float = 0.5
    visits: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("until", "detection_limit", "partial"):
            value = number(f"BestResponse: {name}", getattr(self, name))
            object.__setattr__(self, name, value)
        if not (math.isfinite(self.until) and self.until > 0):
            raise VcohortError(f"BestResponse(until={self.until:g}): it must be greater than 0.")
        check_limits("BestResponse", self.detection_limit, self.partial)
        if np.size(self.visits):
            object.__setattr__(self, "visits", checked_visits(self.visits))
            if not self.looks:
                raise VcohortError(
                    f"BestResponse(until={self.until:g}): the first visit is on day "
                    f"{self.visits[0]:g}, so that nobody is seen by then. Give a later day."
                )

    @property
    def looks(self) -> tuple[float, ...]:
        """The visits that count; none where the tumour is seen at all times."""
        return tuple(day for day in self.visits if day <= self.until)

    @property
    def required_days(self) -> tuple[float, ...]:
        """The last day that counts, and the visits until then."""
        return (self.until, *(day for day in self.looks if day < self.until))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The response with its meanings."""
        seen = f", seen on days {', '.join(f'{day:g}' for day in self.looks)}" if self.looks else ""
        told = seen + limits_told(self.detection_limit, self.partial)
        name = f"best tumour response until day {self.until:g}{told}"
        return (Variable("best_response", name, "1", "int8", RESPONSES),)

    def init(self, start: Start) -> _Carry:
        """Start from the first tumour."""
        never = jnp.zeros_like(start.log_tumour, dtype=bool)
        return _Carry(start.log_tumour, never, start.log_tumour, start.log_progression)

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Take a lower value, also inside the step, of a tumour that has not progressed."""
        if self.looks:
            return self._looked(carry, segment)
        within = segment.end <= self.until
        lowest = segment.log_cells.at(segment.log_cells.extremum(1.0))
        lowest = jnp.where(segment.extinct, -jnp.inf, lowest)
        lower = within & ~carry.progressed & (lowest < carry.log_smallest)
        return carry._replace(
            log_smallest=jnp.where(lower, lowest, carry.log_smallest),
            progressed=carry.progressed | (within & segment.progressed),
        )

    def _looked(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Take a lower value on the day of a visit, unless progression has been seen by then."""
        looks = is_visit(segment, self.looks)
        progressed = carry.progressed | (looks & stands(segment, carry.log_progression))
        size = jnp.where(segment.extinct, -jnp.inf, segment.log_cells.end)
        lower = looks & ~progressed & (size < carry.log_smallest)
        smallest = jnp.where(lower, size, carry.log_smallest)
        return carry._replace(log_smallest=smallest, progressed=progressed)

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Classify."""
        complete = carry.log_smallest < math.log(self.detection_limit)
        partial = carry.log_smallest <= carry.log_first + math.log(self.partial)
        without = jnp.where(carry.progressed, PD, SD)
        response = jnp.where(complete, CR, jnp.where(partial, PR, without))
        return (response.astype(jnp.int8),)
