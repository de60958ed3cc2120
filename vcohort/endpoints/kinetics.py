"""CAR T cell kinetics as clinical pharmacology reports them: Cmax, Tmax, AUC, persistence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number, Value
from vcohort.branches import when
from vcohort.endpoints.accrual import Accrual
from vcohort.endpoints.base import Start, TCellEndpoint, Variable, check_detection_limit
from vcohort.endpoints.quadratic import Quadratic
from vcohort.endpoints.segment import Crossing, Cubic, TCellSegment, day_of
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.records import recordable
from vcohort.units import CELLS_PER_UL


class _Carry(NamedTuple):
    log_max: Number
    day_of_max: Number
    area: Number
    last_seen: Number
    fall: Crossing


@recordable
@dataclass(frozen=True)
class Kinetics(TCellEndpoint):
    """``C_max``, ``T_max``, ``C_auc`` (day 0 to ``auc_until``) and ``C_last_day``.

    ``C_last_day`` is the last day on which the CAR T cells exceed ``detection_limit``
    (cells in the body; by default 0.1 per microlitre of blood), the horizon if they do
    so to the end, 0 if never.
    """

    auc_until: float = 28.0
    detection_limit: float = 0.1 * CELLS_PER_UL

    def __post_init__(self) -> None:
        for name in ("auc_until", "detection_limit"):
            value = number(f"Kinetics: {name}", getattr(self, name))
            object.__setattr__(self, name, value)
        if not (math.isfinite(self.auc_until) and self.auc_until > 0):
            raise VcohortError(
                f"Kinetics(auc_until={self.auc_until:g}): it must be greater than 0."
            )
        check_detection_limit("Kinetics", self.detection_limit)

    @property
    def required_days(self) -> tuple[float, ...]:
        """The end of the area under the curve."""
        return (self.auc_until,)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Peak, its day, exposure and persistence."""
        limit = f"{self.detection_limit:g} cells"
        return (
            Variable("C_max", "largest number of CAR T cells", "cells"),
            Variable("T_max", "day of the largest number of CAR T cells", "day"),
            Variable("C_auc", f"area under CAR T cells to day {self.auc_until:g}", "cells day"),
            Variable("C_last_day", f"last day with CAR T cells above {limit}", "day"),
        )

    def init(self, start: Start) -> _Carry:
        """Start from the infused cells."""
        zero = jnp.zeros_like(start.log_car)
        return _Carry(start.log_car, zero, zero, zero, Crossing.none(zero))

    def update(self, carry: _Carry, segment: TCellSegment) -> _Carry:
        """Follow the peak, the area and the last crossing of the limit."""
        path = segment.log_car
        fraction = path.extremum(-1.0)
        highest = path.at(fraction)
        higher = highest > carry.log_max
        limit = jnp.asarray(math.log(self.detection_limit), path.start.dtype)
        falls = (path.start >= limit) & (path.end < limit)
        whole = jnp.ones_like(path.start)
        crossing = Crossing(segment.day, segment.end, path.above(limit), whole)
        counted = segment.end <= self.auc_until
        return _Carry(
            jnp.maximum(highest, carry.log_max),
            jnp.where(higher, day_of(segment, fraction), carry.day_of_max),
            when(counted, _with_area, carry.area, carry.area, segment),
            jnp.where(path.end >= limit, segment.end, carry.last_seen),
            crossing.or_else(falls, carry.fall),
        )

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Return the four numbers in cells and days."""
        last_day = jnp.maximum(carry.last_seen, carry.fall.crossing_day())
        return jnp.exp(carry.log_max), carry.day_of_max, carry.area, last_day


def _with_area(area: Number, segment: TCellSegment) -> Number:
    path, one = segment.log_car, jnp.ones_like(area)
    below = Cubic(*(-each for each in path))
    return area + Accrual(below, Quadratic(one, one, one), segment.end - segment.day).total()
