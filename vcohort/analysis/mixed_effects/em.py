"""From anywhere towards the maximum, by turns: random effects, typical values, spreads, errors.

Given each patient's mode and the information there, its parameters are taken as normal about the
mode: typical values and covariate effects of parameters with a random effect are then a regression,
the covariance is a mean, as in expectation and maximisation; what has no random effect goes a step
of Fisher's scoring (Lindstrom & Bates 1990, Biometrics 46:673; Demidenko 2013, Mixed Models,
section 8.15). It ends near the maximum of Laplace's likelihood, not on it.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.analysis.mixed_effects.layout import Effects
from vcohort.analysis.mixed_effects.likelihood import row_information, row_log_likelihood
from vcohort.analysis.mixed_effects.modes import Modes, find_modes, likelier
from vcohort.analysis.mixed_effects.priors import Priors
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient

# No spread is smaller, on its scale; no step of typical values or log widths is longer.
LEAST_SPREAD, _LONGEST = 1e-4, 1.0

# What nothing tells has no information: it stays where it is.
_NOTHING = 1e-9


# Steps towards the modes in one turn: the next turn goes on from where they led.
_STEPS = 9


class Turn(NamedTuple):
    """Vectors (candidate, number) after a turn, and deviances (candidate,) before it.

    ``whitened`` (…, patient, random): the modes; ``again``: the same patients, in terms of the new
    vector.
    """

    vectors: Array
    deviance: Array
    whitened: Array
    again: Array


@partial(jax.jit, static_argnames=("spec",))
def turn(
    spec: MixedSpec,
    patients: Patient,
    priors: Priors,
    vectors: Array,
    first: Array,
    key: Array,
) -> Turn:
    """Go one turn from vectors (candidate, number).

    Modes are sought from ``first``, or from draws about it and about 0 that are likelier.
    """
    effects = jax.vmap(spec.layout.effects_of)(vectors)
    first = likelier(spec, effects, patients, first, key)
    modes = find_modes(spec, effects, patients, first, _STEPS)
    log_volume = jnp.linalg.slogdet(modes.information)[1]
    deviance = jnp.sum(2.0 * modes.surprise + log_volume, axis=1)
    deviance += jax.vmap(priors.deviance)(effects.typical)
    better = jax.vmap(partial(_better, spec), in_axes=(None, None, 0, 0))
    new, again = better(patients, priors, effects, modes)
    is_kept = jnp.isfinite(deviance) & jnp.isfinite(new).all(axis=1)
    kept = jnp.where(is_kept[:, None], new, vectors)
    again = jnp.where(is_kept[:, None, None], again, modes.whitened)
    return Turn(kept, jnp.where(is_kept, deviance, jnp.inf), modes.whitened, again)


def _better(
    spec: MixedSpec, patients: Patient, priors: Priors, effects: Effects, modes: Modes
) -> tuple[Array, Array]:
    """Return the next vector, and the patients (patient, random) in terms of it."""
    layout, spread = spec.layout, jnp.linalg.inv(modes.information)
    step = _scoring(spec, patients, priors, effects, modes, spread)
    count = len(layout.parameters)
    designs = jax.vmap(partial(design_of, spec))(patients)[:, jnp.array(layout.random, int)]
    left = modes.whitened @ effects.root.T - designs @ step
    own = effects.root @ jnp.mean(spread, axis=0) @ effects.root.T
    covariance = own + left.T @ left / len(left)
    covariance = jnp.where(jnp.array(layout.same_block()), covariance, 0.0)
    covariance += LEAST_SPREAD**2 * jnp.eye(len(covariance))
    vector = layout.vector_of(
        effects.typical + step[:count], effects.covariate + step[count:], covariance,
        _widths(spec, patients, effects, modes, spread),
    )  # fmt: skip
    root = layout.effects_of(vector).root
    return vector, jax.scipy.linalg.solve_triangular(root, left.T, lower=True).T


def design_of(spec: MixedSpec, patient: Patient) -> Array:
    """Return how typical values and slopes make a patient's parameters (parameter, number)."""
    count, places = len(spec.layout.parameters), jnp.array(spec.layout.effects, int)
    rows = places[None, :] == jnp.arange(count)[:, None]
    return jnp.concatenate([jnp.eye(count), jnp.where(rows, patient.covariate, 0.0)], axis=1)


def _scoring(
    spec: MixedSpec, patients: Patient, priors: Priors, effects: Effects, modes: Modes,
    spread: Array,
) -> Array:  # fmt: skip
    """Return the step (number,) of typical values and slopes."""
    layout = spec.layout
    random = jnp.array(layout.random, int)
    moved = jnp.array([*range(len(layout.parameters)), *layout.effects])
    is_random = jnp.isin(moved, random)
    precision = jnp.linalg.inv(effects.root @ effects.root.T)

    def one(patient: Patient, modes: Modes, spread: Array) -> tuple[Array, Array]:
        design = design_of(spec, patient)
        own = design[random]
        by_effects = own.T @ jnp.linalg.solve(effects.root.T, modes.whitened)
        along = modes.slopes @ design
        by_data = along.T @ modes.pull
        by_random = modes.told @ modes.slopes[:, random] @ effects.root
        # What random effects can take up tells nothing of the others.
        left = modes.told - by_random @ spread @ by_random.T
        both = ~is_random[:, None] & ~is_random
        information = jnp.where(both, along.T @ left @ along, own.T @ precision @ own)
        is_apart = is_random[:, None] != is_random
        return jnp.where(is_random, by_effects, by_data), jnp.where(is_apart, 0.0, information)

    slopes, information = jax.vmap(one)(patients, modes, spread)
    slope, total = jnp.sum(slopes, axis=0), jnp.sum(information, axis=0)
    count = effects.typical.size
    slope = slope.at[:count].add(priors.slope(effects.typical))
    total = total.at[jnp.arange(count), jnp.arange(count)].add(priors.precision)
    size = jnp.diag(total)
    total += jnp.diag(_NOTHING * (size + jnp.max(size)))
    step = jnp.linalg.solve(total, slope)
    return step * jnp.minimum(1.0, _LONGEST / jnp.max(jnp.abs(step[:count])))


def _widths(
    spec: MixedSpec, patients: Patient, effects: Effects, modes: Modes, spread: Array
) -> Array:
    """Return the log widths after a step of Newton's method on their expected likelihood."""
    if not effects.widths.size:
        return effects.widths

    def unlikely(widths: Array) -> Array:
        def one(patient: Patient, modes: Modes, spread: Array) -> Array:
            count = patient.rows.value.size
            seen = jnp.sum(row_log_likelihood(spec, widths, patient, modes.predicted[:count]))
            told = row_information(spec, widths, patient, modes.predicted[:count])
            along = modes.slopes[:count, jnp.array(spec.layout.random, int)] @ effects.root
            return 0.5 * told @ jnp.sum((along @ spread) * along, axis=1) - seen

        return jnp.sum(jax.vmap(one)(patients, modes, spread))

    slope, bend = jax.grad(unlikely)(effects.widths), jax.hessian(unlikely)(effects.widths)
    # Where it is not bent upwards, down the slope.
    worth, axes = jnp.linalg.eigh(bend)
    step = -axes @ ((axes.T @ slope) / jnp.maximum(jnp.abs(worth), _NOTHING))
    return effects.widths + jnp.clip(step, -_LONGEST, _LONGEST)
