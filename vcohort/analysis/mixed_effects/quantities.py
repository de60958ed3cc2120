"""What is estimated, by names and in units that are read: values, errors, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

from vcohort.analysis.information import Told
from vcohort.analysis.mixed_effects.covariates import Effect
from vcohort.analysis.mixed_effects.scales import Scale
from vcohort.analysis.mixed_effects.spec import MixedSpec

_CONFIDENCE = 0.95


class Quantities(NamedTuple):
    """``names`` and ``roles`` of quantities (quantity,); values, errors, both ends of intervals.

    Intervals are those of 95 %. ``covariance`` (quantity, quantity); ``of_vector`` (number,
    number): that of the vector. Roles: ``typical``, ``covariate``, ``spread``, ``correlation``,
    ``error``.
    """

    names: list[str]
    roles: list[str]
    value: np.ndarray
    error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    covariance: np.ndarray
    of_vector: np.ndarray


def quantities_of(
    spec: MixedSpec, vector: np.ndarray, bend: np.ndarray, effects: Sequence[Effect],
    kinds: Sequence[str],
) -> Quantities:  # fmt: skip
    """Return what a vector (number,) says, with a deviance of the given ``bend`` there.

    Standard errors by the observed information and the delta method; intervals are symmetric on
    the scale of a typical value, in the log of a spread, in Fisher's z of a correlation.
    """
    is_known = np.isfinite(bend).all()
    of_vector = Told.of(0.5 * bend).covariance() if is_known else np.full(bend.shape, np.nan)
    with jax.enable_x64(True):
        at = jnp.asarray(vector)
        value = np.asarray(_values(spec, at))
        slopes = np.asarray(jax.jacfwd(lambda at: _values(spec, at))(at))
        bent = np.asarray(jax.jacfwd(lambda at: _unbounded(spec, at))(at))
        free = np.asarray(_unbounded(spec, at))
    names, roles = _names(spec, effects, kinds)
    covariance, error = _carried(slopes, of_vector)
    reach = norm.ppf(0.5 + 0.5 * _CONFIDENCE) * _carried(bent, of_vector)[1]
    lower, upper = (_bounded(spec, roles, free + sign * reach) for sign in (-1.0, 1.0))
    return Quantities(names, roles, value, error, lower, upper, covariance, of_vector)


def quantities_of_draws(
    spec: MixedSpec, draws: np.ndarray, effects: Sequence[Effect], kinds: Sequence[str]
) -> Quantities:
    """Return means, standard deviations and quantiles of draws (chain, draw, number)."""
    names, roles = _names(spec, effects, kinds)
    flat = draws.reshape(-1, draws.shape[-1])
    values = traced(spec, flat)
    ends = 0.5 - 0.5 * _CONFIDENCE, 0.5 + 0.5 * _CONFIDENCE
    lower, upper = np.quantile(values, ends, axis=0)
    return Quantities(
        names, roles, values.mean(axis=0), values.std(axis=0, ddof=1), lower, upper,
        np.cov(values, rowvar=False), np.cov(flat, rowvar=False),
    )  # fmt: skip


def _carried(slopes: np.ndarray, of_vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return covariance and errors of quantities; NaN only where a number that counts has none."""
    lost = np.isnan(np.diag(of_vector))
    known = np.where(np.isnan(of_vector), 0.0, of_vector)
    covariance = slopes @ known @ slopes.T
    is_lost = (slopes[:, lost] != 0).any(axis=1)
    covariance = np.where(is_lost[:, None] | is_lost[None, :], np.nan, covariance)
    return covariance, np.sqrt(np.diag(covariance))


def _values(spec: MixedSpec, vector: jax.Array) -> jax.Array:
    """Return all quantities of a vector."""
    effects = spec.layout.effects_of(vector)
    typical = [scale.value(each) for scale, each in zip(spec.scales, effects.typical, strict=True)]
    spread, correlation = _moments(spec, effects.root)
    slopes = _slopes(spec, effects.covariate)
    widths = [jnp.exp(each) for each in effects.widths]
    return jnp.stack([*typical, *slopes, *spread, *correlation, *widths])


def _unbounded(spec: MixedSpec, vector: jax.Array) -> jax.Array:
    """Return the same where an interval is symmetric."""
    effects = spec.layout.effects_of(vector)
    spread, correlation = _moments(spec, effects.root)
    free = [jnp.arctanh(each) for each in correlation]
    slopes = _slopes(spec, effects.covariate)
    logs = [jnp.log(each) for each in spread]
    return jnp.stack([*effects.typical, *slopes, *logs, *free, *effects.widths])


def _bounded(spec: MixedSpec, roles: Sequence[str], free: np.ndarray) -> np.ndarray:
    ends = np.where(np.isin(roles, ["spread", "error"]), np.exp(free), free)
    ends = np.where(np.array(roles) == "correlation", np.tanh(free), ends)
    for number, scale in enumerate(spec.scales):
        ends[number] = scale.values(free[number])
    return ends


def unit_of(scale: Scale) -> float:
    """Return the unit of what lies on a scale: of the parameter where it is linear, else 1."""
    return scale.unit if scale.kind == "linear" else 1.0


def _slopes(spec: MixedSpec, covariate: jax.Array) -> list[jax.Array]:
    """Return covariate slopes, in the parameter's unit where its scale is linear."""
    return [covariate[number] * unit_of(spec.scales[place])
            for number, place in enumerate(spec.layout.effects)]  # fmt: skip


def traced(spec: MixedSpec, vectors: np.ndarray) -> np.ndarray:
    """Return the quantities (…, quantity) of vectors (…, number)."""
    with jax.enable_x64(True):
        flat = jnp.asarray(vectors.reshape(-1, vectors.shape[-1]))
        found = np.asarray(jax.vmap(lambda at: _values(spec, at))(flat))
    return found.reshape(*vectors.shape[:-1], -1)


def _moments(spec: MixedSpec, root: jax.Array) -> tuple[list[jax.Array], list[jax.Array]]:
    """Return spreads, in the parameter's unit where its scale is linear, and correlations."""
    layout = spec.layout
    covariance = root @ root.T
    spread = jnp.sqrt(jnp.diag(covariance))
    units = [unit_of(spec.scales[place]) for place in layout.random]
    pairs = layout.entries[len(layout.random) :]
    correlation = [
        covariance[row, column] / (spread[row] * spread[column]) for row, column in pairs
    ]
    return [each * unit for each, unit in zip(spread, units, strict=True)], correlation


def _names(
    spec: MixedSpec, effects: Sequence[Effect], kinds: Sequence[str]
) -> tuple[list[str], list[str]]:
    layout = spec.layout
    random = [layout.parameters[place] for place in layout.random]
    pairs = layout.entries[len(random) :]
    widths = [] if spec.known else [
        f"{'error' if len(each.names) == 1 else name + ' error'} of {kind}"
        for kind, each in zip(kinds, spec.errors, strict=True) for name in each.names
    ]  # fmt: skip
    parts = {
        "typical": list(layout.parameters),
        "covariate": [each.name for each in effects],
        "spread": [f"spread of {name}" for name in random],
        "correlation": [f"correlation of {random[row]} and {random[column]}"
                        for row, column in pairs],
        "error": widths,
    }  # fmt: skip
    names = [name for part in parts.values() for name in part]
    return names, [role for role, part in parts.items() for _ in part]
