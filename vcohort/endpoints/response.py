"""Tumour response at chosen days: CR, PR, SD or PD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from vcohort.arrays import Flag, Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable, check_detection_limit
from vcohort.endpoints.segment import TumourSegment
from vcohort.errors import VcohortError
from vcohort.given import number, numbers
from vcohort.records import recordable
from vcohort.units import CELLS_PER_ML

CR, PR, SD, PD = 0, 1, 2, 3
RESPONSES = {"flag_values": [CR, PR, SD, PD], "flag_meanings": "CR PR SD PD"}


class _Carry(NamedTuple):
    log_cells: tuple[Number, ...]
    progressed: tuple[Flag, ...]
    so_far: Value
    log_first: Number


@recordable
@dataclass(frozen=True)
class Response(TumourEndpoint):
    """``response_day_<d>`` at each of ``days``.

    In this order of precedence:

    - PD: the tumour has reached its progression size on that day or before;
    - CR: it is below ``detection_limit`` (cells; by default 0.1 ml, about 6 mm across,
      the limit of PET-CT), or has died out;
    - PR: it has shrunk to ``partial`` of its first size or less (Lugano: by half);
    - SD: none of these.
    """

    days: tuple[float, ...] = (30.0, 90.0)
    detection_limit: float = 0.1 * CELLS_PER_ML
    partial: float = 0.5

    def __post_init__(self) -> None:
        days = tuple(numbers("Response: days", self.days).tolist())
        object.__setattr__(self, "days", days)
        if not all(math.isfinite(day) and day > 0 for day in days):
            raise VcohortError(f"Response(days={days}): every day must be greater than 0.")
        for name in ("detection_limit", "partial"):
            value = number(f"Response: {name}", getattr(self, name))
            object.__setattr__(self, name, value)
        check_limits("Response", self.detection_limit, self.partial)

    @property
    def required_days(self) -> tuple[float, ...]:
        """The chosen days."""
        return self.days

    @property
    def variables(self) -> tuple[Variable, ...]:
        """One response a day."""
        told = limits_told(self.detection_limit, self.partial)
        return tuple(
            Variable(f"response_day_{day}", f"tumour response on day {day}{told}", "1", "int8",
                     RESPONSES)
            for day in (np.format_float_positional(day, trim="-") for day in self.days)
        )  # fmt: skip

    def init(self, start: Start) -> _Carry:
        """Start with no day seen."""
        never = jnp.zeros_like(start.log_tumour, dtype=bool)
        return _Carry(
            (start.log_tumour,) * len(self.days),
            (never,) * len(self.days),
            never,
            start.log_tumour,
        )

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Keep the tumour at the end of a step that ends on a chosen day."""
        now = jnp.where(segment.extinct, -jnp.inf, segment.log_cells.end)
        so_far = carry.so_far | segment.progressed
        hits = [segment.end == day for day in self.days]
        return carry._replace(
            log_cells=tuple(map(lambda hit, old: jnp.where(hit, now, old), hits, carry.log_cells)),
            progressed=tuple(
                map(lambda hit, old: jnp.where(hit, so_far, old), hits, carry.progressed)
            ),
            so_far=so_far,
        )

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Classify each day."""
        return tuple(
            self._classify(log_cells, progressed, carry.log_first)
            for log_cells, progressed in zip(carry.log_cells, carry.progressed, strict=True)
        )

    def _classify(self, log_cells: Number, progressed: Flag, log_first: Number) -> Value:
        complete = log_cells < math.log(self.detection_limit)
        partial = log_cells <= log_first + math.log(self.partial)
        response = jnp.where(complete, CR, jnp.where(partial, PR, SD))
        return jnp.where(progressed, PD, response).astype(jnp.int8)


def check_limits(who: str, detection_limit: float, partial: float) -> None:
    """Refuse impossible sizes of a tumour that has responded."""
    check_detection_limit(who, detection_limit)
    if not 0 < partial < 1:
        raise VcohortError(f"{who}(partial={partial:g}): it must be between 0 and 1.")


def limits_told(detection_limit: float, partial: float) -> str:
    """Return the sizes that count as a response where they are not the usual, to be added."""
    usual = (Response.detection_limit, Response.partial)
    if (detection_limit, partial) == usual:
        return ""
    volume = f"{detection_limit / CELLS_PER_ML:g} ml"
    return f", complete below {volume}, partial at {partial:g} of the first size"
