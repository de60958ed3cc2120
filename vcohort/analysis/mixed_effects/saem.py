"""Stochastic approximation of expectation and maximisation: robust, and of any course.

Patients' parameters are drawn given their data; sufficient statistics of typical values, slopes and
covariance are averaged over the draws, with falling weights (Kuhn & Lavielle 2005, Comput. Stat.
Data Anal. 49:1020). Widths of errors and what has no random effect follow their scores, by the
method of Robbins and Monro with the information as gain; the second half of the estimates is
averaged (Polyak & Juditsky 1992, SIAM J. Control Optim. 30:838). Neither needs a derivative along
random effects, so a course may have kinks.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.information import Told as Information
from vcohort.analysis.mixed_effects.chains import (
    Chains,
    centres,
    sweep,
    told_by,
    whole_place,
)
from vcohort.analysis.mixed_effects.em import LEAST_SPREAD, design_of
from vcohort.analysis.mixed_effects.found import Told
from vcohort.analysis.mixed_effects.layout import Effects
from vcohort.analysis.mixed_effects.likelihood import (
    curvature,
    data_log_likelihood,
    row_log_likelihood,
)
from vcohort.analysis.mixed_effects.modes import with_slopes
from vcohort.analysis.mixed_effects.priors import Priors
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Iterations of the search, and of the approximation; so many at a time.
SEARCH, SETTLE = 200, 200
_AT_ONCE = 20

REPORTS = (SEARCH + SETTLE) // _AT_ONCE

# While it searches, no spread and no width falls faster (simulated annealing).
_SLOWEST_FALL = 0.97

# Weights fall as this power of the iteration.
_POWER = 0.7

# Draws of a patient at once: so many that there are at least these of all.
_DRAWS = 200

_LONGEST, _NOTHING = 0.5, 1e-9


class State(NamedTuple):
    """Of one start: the vector, the chains, and averages over draws.

    ``first`` (patient, random) and ``second`` (random, random): of places and the sum of their
    squares; ``gain``: information on widths and on what has no random effect.
    """

    vector: Array
    chains: Chains
    first: Array
    second: Array
    gain: Array


def chains_of(patients: int) -> int:
    """Return how many chains each patient has."""
    return max(2, -(-_DRAWS // patients))


@partial(jax.jit, static_argnames=("spec",))
def begin(spec: MixedSpec, patients: Patient, vectors: Array) -> State:
    """Return the states (start, …) at vectors (start, number), chains at the typical patient."""

    def one(vector: Array) -> State:
        effects = spec.layout.effects_of(vector)
        centre = centres(spec, effects, patients)
        count, random = centre.shape
        place = jnp.broadcast_to(centre, (chains_of(count), count, random))
        chains = Chains(
            place,
            told_by(spec, effects, patients, place),
            jnp.full(random + 1, jnp.log(0.5), centre.dtype),
        )
        others = len(_others(spec))
        return State(vector, chains, centre, jnp.zeros((random, random)), jnp.zeros((others,) * 2))

    return jax.vmap(one)(vectors)


@partial(jax.jit, static_argnames=("spec",))
def iterate(
    spec: MixedSpec, patients: Patient, priors: Priors, state: State, key: Array, numbers: Array
) -> tuple[State, Array]:
    """Go through iterations of the given ``numbers``; return the vectors of each, too."""

    def one(state: State, key: Array, number: Array) -> State:
        is_search = number < SEARCH
        weight = jnp.where(is_search, 1.0, (jnp.maximum(number - SEARCH, 0) + 1.0) ** -_POWER)
        effects = spec.layout.effects_of(state.vector)
        again = told_by(spec, effects, patients, state.chains.place)
        chains = state.chains._replace(told=again)
        chains = sweep(spec, effects, patients, chains, key, weight)
        return _maximised(spec, patients, priors, state._replace(chains=chains), weight, is_search)

    def both(state: State, number: Array) -> tuple[State, Array]:
        keys = jax.random.split(jax.random.fold_in(key, number), len(state.vector))
        state = jax.vmap(one, in_axes=(0, 0, None))(state, keys, number)
        return state, state.vector

    return jax.lax.scan(both, state, numbers)


def _maximised(
    spec: MixedSpec,
    patients: Patient,
    priors: Priors,
    state: State,
    weight: Array,
    is_search: Array,
) -> State:
    """Return the state with the averages of new draws, and the vector that they make likeliest."""
    effects, place = spec.layout.effects_of(state.vector), state.chains.place
    first = state.first + weight * (jnp.mean(place, axis=0) - state.first)
    drawn = jnp.einsum("cpr,cps->rs", place, place) / len(place)
    second = state.second + weight * (drawn - state.second)
    numbers = _regressed(spec, patients, priors, effects, first)
    designs = jax.vmap(partial(design_of, spec))(patients)[:, jnp.array(spec.layout.random, int)]
    mean = designs @ numbers
    cross = mean.T @ first
    covariance = (second - cross - cross.T + mean.T @ mean) / len(first)
    covariance = jnp.where(jnp.array(spec.layout.same_block()), covariance, 0.0)
    before = jnp.sum(effects.root**2, axis=1)
    least = jnp.where(is_search, _SLOWEST_FALL * before, LEAST_SPREAD**2)
    own = jnp.diag(covariance)
    covariance += jnp.diag(jnp.maximum(least - own, 0.0))
    gain, step = _scored(spec, patients, priors, effects, state, weight)
    count, moved = len(spec.layout.parameters), jnp.array(_others(spec), int)
    widths_from = spec.layout.ends[2]
    others = jnp.zeros(state.vector.size).at[moved].set(step)
    vector = spec.layout.vector_of(
        numbers[:count] + others[:count],
        numbers[count:] + others[count : spec.layout.ends[1]],
        covariance, effects.widths + others[widths_from:],
    )  # fmt: skip
    is_kept = jnp.isfinite(vector).all()
    return State(jnp.where(is_kept, vector, state.vector), state.chains, first, second, gain)


def _others(spec: MixedSpec) -> tuple[int, ...]:
    """Return the numbers that have no sufficient statistic: of fixed parameters, and widths."""
    layout = spec.layout
    count = len(layout.parameters)
    fixed = [each for each in range(count) if each not in layout.random]
    slopes = [count + number for number, place in enumerate(layout.effects) if place in fixed]
    return (*fixed, *slopes, *range(layout.ends[2], layout.size))


def _regressed(
    spec: MixedSpec, patients: Patient, priors: Priors, effects: Effects, first: Array
) -> Array:
    """Return typical values and slopes (number,); those of fixed parameters as they are."""
    random = jnp.array(spec.layout.random, int)
    designs = jax.vmap(partial(design_of, spec))(patients)[:, random]
    precision = jnp.linalg.inv(effects.root @ effects.root.T)
    now = jnp.concatenate([effects.typical, effects.covariate])
    left = first - designs @ now
    slope = jnp.einsum("prn,rs,ps->n", designs, precision, left)
    total = jnp.einsum("prn,rs,psm->nm", designs, precision, designs)
    count = effects.typical.size
    is_random = jnp.isin(jnp.arange(count), random)
    slope = slope.at[:count].add(jnp.where(is_random, priors.slope(effects.typical), 0.0))
    of_prior = jnp.where(is_random, priors.precision, 0.0)
    total = total.at[jnp.arange(count), jnp.arange(count)].add(of_prior)
    # Numbers of fixed parameters have no row here: they stay.
    total += jnp.diag(jnp.where(jnp.diag(total) == 0.0, 1.0, 0.0))
    return now + jnp.linalg.solve(total, slope)


def _scored(
    spec: MixedSpec,
    patients: Patient,
    priors: Priors,
    effects: Effects,
    state: State,
    weight: Array,
) -> tuple[Array, Array]:
    """Return the averaged information on the other numbers, and their step along the score."""
    others = _others(spec)
    fixed = np.array([each for each in others if each < spec.layout.ends[1]], int)

    def one(patient: Patient, random: Array) -> tuple[Array, Array]:
        place = whole_place(spec, effects, patient, random)
        if fixed.size:
            predicted, slopes = with_slopes(partial(spec.predict, patient), place)
            along = slopes @ design_of(spec, patient)[:, fixed]
        else:
            predicted = spec.predict(patient, place)
            along = jnp.zeros((predicted.size, 0))
        count = patient.rows.value.size

        def told(widths: Array) -> Array:
            return jnp.sum(row_log_likelihood(spec, widths, patient, predicted[:count]))

        slope = jax.grad(partial(data_log_likelihood, spec, effects.widths, patient))(predicted)
        bend = curvature(spec, effects.widths, patient, predicted)
        score = jnp.concatenate([along.T @ slope, jax.grad(told)(effects.widths)])
        information = jax.scipy.linalg.block_diag(
            along.T @ bend @ along, -jax.hessian(told)(effects.widths)
        )
        return score, information

    score, information = jax.vmap(jax.vmap(one), in_axes=(None, 0))(patients, state.chains.place)
    chains = len(state.chains.place)
    score, information = score.sum(axis=(0, 1)) / chains, information.sum(axis=(0, 1)) / chains
    own = fixed[fixed < effects.typical.size]
    if own.size:
        score = score.at[: own.size].add(priors.slope(effects.typical)[own])
        information += jnp.diag(jnp.zeros(len(others)).at[: own.size].set(priors.precision[own]))
    gain = state.gain + weight * (information - state.gain)
    if not others:
        return gain, jnp.zeros(0)
    worth, axes = jnp.linalg.eigh(0.5 * (gain + gain.T))
    worth = jnp.maximum(jnp.abs(worth), _NOTHING * (1.0 + jnp.abs(worth).max()))
    step = weight * (axes @ ((axes.T @ score) / worth))
    return gain, jnp.clip(jnp.where(jnp.isfinite(step), step, 0.0), -_LONGEST, _LONGEST)


class Settled(NamedTuple):
    """Where the starts led: vectors (start, number), and chains.

    ``trace`` (start, iteration, number): all vectors on the way.
    """

    vectors: np.ndarray
    trace: np.ndarray
    chains: Chains


def approximate(
    spec: MixedSpec, patients: Patient, priors: Priors, vectors: np.ndarray, seed: int, told: Told
) -> Settled:
    """Run all starts (start, number)."""
    key = jax.random.key(seed % 2**32)
    state = begin(spec, patients, jnp.asarray(vectors))
    trace: list[np.ndarray] = []
    for first in range(0, SEARCH + SETTLE, _AT_ONCE):
        numbers = jnp.arange(first, first + _AT_ONCE)
        state, on_the_way = iterate(spec, patients, priors, state, key, numbers)
        trace.append(np.asarray(on_the_way))
        likely = float(np.asarray(state.chains.told).mean(axis=1).sum(axis=1).max())
        told(f"iteration {first + _AT_ONCE}, ln p(data | patients) = {likely:.1f}")
    path = np.swapaxes(np.concatenate(trace), 0, 1)
    return Settled(path[:, SEARCH + SETTLE // 2 :].mean(axis=1), path, state.chains)


def has_settled(trace: np.ndarray, bend: np.ndarray) -> bool:
    """Whether vectors (iteration, number) drift by less than a quarter of their errors."""
    covariance = Information.of(0.5 * bend).covariance()
    third, last = np.split(trace[SEARCH + SETTLE // 2 :], 2)
    drift = np.abs(last.mean(axis=0) - third.mean(axis=0))
    return bool((drift < 0.25 * np.sqrt(np.diag(covariance))).all())
