"""What a fitted population says of each of its patients, and how likely it makes their data."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.mixed_effects.likelihood import data_log_likelihood
from vcohort.analysis.mixed_effects.modes import find_modes, likelier
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Draws from each patient, the degrees of freedom of the law that they come from, and draws at once.
SAMPLES, _FREEDOM, _AT_ONCE = 2048, 5.0, 64


class Individuals(NamedTuple):
    """Patients at their likeliest random effects (empirical Bayes estimates), the patient first.

    ``random`` (…, random), on the scales, with their conditional covariance ``spread``; ``place``
    (…, parameter); ``predicted``, of the typical patient with these covariates and of the patient
    itself: ``population`` and ``individual`` (…, row), on the scales of the errors; ``whitened``;
    ``deviance`` (…,): -2 ln L by Laplace's method.
    """

    random: np.ndarray
    spread: np.ndarray
    place: np.ndarray
    population: np.ndarray
    individual: np.ndarray
    whitened: np.ndarray
    deviance: np.ndarray


@partial(jax.jit, static_argnames=("spec",))
def _individuals(
    spec: MixedSpec, patients: Patient, vector: Array, first: Array
) -> tuple[Array, ...]:
    effects = spec.layout.effects_of(vector)
    one = jax.tree.map(lambda part: part[None], effects)
    first = likelier(spec, one, patients, first[None], jax.random.key(0))
    modes = jax.tree.map(lambda part: part[0], find_modes(spec, one, patients, first))
    inverse = jnp.linalg.inv(modes.information)
    spread = effects.root @ inverse @ effects.root.T
    none = jnp.zeros(len(spec.layout.random))

    def typical(patient: Patient) -> Array:
        return spec.predict(patient, spec.individual(effects, patient, none))

    population = jax.vmap(typical)(patients)
    random = modes.whitened @ effects.root.T
    deviance = 2.0 * modes.surprise + jnp.linalg.slogdet(modes.information)[1]
    return random, spread, modes.place, population, modes.predicted, modes.whitened, deviance


def individuals(
    spec: MixedSpec, patients: Patient, vector: np.ndarray, first: np.ndarray
) -> Individuals:
    """Return the patients of a population that is given by a vector (number,)."""
    with jax.enable_x64(True):
        found = _individuals(spec, patients, jnp.asarray(vector), jnp.asarray(first))
    return Individuals(*(np.asarray(part) for part in found))


@partial(jax.jit, static_argnames=("spec",))
def _log_weights(
    spec: MixedSpec, patients: Patient, vector: Array, centre: Array, root: Array, key: Array
) -> Array:
    """Return log importance weights (draw, patient) of draws from Student's t about the modes."""
    effects = spec.layout.effects_of(vector)
    count, random = centre.shape
    of_normal, of_chi = jax.random.split(key)
    normal = jax.random.normal(of_normal, (_AT_ONCE, count, random), centre.dtype)
    chi = 2.0 * jax.random.gamma(of_chi, 0.5 * _FREEDOM, (_AT_ONCE, count), centre.dtype)
    t = normal * jnp.sqrt(_FREEDOM / chi)[..., None]
    drawn = centre + jnp.einsum("nij,snj->sni", root, t)
    log_volume = jnp.sum(jnp.log(jnp.diagonal(root, axis1=1, axis2=2)), axis=1)
    gamma = jax.scipy.special.gammaln
    density = (
        gamma(0.5 * (_FREEDOM + random)) - gamma(0.5 * _FREEDOM)
        - 0.5 * random * jnp.log(_FREEDOM * jnp.pi)
        - 0.5 * (_FREEDOM + random) * jnp.log1p(jnp.sum(t**2, axis=2) / _FREEDOM)
        - log_volume
    )  # fmt: skip

    def one(patient: Patient, whitened: Array) -> Array:
        predicted = spec.predict(patient, spec.individual(effects, patient, whitened))
        told = data_log_likelihood(spec, effects.widths, patient, predicted)
        return told - 0.5 * whitened @ whitened - 0.5 * random * jnp.log(2.0 * jnp.pi)

    joint = jax.vmap(jax.vmap(one), in_axes=(None, 0))(patients, drawn)
    return jnp.where(jnp.isfinite(joint), joint, -jnp.inf) - density


def sampled_deviance(
    spec: MixedSpec, patients: Patient, vector: np.ndarray, found: Individuals, seed: int
) -> tuple[float, float]:
    """Return -2 ln of the likelihood by importance sampling, and its standard error.

    Each patient's integral over random effects, by draws from Student's t with 5 degrees of
    freedom about the mode (Kuhn & Lavielle 2005, Comput. Stat. Data Anal. 49:1020).
    """
    with jax.enable_x64(True):
        root_of_all = np.asarray(spec.layout.effects_of(jnp.asarray(vector)).root)
        inverse = np.linalg.inv(root_of_all)
        root = np.linalg.cholesky(inverse @ found.spread @ inverse.T)
        keys = jax.random.split(jax.random.key(seed % 2**32), SAMPLES // _AT_ONCE)
        parts = [
            np.asarray(_log_weights(spec, patients, jnp.asarray(vector),
                                    jnp.asarray(found.whitened), jnp.asarray(root), key))
            for key in keys
        ]  # fmt: skip
    logs = np.concatenate(parts)
    top = logs.max(axis=0)
    weights = np.exp(logs - top)
    mean = weights.mean(axis=0)
    deviance = -2.0 * (np.log(mean) + top).sum()
    relative = weights.std(axis=0, ddof=1) / mean / np.sqrt(len(weights))
    return float(deviance), float(2.0 * np.sqrt((relative**2).sum()))
