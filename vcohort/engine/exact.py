"""The fate of the tumour by the closed form, with no random number in the time loop.

Where no rate depends on the tumour, the tumour is a linear birth-death process. With
W(t) = int_0^t mu(s) / B(s) ds along the deterministic path, a patient's lineages are all
extinct by t with probability exp(-Lambda(t)), Lambda = B0 ln(1 + 1 / (B0 W)), which is
1 / W for large B0. One exponential draw E gives the day of cure: Lambda(t) = E, if there
is one. Else at least one lineage survives; the first took E of Lambda, so the others are
Poisson(Lambda - E), and the regrowing tumour is the deterministic one times
Gamma(K) / Lambda (Kendall 1948; see the theory page).

The loop stores the deterministic path; the fate is drawn; endpoints of the tumour are then
folded over the path with its fate.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.endpoints import (
    Carry,
    Cubic,
    Endpoint,
    TCellEndpoint,
    TumourEndpoint,
    TumourSegment,
)
from vcohort.engine import sampling
from vcohort.engine.control import when
from vcohort.engine.drift import drift
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
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key, fold, jax_key, uniforms
from vcohort.models import Cells, Model, Values

NOTHING = -1e4
"""ln W before any death: W = 0, but finite, so that its derivative is."""

# Above this many expected lineages their number is normal to within 0.1 days of regrowth.
_MANY = 4096.0

_FATE, _OTHERS, _SIZES = 0, 1, 2


class Hazard(NamedTuple):
    """The deterministic path of one patient, with ln W beside it."""

    cells: Cells
    log_w: Array


class Fate(NamedTuple):
    """What becomes of one patient's tumour: cured on a day (else infinite), or regrown."""

    cure_day: Array
    log_shift: Array


def accumulate(log_w: Array, log_start: Array, passage: Passage) -> Array:
    """Return ln W after a step that starts at the log tumour ``log_start``."""
    lineage = passage.lineage(jnp.zeros_like(passage.days))
    return jnp.logaddexp(log_w, lineage.log_j - log_start)


def log_lambda(log_w: Array, log_start: Array) -> Array:
    """Return ln Lambda = ln[B0 ln(1 + 1 / (B0 W))] from ln W and ln B0."""
    log_odds = -(log_w + log_start)
    # For rare survival ln(1 + x) is x, to rounding.
    rare = log_odds < -15.0
    log_each = jnp.log(jax.nn.softplus(jnp.where(rare, 0.0, log_odds)))
    return log_start + jnp.where(rare, log_odds, log_each)


def _log_w_at_cure(exponential: Array, log_start: Array) -> Array:
    """Return ln W at which Lambda has fallen to ``exponential``."""
    return -(log_start + jnp.log(jnp.expm1(exponential * jnp.exp(-log_start))))


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
    size = patients.number.low.shape
    everyone = jnp.full(size, jnp.inf, settings.horizon.dtype)

    first = jax.vmap(partial(_whole, settings))(patients.values)
    starts = jax.vmap(partial(start_of, settings=settings))(patients.values, first)
    draws = jax.vmap(partial(_exponential, settings.seed))(patients.number, first.log_tumour)
    target = jax.vmap(_log_w_at_cure)(draws, first.log_tumour)

    def body(carry: tuple[Hazard, Array, Carry], step: Step) -> tuple[tuple, Cubic]:
        hazard, cure_day, carries = carry
        advance = partial(_advance, model, t_cell)
        hazard, cure_day, carries, path = jax.vmap(advance, (0, 0, 0, 0, 0, None))(
            patients.values, hazard, cure_day, target, carries, step
        )
        return (hazard, cure_day, carries), path

    begin = Hazard(first, jnp.full(size, NOTHING, everyone.dtype))
    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in t_cell)
    steps = steps_of(grid)
    (hazard, cure_day, carries), paths = jax.lax.scan(body, (begin, everyone, carries), steps)

    mean_lineages = jnp.exp(jax.vmap(log_lambda)(hazard.log_w, first.log_tumour))
    shift = partial(_log_shift, settings.seed)
    log_shift = jax.vmap(shift)(patients.number, mean_lineages, draws, cure_day)
    seen = _fold(tumour, starts, steps, paths, Fate(cure_day, log_shift))
    return _in_order(endpoints, t_cell, carries, tumour, seen)


def _whole(settings: Settings, values: Values) -> Cells:
    """Every tumour is a whole number of cells here: there is no threshold."""
    return initial_cells(values, jnp.full_like(settings.threshold, jnp.inf))


