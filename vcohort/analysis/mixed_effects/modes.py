"""Each patient's likeliest random effects, all patients and candidates at once.

Random effects are looked at in the root of their covariance, eta = root u, u standard normal: a
covariance near 0 then does no harm, and the information on u is at least that of its prior, 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.mixed_effects.layout import Effects
from vcohort.analysis.mixed_effects.likelihood import curvature, data_log_likelihood
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Steps of Levenberg and Marquardt's method for the slowest patient of all.
MOST_STEPS = 60

# Draws among which a likelier start is sought: a patient may have several modes.
_DRAWS = 8

# A step that promises to lower the surprise by less is the last one.
_ENOUGH = 1e-9

# The first step only looks, and lowers the damping.
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-2, 1e-8, 1e8


class Modes(NamedTuple):
    """Where patients' random effects are likeliest, arrays with candidate and patient first.

    ``whitened`` (…, random); ``surprise``: -ln of likelihood and prior there; ``information``
    (…, random, random) on the whitened ones; ``place`` (…, parameter); ``predicted``, and its
    ``slopes`` (…, prediction, parameter) along the places. Of the data's log likelihood along the
    predictions: ``pull`` (…, prediction), its slope, and ``told`` (…, prediction, prediction), the
    information.
    """

    whitened: Array
    surprise: Array
    information: Array
    place: Array
    predicted: Array
    slopes: Array
    pull: Array
    told: Array


class _Walk(NamedTuple):
    modes: Modes
    step: Array
    damping: Array
    is_done: Array


def find_modes(
    spec: MixedSpec,
    effects: Effects,
    patients: Patient,
    first: Array,
    most: int = MOST_STEPS,
) -> Modes:
    """Return the modes (candidate, patient, …) from ``first`` (candidate, patient, random).

    ``effects``: with the candidate first; ``patients``: with the patient first; ``most``: steps.
    """

    def over_all(one: Callable) -> Callable:
        of_patients = jax.vmap(partial(one, spec), in_axes=(None, 0, 0))
        return jax.vmap(of_patients, in_axes=(0, None, 0))

    turn, walk = over_all(_turn), over_all(_begin)(effects, patients, first)

    def go_on(carry: tuple[Array, _Walk]) -> Array:
        number, walk = carry
        return (number < most) & ~jnp.all(walk.is_done)

    def go(carry: tuple[Array, _Walk]) -> tuple[Array, _Walk]:
        number, walk = carry
        return number + 1, turn(effects, patients, walk)

    return jax.lax.while_loop(go_on, go, (jnp.zeros((), int), walk))[1].modes


def likelier(
    spec: MixedSpec, effects: Effects, patients: Patient, first: Array, key: Array
) -> Array:
    """Return the likeliest of ``first`` (candidate, patient, random) and draws.

    One half of the draws is about ``first``, the other about 0.
    """

    def surprise(effects: Effects, patient: Patient, whitened: Array) -> Array:
        predicted = spec.predict(patient, spec.individual(effects, patient, whitened))
        told = data_log_likelihood(spec, effects.widths, patient, predicted)
        found = 0.5 * whitened @ whitened - told
        return jnp.where(jnp.isfinite(found), found, jnp.inf)

    of_draws = jax.vmap(surprise, in_axes=(None, None, 0))
    of_patients = jax.vmap(of_draws, in_axes=(None, 0, 0))
    drawn = jax.random.normal(key, (*first.shape[:2], _DRAWS, first.shape[2]), first.dtype)
    is_near = jnp.arange(_DRAWS) % 2 == 0
    drawn = jnp.where(is_near[:, None], first[:, :, None] + 0.5 * drawn, drawn)
    points = jnp.concatenate([first[:, :, None], drawn], axis=2)
    found = jax.vmap(of_patients, in_axes=(0, None, 0))(effects, patients, points)
    best = jnp.argmin(found, axis=2)
    return jnp.take_along_axis(points, best[:, :, None, None], axis=2)[:, :, 0]


def _turn(spec: MixedSpec, effects: Effects, patient: Patient, walk: _Walk) -> _Walk:
    """Try the step of one patient; take it where it lowers the surprise."""
    found = _look(spec, effects, patient, walk.modes.whitened + walk.step)
    is_better = found.surprise < walk.modes.surprise
    take = is_better & ~walk.is_done
    modes = jax.tree.map(lambda new, old: jnp.where(take, new, old), found, walk.modes)
    damping = jnp.where(
        is_better, jnp.maximum(walk.damping / 10.0, _LEAST_DAMPING), walk.damping * 5.0
    )
    step, promise = _step(spec, effects, modes, damping)
    is_done = walk.is_done | (promise < _ENOUGH) | (damping > _MOST_DAMPING)
    return _Walk(modes, step, damping, is_done)


def _begin(spec: MixedSpec, effects: Effects, patient: Patient, first: Array) -> _Walk:
    """Return one patient before its first turn, which looks where it stands."""
    place = spec.individual(effects, patient, first)
    count = patient.predictions
    unseen = Modes(
        first, jnp.full((), jnp.inf), jnp.eye(first.size), place, jnp.zeros(count),
        jnp.zeros((count, place.size)), jnp.zeros(count), jnp.zeros((count, count)),
    )  # fmt: skip
    return _Walk(unseen, jnp.zeros_like(first), jnp.full((), _FIRST_DAMPING), jnp.zeros((), bool))


def _step(spec: MixedSpec, effects: Effects, modes: Modes, damping: Array) -> tuple[Array, Array]:
    """Return the next step (random,), and by how much it should lower the surprise."""
    along = modes.slopes[:, jnp.array(spec.layout.random, int)] @ effects.root
    downhill = along.T @ modes.pull - modes.whitened
    damped = modes.information + damping * jnp.diag(jnp.diag(modes.information))
    step = jnp.linalg.solve(damped, downhill)
    promise = 0.5 * step @ downhill
    is_lost = ~jnp.isfinite(promise)
    return jnp.where(is_lost, 0.0, step), jnp.where(is_lost, 0.0, promise)


def _look(spec: MixedSpec, effects: Effects, patient: Patient, whitened: Array) -> Modes:
    """Return all that is asked of one patient at whitened random effects (random,)."""
    place = spec.individual(effects, patient, whitened)
    found = with_slopes(partial(spec.predict, patient), place)
    # Else XLA computes the course's last lines again wherever they are read.
    predicted, slopes = jax.lax.optimization_barrier(found)
    likelihood = partial(data_log_likelihood, spec, effects.widths, patient)
    likely, pull = jax.value_and_grad(likelihood)(predicted)
    surprise = 0.5 * whitened @ whitened - likely
    told = curvature(spec, effects.widths, patient, predicted)
    information = information_of(spec, effects, told, slopes)
    is_lost = ~(
        jnp.isfinite(surprise) & jnp.isfinite(slopes).all() & jnp.isfinite(information).all()
    )
    surprise = jnp.where(is_lost, jnp.inf, surprise)
    return Modes(whitened, surprise, information, place, predicted, slopes, pull, told)


def with_slopes(predict: Callable[[Array], Array], place: Array) -> tuple[Array, Array]:
    """Return predictions, and their slopes (prediction, parameter), from one pass."""

    def twice(place: Array) -> tuple[Array, Array]:
        found = predict(place)
        return found, found

    slopes, predicted = jax.jacfwd(twice, has_aux=True)(place)
    return predicted, slopes


def information_of(spec: MixedSpec, effects: Effects, told: Array, slopes: Array) -> Array:
    """Return the information (random, random) of data and prior on whitened random effects.

    ``told`` (prediction, prediction): what the data tell of the predictions.
    """
    along = slopes[:, jnp.array(spec.layout.random, int)] @ effects.root
    return along.T @ told @ along + jnp.eye(along.shape[1])
