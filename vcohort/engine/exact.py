"""The fate of the tumour by the closed form, with no random number in the time loop.

One exponential draw E gives the day of cure: the day on which Lambda (see ``hazard``) has
fallen to E, if there is one. Else at least one lineage survives; the first took E of Lambda,
so the others are Poisson(Lambda - E), and the regrowing tumour is the deterministic one times
Gamma(K) / Lambda for K lineages (Kendall 1948; the theory page derives it).

The loop stores the deterministic path; the fate is drawn; endpoints of the tumour are then
folded over the path with its fate.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.control import when
from vcohort.endpoints import (
    Carry,
    Cubic,
    Endpoint,
    Start,
    TCellEndpoint,
    TumourEndpoint,
    TumourSegment,
)
from vcohort.engine import sampling
from vcohort.engine.hazard import Hazard, first_hazard, log_lambda, stride, w_at_lambda
from vcohort.engine.loop import (
    Grid,
    Patients,
    Settings,
    Step,
    finals,
    initial_cells,
    start_of,
    steps_of,
    t_cell_segment,
)
from vcohort.engine.random import Key, fold, jax_key, uniforms
from vcohort.models import Cells, Model, Values

# Above this many expected lineages their number is normal to within 0.02 days of regrowth.
_MANY = 1024.0

_FATE, _OTHERS, _SIZES = 0, 1, 2


class Nodes(NamedTuple):
    """The deterministic path of the tumour at grid points: log of cells, slope per day."""

    log_cells: Array
    slope: Array


class _State(NamedTuple):
    """What the time loop carries of one patient: the path so far, its nadir, the day of cure."""

    hazard: Hazard
    lowest: Array
    nadir: Array
    cure_day: Array


_Loop: TypeAlias = tuple[_State, tuple[Carry, ...]]


class Fate(NamedTuple):
    """What becomes of one patient's tumour: cured on a day (else infinite), or regrown.

    From the step ``nadir`` on, the path is ``log_shift`` above the deterministic one.
    """

    cure_day: Array
    nadir: Array
    log_shift: Array


@partial(jax.jit, static_argnames=("model", "endpoints"))
def run(
    model: Model,
    endpoints: tuple[Endpoint, ...],
    patients: Patients,
    grid: Grid,
    settings: Settings,
) -> tuple[Array, ...]:
    """Run a block: results of the endpoints (patient,)."""
    t_cell = tuple(each for each in endpoints if isinstance(each, TCellEndpoint))
    tumour = tuple(each for each in endpoints if isinstance(each, TumourEndpoint))
    first = jax.vmap(partial(_whole, settings))(patients.values)
    starts = jax.vmap(partial(start_of, settings=settings))(patients.values, first)
    keys = fold(settings.seed, *patients.number)
    draws = jax.vmap(_exponential)(keys, first.log_tumour)
    target = jax.vmap(w_at_lambda)(draws, first.log_tumour)
    steps = steps_of(grid)

    def body(carry: _Loop, step: Step) -> tuple[_Loop, Nodes]:
        advance = partial(_advance, model, t_cell)
        state, carries, node = jax.vmap(advance, (0, 0, 0, 0, None))(
            patients.values, target, *carry, step
        )
        return (state, carries), node

    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in t_cell)
    (state, carries), nodes = jax.lax.scan(body, (jax.vmap(_begin)(first), carries), steps)

    mean_lineages = jnp.exp(jax.vmap(log_lambda)(state.hazard.w, first.log_tumour))
    log_shift = jax.vmap(_log_shift)(keys, mean_lineages, draws, state.cure_day)
    fate = Fate(state.cure_day, state.nadir, log_shift)
    slope = jax.vmap(partial(_slope, model))(patients.values, first)
    seen = _fold(tumour, starts, steps, Nodes(first.log_tumour, slope), nodes, fate)
    return _in_order(endpoints, t_cell, carries, tumour, seen)


def _whole(settings: Settings, values: Values) -> Cells:
    """Every tumour is a whole number of cells here: there is no threshold."""
    return initial_cells(values, jnp.full_like(settings.threshold, jnp.inf))


def _exponential(key: Key, log_start: Array) -> Array:
    """Draw the exponential number that decides the cure of one patient."""
    first, _ = uniforms(key, _FATE, 0, log_start.dtype)
    return -jnp.log(first)


def _begin(cells: Cells) -> _State:
    """Return one patient's state at day 0."""
    never = jnp.full_like(cells.log_tumour, jnp.inf)
    return _State(first_hazard(cells), cells.log_tumour, jnp.uint32(0), never)


