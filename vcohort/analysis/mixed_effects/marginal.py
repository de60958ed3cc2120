"""The marginal likelihood by Laplace's method, and its exact derivative.

With u the whitened random effects of a patient, G(u) = -ln p(y | u) + u'u / 2 and H the information
on u at the mode, -2 ln p(y) = 2 G + ln det H: conditional estimation with interaction where errors
are normal (Wolfinger 1993, Biometrika 80:791; Wang 2007, J. Pharmacokinet. Pharmacodyn. 34:575),
exact for linear models. The mode moves with what is estimated: by the implicit function theorem
du = -(d2G/du2)^-1 d2G/du dtheta. All of it needs no more of the equations than two derivatives of
their solution along the patient's own parameters, since typical values and covariates act through
these.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.mixed_effects.likelihood import curvature, data_log_likelihood
from vcohort.analysis.mixed_effects.modes import Modes, find_modes, information_of, with_slopes
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# How far the search for a mode may end from it, in standard deviations of the random effects.
_BESIDE = 1e-2


class Marginal(NamedTuple):
    """-2 ln of the marginal likelihood of each patient (candidate, patient), and its slopes.

    ``slope`` (…, number): by the vector's numbers; ``whitened`` (…, random): the modes.
    """

    deviance: Array
    slope: Array
    whitened: Array


class _Expansion(NamedTuple):
    """Predictions near a place: values, slopes and bends along the parameters."""

    place: Array
    predicted: Array
    slopes: Array
    bends: Array

    def at(self, place: Array) -> tuple[Array, Array]:
        """Return predictions and slopes at a place nearby."""
        move = place - self.place
        bent = self.bends @ move
        return self.predicted + self.slopes @ move + 0.5 * bent @ move, self.slopes + bent


@partial(jax.jit, static_argnames=("spec",))
def marginal(spec: MixedSpec, patients: Patient, vectors: Array, first: Array) -> Marginal:
    """Return the marginal likelihoods at vectors (candidate, number).

    ``first`` (candidate, patient, random): where the modes are sought from.
    """
    effects = jax.vmap(spec.layout.effects_of)(vectors)
    modes = find_modes(spec, effects, patients, first)
    one = jax.vmap(partial(_one, spec), in_axes=(None, 0, 0))
    return jax.vmap(one, in_axes=(0, None, 0))(vectors, patients, modes)


def _one(spec: MixedSpec, vector: Array, patient: Patient, modes: Modes) -> Marginal:
    near = _expand(spec, patient, modes.place)
    mode = _to_rounding(spec, vector, patient, near, modes.whitened)
    bend = jax.hessian(partial(_surprise, spec, near, patient, vector))(mode)

    def deviance(vector: Array) -> Array:
        # One step of Newton's method from the mode: 0 long, with the mode's derivative.
        slope = jax.grad(partial(_surprise, spec, near, patient, vector))(mode)
        step = jnp.linalg.solve(bend, slope)
        moved = mode - (step - jax.lax.stop_gradient(step))
        effects = spec.layout.effects_of(vector)
        predicted, slopes = near.at(spec.individual(effects, patient, moved))
        of_data = curvature(spec, effects.widths, patient, predicted)
        information = information_of(spec, effects, of_data, slopes)
        told = _surprise(spec, near, patient, vector, moved)
        return 2.0 * told + jnp.linalg.slogdet(information)[1]

    found, slope = jax.value_and_grad(deviance)(vector)
    is_lost = ~(jnp.isfinite(modes.surprise) & jnp.isfinite(found))
    return Marginal(jnp.where(is_lost, jnp.inf, found), slope, mode)


def _expand(spec: MixedSpec, patient: Patient, place: Array) -> _Expansion:
    def all_of(place: Array) -> tuple[Array, tuple[Array, Array]]:
        predicted, slopes = with_slopes(partial(spec.predict, patient), place)
        return slopes, (predicted, slopes)

    found = jax.jacfwd(all_of, has_aux=True)(place)
    bends, (predicted, slopes) = jax.lax.optimization_barrier(found)
    return _Expansion(place, predicted, slopes, bends)


def _surprise(
    spec: MixedSpec, near: _Expansion, patient: Patient, vector: Array, whitened: Array
) -> Array:
    effects = spec.layout.effects_of(vector)
    predicted, _ = near.at(spec.individual(effects, patient, whitened))
    told = data_log_likelihood(spec, effects.widths, patient, predicted)
    return 0.5 * whitened @ whitened - told


def _to_rounding(
    spec: MixedSpec, vector: Array, patient: Patient, near: _Expansion, whitened: Array
) -> Array:
    """Return the mode of the expansion: the mode itself, whose search ended just beside it.

    Where the course has a kink a mode may lie on it, and no expansion leads there: it stays.
    """
    surprise = partial(_surprise, spec, near, patient, vector)
    for _ in range(2):
        slope, bend = jax.grad(surprise)(whitened), jax.hessian(surprise)(whitened)
        step = jnp.linalg.solve(bend, slope)
        is_near = jnp.max(jnp.abs(step)) < _BESIDE
        whitened = whitened - jnp.where(is_near, step, 0.0)
    return whitened
