"""The posterior of a population, by the No-U-Turn sampler, from the fit on."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.mixed_effects.found import Found, Told
from vcohort.analysis.mixed_effects.likelihood import data_log_likelihood
from vcohort.analysis.mixed_effects.problem import MixedProblem
from vcohort.extras import extra

# Chains side by side, and how long each.
CHAINS, _WARMUP, DRAWS = 4, 500, 500

# Priors where none is given, normal on the scales: of typical values about the first ones, of
# slopes and of what correlates about 0, of log widths about those of the fit.
_TYPICAL, _SLOPE, _WIDTH = 3.0, 1.0, 2.0

# Spreads are half-normal.
_SPREAD = 1.0


def by_nuts(problem: MixedProblem, found: Found, seed: int, told: Told) -> Found:
    """Return the fit with draws (chain, draw, number) from the posterior, its mean the best."""
    numpyro = extra("numpyro", "bayes", 'method="nuts"')
    told("drawing")
    spec, count = problem.spec, len(problem.data.patients)
    random = len(spec.layout.random)
    at = jnp.asarray(found.vectors[0])
    log_prior = partial(_log_prior, problem, at)

    def model() -> None:
        dist: Any = numpyro.distributions
        flat = dist.ImproperUniform(dist.constraints.real_vector, (), event_shape=at.shape)
        vector = numpyro.sample("vector", flat)
        own = dist.Normal(0.0, 1.0).expand([count, random]).to_event(2)
        whitened = numpyro.sample("whitened", own)
        effects = spec.layout.effects_of(vector)

        def one(patient: Any, whitened: Array) -> Array:
            predicted = spec.predict(patient, spec.individual(effects, patient, whitened))
            return data_log_likelihood(spec, effects.widths, patient, predicted)

        likely = jnp.sum(jax.vmap(one)(problem.patients, whitened))
        numpyro.factor("likelihood", likely + log_prior(vector))

    start = {"vector": at, "whitened": jnp.asarray(found.whitened[0])}
    kernel = numpyro.infer.NUTS(model, init_strategy=numpyro.infer.init_to_value(values=start))
    sampler = numpyro.infer.MCMC(
        kernel, num_warmup=_WARMUP, num_samples=DRAWS, num_chains=CHAINS,
        chain_method="vectorized", progress_bar=False,
    )  # fmt: skip
    first = {name: jnp.broadcast_to(part, (CHAINS, *part.shape)) for name, part in start.items()}
    sampler.run(jax.random.key(seed % 2**32), init_params=first, extra_fields=("diverging",))
    samples = sampler.get_samples(group_by_chain=True)
    draws = np.asarray(samples["vector"])
    mean = draws.mean(axis=(0, 1))
    whitened = np.asarray(samples["whitened"]).mean(axis=(0, 1))
    return found._replace(
        vectors=np.concatenate([mean[None], found.vectors[1:]]),
        whitened=np.concatenate([whitened[None], found.whitened[1:]]),
        draws=draws,
        diverging=int(np.asarray(sampler.get_extra_fields()["diverging"]).sum()),
    )


def _log_prior(problem: MixedProblem, at: Array, vector: Array) -> Array:
    """Return the log density of a vector, in its own numbers, less a constant."""
    layout, priors = problem.spec.layout, problem.priors
    effects = layout.effects_of(vector)
    none = priors.precision == 0.0
    centre = jnp.where(none, jnp.asarray(problem.typical), priors.centre)
    precision = jnp.where(none, _TYPICAL**-2.0, priors.precision)
    found = -0.5 * jnp.sum(precision * (effects.typical - centre) ** 2)
    found -= 0.5 * jnp.sum((effects.covariate / _SLOPE) ** 2)
    spread = jnp.sqrt(jnp.sum(effects.root**2, axis=1))
    below = effects.root - jnp.diag(jnp.diag(effects.root))
    found -= 0.5 * jnp.sum((spread / _SPREAD) ** 2) + 0.5 * jnp.sum((below / _SLOPE) ** 2)
    # Of the diagonal the vector has logs.
    found += jnp.sum(jnp.log(jnp.diag(effects.root)))
    of_fit = layout.effects_of(at).widths
    return found - 0.5 * jnp.sum(((effects.widths - of_fit) / _WIDTH) ** 2)


def mixing(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return split R-hat and effective sample size (quantity,) of draws (chain, draw, quantity)."""
    diagnostics = importlib.import_module("numpyro.diagnostics")
    each = [values[..., number] for number in range(values.shape[-1])]
    return (
        np.array([float(diagnostics.split_gelman_rubin(one)) for one in each]),
        np.array([float(diagnostics.effective_sample_size(one)) for one in each]),
    )
