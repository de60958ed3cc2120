"""Trials drawn from a fitted population: the same patients, days and covariates, new chance."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.scatter import NORMAL
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient, Rows

# Replicates at once, and the degrees of freedom of long tails.
_AT_ONCE, _FREEDOM = 20, 4.0


@partial(jax.jit, static_argnames=("spec",))
def _draw(spec: MixedSpec, patients: Patient, vector: Array, key: Array) -> Array:
    effects = spec.layout.effects_of(vector)
    count, rows = patients.rows.value.shape
    of_effects, of_errors, of_tails = jax.random.split(key, 3)
    whitened = jax.random.normal(of_effects, (_AT_ONCE, count, len(spec.layout.random)))
    normal = jax.random.normal(of_errors, (_AT_ONCE, count, rows))
    chi = 2.0 * jax.random.gamma(of_tails, 0.5 * _FREEDOM, normal.shape)
    long_tailed = normal * jnp.sqrt(_FREEDOM / chi)

    def one(patient: Patient, whitened: Array, normal: Array, long_tailed: Array) -> Array:
        found = spec.predict(patient, spec.individual(effects, patient, whitened))[:rows]
        is_normal = jnp.array([each.scatter.tails == NORMAL for each in spec.errors])
        chance = jnp.where(is_normal[patient.rows.kind], normal, long_tailed)
        return found + spec.width(effects, patient, found) * chance

    of_patients = jax.vmap(one)
    return jax.vmap(of_patients, in_axes=(None, 0, 0, 0))(patients, whitened, normal, long_tailed)


def replicates_of(
    spec: MixedSpec, patients: Patient, vector: np.ndarray, count: int, seed: int
) -> np.ndarray:
    """Return measurements (replicate, patient, row), on the scales of the errors."""
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(seed % 2**32), -(-count // _AT_ONCE))
        parts = [np.asarray(_draw(spec, patients, jnp.asarray(vector), key)) for key in keys]
    return np.concatenate(parts)[:count]


def limits_of(rows: Rows) -> np.ndarray:
    """Return the limit (patient, row) below which a row would have been called so, else -inf.

    On the scales of the errors. Of what was measured no limit is told: it is taken to be the
    largest one of its observable that is not above it.
    """
    value, kind, is_limit = (np.asarray(each) for each in (rows.value, rows.kind, rows.limit))
    found = np.where(is_limit, value, -np.inf)
    for one in np.unique(kind[is_limit]):
        known = np.concatenate([[-np.inf], np.unique(value[is_limit & (kind == one)])])
        own = (kind == one) & np.asarray(rows.observed)
        found[own] = known[np.searchsorted(known, value[own], side="right") - 1]
    return found