def _exponential(seed: Key, number: Key, log_start: Array) -> Array:
    """Draw the exponential number that decides the cure of one patient."""
    first, _ = uniforms(fold(seed, number.high, number.low), _FATE, 0, log_start.dtype)
    return -jnp.log(first)


def _advance(
    model: Model,
    endpoints: tuple[TCellEndpoint, ...],
    values: Values,
    hazard: Hazard,
    cure_day: Array,
    target: Array,
    carries: tuple[Carry, ...],
    step: Step,
) -> tuple[Hazard, Array, tuple[Carry, ...], Cubic]:
    """Step one patient along the deterministic path; note the day on which W meets its target."""
    before, log_w = hazard
    moved = drift(model, values, before, step.days)
    path = moved.passage.path(before.log_tumour)
    log_after = accumulate(log_w, before.log_tumour, moved.passage)
    cured = (log_w < target) & (log_after >= target)

    def locate(passage: Passage, log_w: Array, log_after: Array, target: Array) -> Array:
        past = jnp.exp(log_w - log_after)
        share = (jnp.exp(target - log_after) - past) / (1.0 - past)
        start = jnp.zeros_like(share)
        fraction = passage.extinction_fraction(jnp.clip(share, 0.0, 1.0), start)
        return step.day + fraction * step.days

    cure_day = when(cured, locate, cure_day, moved.passage, log_w, log_after, target)
    segment = t_cell_segment(step, before, moved)
    carries = tuple(
        endpoint.update(carry, segment)
        for endpoint, carry in zip(endpoints, carries, strict=True)
    )
    after = Cells(moved.log_normal, moved.log_car, path.end)
    return Hazard(after, log_after), cure_day, carries, path


def _log_shift(seed: Key, number: Key, mean: Array, draw: Array, cure_day: Array) -> Array:
    """Draw ln(B / deterministic B) of one patient after the nadir, given survival."""
    key = fold(seed, number.high, number.low)
    many = mean > _MANY
    u, normal = uniforms(key, _OTHERS, 0, mean.dtype)
    mean_others = jnp.where(many, 1.0, jnp.maximum(mean - draw, 0.0))
    others = sampling.poisson(u, fold(key, _OTHERS, 1), mean_others)
    # The count's and the sizes' variances add up to 2 / Lambda of the mean squared.
    spread = jnp.sqrt(2.0 / mean) * jax.scipy.special.ndtri(normal)

    def sizes(key: Key, others: Array, mean: Array) -> Array:
        log_gamma = jax.random.loggamma(jax_key(fold(key, _SIZES, 0)), 1.0 + others)
        return log_gamma.astype(mean.dtype) - jnp.log(mean)

    return when(~many & jnp.isinf(cure_day), sizes, spread, key, others, mean)


def _fold(
    endpoints: tuple[TumourEndpoint, ...], starts, steps: Step, paths: Cubic, fate: Fate
) -> tuple[Carry, ...]:
    """Fold the tumour's endpoints over stored paths (step, patient), given the fates."""
    nodes = jnp.concatenate([paths.start[:1], paths.end])
    nadir = jnp.argmin(nodes, axis=0).astype(jnp.uint32)

    def see(fate: Fate, nadir: Array, path: Cubic, carries: tuple[Carry, ...], step: Step):
        shift = jnp.where(step.index >= nadir, fate.log_shift, 0.0)
        shifted = path._replace(start=path.start + shift, end=path.end + shift)
        extinct = fate.cure_day <= step.end
        segment = TumourSegment(step.day, step.end, shifted, extinct, fate.cure_day)
        pairs = zip(endpoints, carries, strict=True)
        return tuple(endpoint.update(carry, segment) for endpoint, carry in pairs)

    def body(carries: tuple[Carry, ...], item: tuple[Step, Cubic]):
        step, path = item
        return jax.vmap(see, (0, 0, 0, 0, None))(fate, nadir, path, carries, step), None

    carries = tuple(jax.vmap(endpoint.init)(starts) for endpoint in endpoints)
    return jax.lax.scan(body, carries, (steps, paths))[0]


def _in_order(
    endpoints: tuple[Endpoint, ...],
    t_cell: tuple[TCellEndpoint, ...],
    t_cell_carries: tuple[Carry, ...],
    tumour: tuple[TumourEndpoint, ...],
    tumour_carries: tuple[Carry, ...],
) -> tuple[Array, ...]:
    """Return the results in the order in which the endpoints were given."""
    carries = {**dict(zip(t_cell, t_cell_carries, strict=True))}
    carries |= dict(zip(tumour, tumour_carries, strict=True))
    ordered = tuple(carries[endpoint] for endpoint in endpoints)
    return jax.vmap(partial(finals, endpoints))(ordered)
