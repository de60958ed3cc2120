"""The smallest tumour, and its day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp

from vcohort.arrays import Number, Value
from vcohort.endpoints.base import Start, TumourEndpoint, Variable
from vcohort.endpoints.segment import TumourSegment, day_of
from vcohort.records import recordable


class _Carry(NamedTuple):
    log_cells: Number
    day: Number


@recordable
@dataclass(frozen=True)
class Nadir(TumourEndpoint):
    """``nadir`` (cells; 0 when cured) and ``nadir_day``, up to the horizon.

    While the tumour is stochastic it is looked at once a step. The exact method
    draws no path near extinction: there the nadir is that of the path's mean, at
    least one cell unless the tumour died out.
    """

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The nadir and its day."""
        return (
            Variable("nadir", "smallest tumour", "cells"),
            Variable("nadir_day", "day of the smallest tumour", "day"),
        )

    def init(self, start: Start) -> _Carry:
        """Start from the first tumour."""
        return _Carry(start.log_tumour, jnp.zeros_like(start.log_tumour))

    def update(self, carry: _Carry, segment: TumourSegment) -> _Carry:
        """Take a lower value, also inside the step."""
        fraction = segment.log_cells.extremum(1.0)
        log_cells = jnp.where(segment.extinct, -jnp.inf, segment.log_cells.at(fraction))
        day = jnp.where(segment.extinct, segment.extinct_day, day_of(segment, fraction))
        lower = log_cells < carry.log_cells
        return _Carry(
            jnp.where(lower, log_cells, carry.log_cells), jnp.where(lower, day, carry.day)
        )

    def final(self, carry: _Carry) -> tuple[Value, ...]:
        """Return the nadir in cells and its day."""
        alive = jnp.isfinite(carry.log_cells)
        at_least_one = jnp.exp(jnp.maximum(carry.log_cells, 0.0))
        return jnp.where(alive, at_least_one, 0.0), carry.day