def _slope(model: Model, values: Values, cells: Cells) -> Array:
    """Return d ln B / dt of one patient."""
    rates = model.rates(values, cells)
    return rates.birth - rates.death


def _advance(
    model: Model,
    endpoints: tuple[TCellEndpoint, ...],
    values: Values,
    target: Array,
    state: _State,
    carries: tuple[Carry, ...],
    step: Step,
) -> tuple[_State, tuple[Carry, ...], Nodes]:
    """Step one patient along the deterministic path; note the day on which W meets its target."""
    moved = stride(model, values, state.hazard, step.days)
    cured = (moved.w.start < target) & (moved.w.end >= target)

    def locate(growth: Cubic, target: Array) -> Array:
        return step.day + growth.crossing(target) * step.days

    end = moved.tumour.end
    after = _State(
        moved.after,
        jnp.minimum(end, state.lowest),
        jnp.where(end < state.lowest, step.number + 1, state.nadir),
        when(cured, locate, state.cure_day, moved.w, target),
    )
    segment = t_cell_segment(step, state.hazard.t_cells, moved.moved)
    carries = tuple(
        endpoint.update(carry, segment) for endpoint, carry in zip(endpoints, carries, strict=True)
    )
    return after, carries, Nodes(end, moved.tumour.slope_end / step.days)


def _log_shift(key: Key, mean: Array, draw: Array, cure_day: Array) -> Array:
    """Draw ln(B / deterministic B) of one patient after the nadir, given survival."""
    many = mean > _MANY
    u, normal = uniforms(key, _OTHERS, 0, mean.dtype)
    mean_others = jnp.where(many, 1.0, jnp.maximum(mean - draw, 0.0))
    others = sampling.poisson(u, mean_others)
    # The count's and the sizes' variances add up to 2 / Lambda of the mean squared.
    spread = jnp.sqrt(2.0 / mean) * jax.scipy.special.ndtri(normal)

    def sizes(key: Key, others: Array, mean: Array) -> Array:
        log_gamma = jax.random.loggamma(jax_key(fold(key, _SIZES, 0)), 1.0 + others)
        return log_gamma.astype(mean.dtype) - jnp.log(mean)

    return when(~many & jnp.isinf(cure_day), sizes, spread, key, others, mean)


def _fold(
    endpoints: tuple[TumourEndpoint, ...],
    starts: Start,
    steps: Step,
    first: Nodes,
    later: Nodes,
    fate: Fate,
) -> tuple[Carry, ...]:
    """Fold the tumour's endpoints over stored nodes (step, patient), given the fates."""

    def see(fate: Fate, last: Nodes, node: Nodes, carries: tuple[Carry, ...], step: Step):
        shift = jnp.where(step.number >= fate.nadir, fate.log_shift, 0.0)
        path = Cubic(
            last.log_cells + shift,
            node.log_cells + shift,
            last.slope * step.days,
            node.slope * step.days,
        )
        extinct = fate.cure_day <= step.end
        segment = TumourSegment(step.day, step.end, path, extinct, fate.cure_day)
        pairs = zip(endpoints, carries, strict=True)
        return tuple(endpoint.update(carry, segment) for endpoint, carry in pairs)

    def body(carry: tuple[Nodes, tuple[Carry, ...]], item: tuple[Step, Nodes]):
        (last, carries), (step, node) = carry, item
        return (node, jax.vmap(see, (0, 0, 0, 0, None))(fate, last, node, carries, step)), None

    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in endpoints)
    return jax.lax.scan(body, (first, carries), (steps, later))[0][1]


def _in_order(
    endpoints: tuple[Endpoint, ...],
    t_cell: tuple[TCellEndpoint, ...],
    t_cell_carries: tuple[Carry, ...],
    tumour: tuple[TumourEndpoint, ...],
    tumour_carries: tuple[Carry, ...],
) -> tuple[Array, ...]:
    """Return the results in the order in which the endpoints were given."""
    carries: dict[Endpoint, Carry] = dict(zip(t_cell, t_cell_carries, strict=True))
    carries |= dict(zip(tumour, tumour_carries, strict=True))
    ordered = tuple(carries[endpoint] for endpoint in endpoints)
    return jax.vmap(partial(finals, endpoints))(ordered)
