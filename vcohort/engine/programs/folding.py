"""Endpoints of one patient, folded along its steps."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from vcohort.arrays import Value
from vcohort.endpoints import (
    Carry,
    Cubic,
    Endpoint,
    Start,
    TCellEndpoint,
    TCellSegment,
    TumourEndpoint,
    TumourSegment,
)
from vcohort.engine.inputs import Settings
from vcohort.engine.integrator.grid import Step
from vcohort.engine.integrator.step import Integrated
from vcohort.engine.methods.clones import ClonesStep
from vcohort.engine.methods.tumour import TumourStep
from vcohort.models import Cells

Carries = tuple[Carry, ...]


def start_of(cells: Cells, settings: Settings) -> Start:
    """Return what endpoints may know of one patient before the first step."""
    log_tumour = cells.log_tumour
    level = jnp.log(settings.progression) + log_tumour
    return Start(cells.log_normal, cells.log_car, log_tumour, level, settings.horizon)


def begin(endpoints: Sequence[Endpoint], start: Start) -> Carries:
    """Return what the endpoints carry on day 0."""
    return tuple(endpoint.init(start) for endpoint in endpoints)


def update(
    endpoints: Sequence[Endpoint],
    carries: Carries,
    t_cells: TCellSegment | None = None,
    tumour: TumourSegment | None = None,
) -> Carries:
    """Return what the endpoints carry after a step, each having seen its kind of segment."""

    def shown(endpoint: Endpoint, carry: Carry) -> Carry:
        if isinstance(endpoint, TCellEndpoint):
            assert t_cells is not None
            return endpoint.update(carry, t_cells)
        assert isinstance(endpoint, TumourEndpoint)
        assert tumour is not None
        return endpoint.update(carry, tumour)

    return tuple(map(shown, endpoints, carries))


def results(endpoints: Sequence[Endpoint], carries: Carries) -> tuple[Value, ...]:
    """Return all results of all endpoints."""
    pairs = zip(endpoints, carries, strict=True)
    return tuple(value for endpoint, carry in pairs for value in endpoint.final(carry))


def t_cell_segment(step: Step, before: Cells, after: Cells, moved: Integrated) -> TCellSegment:
    """Return what a T cell endpoint sees of a step."""
    slopes = moved.car_slope_start * step.days, moved.car_slope_end * step.days
    car = Cubic(before.log_car, after.log_car, *slopes)
    rise = after.log_normal - before.log_normal
    normal = Cubic(before.log_normal, after.log_normal, rise, rise)
    return TCellSegment(step.day, step.end, normal, car)


def tumour_segment(step: Step, moved: TumourStep | ClonesStep) -> TumourSegment:
    """Return what a tumour endpoint sees of a step."""
    return TumourSegment(
        step.day, step.end, moved.path, moved.extinct,
        step.day + moved.extinct_fraction * step.days,
        moved.reach.reached, moved.reach.crossing(step.day, step.end), moved.log_first,
    )  # fmt: skip
