"""Draws of patients' parameters given their data: Metropolis and Hastings, all chains at once."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.mixed_effects.layout import Effects
from vcohort.analysis.mixed_effects.likelihood import data_log_likelihood
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Each kernel is applied so often in one sweep.
_REPEATS = 2

# Acceptance that steps are adapted to (Roberts, Gelman & Gilks 1997, Ann. Appl. Probab. 7:110).
_WANTED, _ADAPTED = 0.35, 0.4


class Chains(NamedTuple):
    """Where the chains are: arrays with chain and patient first.

    ``place`` (…, random): of the parameters with a random effect; ``told`` (…,): log likelihood of
    the data there; ``log_step`` (random + 1,): of steps of one parameter, and of all at once, in
    spreads of the population.
    """

    place: Array
    told: Array
    log_step: Array


def whole_place(spec: MixedSpec, effects: Effects, patient: Patient, random: Array) -> Array:
    """Return all parameters (parameter,) of a patient of whom some are ``random`` (random,)."""
    none = jnp.zeros(len(spec.layout.random))
    centre = spec.individual(effects, patient, none)
    return centre.at[jnp.array(spec.layout.random, int)].set(random)


def centres(spec: MixedSpec, effects: Effects, patients: Patient) -> Array:
    """Return the means (patient, random) of parameters with a random effect."""
    none = jnp.zeros(len(spec.layout.random))

    def one(patient: Patient) -> Array:
        return spec.individual(effects, patient, none)[jnp.array(spec.layout.random, int)]

    return jax.vmap(one)(patients)


def told_by(spec: MixedSpec, effects: Effects, patients: Patient, place: Array) -> Array:
    """Return log likelihoods of the data (chain, patient) at places (…, random)."""

    def one(patient: Patient, random: Array) -> Array:
        predicted = spec.predict(patient, whole_place(spec, effects, patient, random))
        found = data_log_likelihood(spec, effects.widths, patient, predicted)
        return jnp.where(jnp.isfinite(found), found, -jnp.inf)

    return jax.vmap(jax.vmap(one), in_axes=(None, 0))(patients, place)


def log_prior(effects: Effects, centre: Array, place: Array) -> Array:
    """Return log densities (…,) of places (…, random) about their centres, less a constant."""
    left = jnp.moveaxis(place - centre, -1, 0)
    whitened = jax.scipy.linalg.solve_triangular(
        effects.root, left.reshape(len(left), -1), lower=True
    )
    return -0.5 * jnp.sum(whitened**2, axis=0).reshape(left.shape[1:])


def sweep(
    spec: MixedSpec, effects: Effects, patients: Patient, chains: Chains, key: Array, gain: Array
) -> Chains:
    """Return the chains after each kernel was applied: draws from the population, steps of all
    parameters, steps of one; ``gain``: how fast steps are adapted.
    """  # noqa: D205 - one sentence
    centre = centres(spec, effects, patients)
    spread = jnp.sqrt(jnp.sum(effects.root**2, axis=1))
    random = centre.shape[1]
    propose = partial(_accepted, spec, effects, patients, centre)

    def one(number: Array, chains: Chains) -> Chains:
        keys = jax.random.split(jax.random.fold_in(key, number), 3)
        fresh = jax.random.normal(keys[0], chains.place.shape, centre.dtype)
        chains, _ = propose(chains, centre + fresh @ effects.root.T, keys[0], True)
        noise = jax.random.normal(keys[1], chains.place.shape, centre.dtype)
        stepped = chains.place + jnp.exp(chains.log_step[-1]) * (noise @ effects.root.T)
        chains, rate = propose(chains, stepped, keys[1], False)
        rates = [rate]
        for which in range(random):
            own = jax.random.fold_in(keys[2], which)
            noise = jax.random.normal(own, chains.told.shape, centre.dtype)
            step = jnp.exp(chains.log_step[which]) * spread[which] * noise
            chains, rate = propose(chains, chains.place.at[..., which].add(step), own, False)
            rates.insert(which, rate)
        adapted = chains.log_step + gain * _ADAPTED * (jnp.stack(rates) - _WANTED)
        return chains._replace(log_step=jnp.clip(adapted, -6.0, 2.0))

    return jax.lax.fori_loop(0, _REPEATS, one, chains)


def _accepted(
    spec: MixedSpec, effects: Effects, patients: Patient, centre: Array,
    chains: Chains, place: Array, key: Array, is_from_prior: bool,
) -> tuple[Chains, Array]:  # fmt: skip
    """Return the chains with the proposals that are accepted, and the share of these."""
    told = told_by(spec, effects, patients, place)
    gain = told - chains.told
    if not is_from_prior:
        gain += log_prior(effects, centre, place) - log_prior(effects, centre, chains.place)
    of_chance = jax.random.fold_in(key, 1)
    is_taken = jnp.log(jax.random.uniform(of_chance, told.shape, told.dtype)) < gain
    place = jnp.where(is_taken[..., None], place, chains.place)
    told = jnp.where(is_taken, told, chains.told)
    return Chains(place, told, chains.log_step), jnp.mean(is_taken)
