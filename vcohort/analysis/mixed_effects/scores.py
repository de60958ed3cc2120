"""The information that a trial holds, from scores of patients drawn given their data."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.mixed_effects.chains import Chains, log_prior, sweep, told_by, whole_place
from vcohort.analysis.mixed_effects.found import Told
from vcohort.analysis.mixed_effects.likelihood import data_log_likelihood
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# Sweeps whose scores are averaged, and so many at a time.
_SWEEPS, _AT_ONCE = 200, 20

REPORTS = _SWEEPS // _AT_ONCE


def slopes_by_scores(
    spec: MixedSpec, patients: Patient, vector: np.ndarray, chains: Chains, seed: int, told: Told
) -> np.ndarray:
    """Return the slopes of -2 ln L (patient, number), by Fisher's identity: means of scores.

    Their squares sum to the information (Delattre & Kuhn 2023, J. Soc. Fr. Stat. 164:84).
    """
    key = jax.random.key((seed + 1) % 2**32)
    total = jnp.zeros((chains.place.shape[1], vector.size))
    at = jnp.asarray(vector)
    effects = spec.layout.effects_of(at)
    chains = chains._replace(told=told_by(spec, effects, patients, chains.place))
    for first in range(0, _SWEEPS, _AT_ONCE):
        numbers = jnp.arange(first, first + _AT_ONCE)
        chains, more = _scores(spec, patients, at, chains, key, numbers)
        total += more
        told("standard errors")
    return -2.0 * np.asarray(total) / _SWEEPS


@partial(jax.jit, static_argnames=("spec",))
def _scores(
    spec: MixedSpec, patients: Patient, vector: Array, chains: Chains, key: Array, numbers: Array
) -> tuple[Chains, Array]:
    """Return chains after sweeps, and sums over them of mean scores (patient, number)."""
    effects = spec.layout.effects_of(vector)

    def complete(vector: Array, patient: Patient, random: Array) -> Array:
        own = spec.layout.effects_of(vector)
        predicted = spec.predict(patient, whole_place(spec, own, patient, random))
        told = data_log_likelihood(spec, own.widths, patient, predicted)
        none = jnp.zeros(random.size)
        centre = spec.individual(own, patient, none)[jnp.array(spec.layout.random, int)]
        return told + log_prior(own, centre, random) - jnp.sum(jnp.log(jnp.diag(own.root)))

    score = jax.vmap(jax.vmap(jax.jacfwd(complete), (None, 0, 0)), (None, None, 0))

    def one(carry: tuple[Chains, Array], number: Array) -> tuple[tuple[Chains, Array], None]:
        chains, total = carry
        own = jax.random.fold_in(key, number)
        chains = sweep(spec, effects, patients, chains, own, jnp.zeros(()))
        return (chains, total + score(vector, patients, chains.place).mean(axis=0)), None

    zero = jnp.zeros((chains.place.shape[1], vector.size))
    return jax.lax.scan(one, (chains, zero), numbers)[0]
