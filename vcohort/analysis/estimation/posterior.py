"""The posterior of the fit problem, by Hamiltonian Monte Carlo (NUTS) in NumPyro."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from vcohort.analysis.estimation.arviz import RATIO, SCALE, arviz_tree
from vcohort.analysis.estimation.left_out import refuse, unobserved, without_enough
from vcohort.analysis.estimation.losses import Residuals
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.priors import laws_of
from vcohort.analysis.estimation.problem import (
    FitSpec,
    Problem,
    Subject,
    observed_and_limits,
    predict,
    residuals_of,
)
from vcohort.analysis.estimation.scattered import likeliest_widths
from vcohort.errors import VcohortError
from vcohort.extras import extra
from vcohort.given import whole
from vcohort.measurements.observables import Observable
from vcohort.populations.cohort import Cohort
from vcohort.populations.distributions import Distribution
from vcohort.progress import is_shown
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run

# The residuals' scale, where the data give no errors: log-uniform over these, in residuals of
# predictions that are twice too large.
SCALES = (1e-4, 1e2)

# The constant part of their width, over the proportional one: log-uniform over these shares of the
# patient's largest value.
RATIOS = (1e-6, 1e2)

# Draws from the priors, of which each chain starts at one of the likeliest.
_CANDIDATES = 256

# No chain starts on the edge of the scale's prior.
_INSIDE = (1e-3, 1.0 - 1e-3)


def posterior(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    priors: Mapping[str, Distribution] | None = None,
    loss: str | Residuals = "log",
    limits: str = "M3",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 500,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    progress: bool | None = None,
) -> xr.DataTree:
    """Draw from the posterior of the free parameters, by NumPyro's No-U-Turn sampler.

    The residuals of :func:`vcohort.fit` are normal, and upper limits have the likelihood of a
    value below them; where the data give no errors, each patient's residual scale is drawn too,
    log-uniform from 1e-4 to 100 times the residuals of predictions that are twice too large, and
    the ``ratio`` of the loss ``"combined"``, from 1e-6 to 100 times the largest value. A
    penalty of the loss has no part: priors take its place. Of draws from the priors, each chain
    starts at one of the likeliest. Needs the extra: ``pip install "vcohort[bayes]"``.

    :param priors: :class:`LogNormal`, :class:`Normal` (cut at 0), :class:`Uniform`, or one of your
        own with a method ``prior``, by name, each cut to the bounds, if any were given for its
        parameter; by default log-uniform between the bounds.
    :param chains, warmup, draws: chains run side by side, and how long each.
    :param data, free, cohort, loss, bounds, regimen, tolerance, observables: as for
        :func:`vcohort.fit`. Limits alone will do where their errors are known.
    :return: in ArviZ's schema: groups ``posterior`` (chain, draw, patient), ``sample_stats``,
        ``observed_data`` and ``summary``: mean, standard deviation, 5, 50 and 95 % quantiles,
        ``r_hat`` and effective sample size ``ess`` (parameter, patient).
    :raises VcohortError: as for :func:`vcohort.fit`, for priors with next to no mass between the
        bounds, where no draw from the priors can be followed, and where NumPyro is not installed.
    """
    numpyro = extra("numpyro", "bayes", "posterior")
    chains, warmup = whole("chains", chains, least=1), whole("warmup", warmup, least=1)
    draws = whole("draws", draws, least=4)
    run = settle_fit("posterior", data, run, regimen=regimen, seed=seed, tolerance=tolerance)
    problem = make_problem(data, free, cohort, loss, bounds, run, observables, limits)
    refuse(without_enough(problem.data, len(problem.spec.names)))
    if not problem.data.errors_known:
        refuse(unobserved(problem.data))
    with jax.enable_x64(True):
        laws = laws_of(problem, priors, bounds)
        if not problem.data.errors_known:
            laws |= _laws_of_widths(problem)
        # JAX takes the 64 bits of a seed as a number with a sign.
        of_starts, of_chains = jax.random.split(
            jax.random.key(np.uint64(run.seed).astype(np.int64))
        )
        first = _starts(problem, laws, chains, of_starts)
        middle = numpyro.infer.init_to_value(values={name: at[0] for name, at in first.items()})
        kernel = numpyro.infer.NUTS(_model(problem, laws), init_strategy=middle)
        sampler = numpyro.infer.MCMC(
            kernel, num_warmup=warmup, num_samples=draws, num_chains=chains,
            chain_method="vectorized", progress_bar=is_shown(progress),
        )  # fmt: skip
        fields = ("diverging", "accept_prob", "num_steps", "potential_energy")
        biject_to = numpyro.distributions.biject_to
        start = {name: biject_to(laws[name].support).inv(at) for name, at in first.items()}
        start = start if chains > 1 else jax.tree.map(lambda part: part[0], start)
        sampler.run(of_chains, extra_fields=fields, init_params=start)
        samples = sampler.get_samples(group_by_chain=True)
        drawn = {name: np.asarray(value) for name, value in samples.items()}
        told = sampler.get_extra_fields(group_by_chain=True)
        stats = {name: np.asarray(value) for name, value in told.items()}
    return arviz_tree(problem, drawn, stats, run.seed)


def _model(problem: Problem, laws: dict[str, Any]) -> Any:
    import numpyro  # noqa: PLC0415

    def model() -> None:
        values: dict[str, Any] = {name: numpyro.sample(name, law) for name, law in laws.items()}
        logs = jnp.log(jnp.stack([values[name] for name in problem.spec.names], axis=1))
        widths = values.get(SCALE, jnp.ones(len(logs))), values.get(RATIO, jnp.zeros(len(logs)))
        found = jax.vmap(partial(_log_likelihood, problem.spec))(problem.subjects, logs, *widths)
        numpyro.factor("likelihood", jnp.sum(found))

    return model


def _log_likelihood(
    spec: FitSpec, subject: Subject, logs: Array, scale: Array, ratio: Array
) -> Array:
    found = predict(spec, subject, logs)
    own, rows = residuals_of(spec, subject, logs, found), observed_and_limits(subject.measured)
    return jnp.sum(spec.loss.scatter.log_likelihood(own, found, *rows, scale, ratio))


def _laws_of_widths(problem: Problem) -> dict[str, Any]:
    """Return the priors (patient,) of the residuals' scale and of the ratio of their widths."""
    from numpyro import distributions as dist  # noqa: PLC0415

    scatter, measured = problem.spec.loss.scatter, problem.subjects.measured

    def unit(subject: Subject) -> Array:
        value = subject.measured.value
        logs = jnp.log(jnp.stack([subject.values[name] for name in problem.spec.names]))
        off = residuals_of(problem.spec, subject, logs, 2.0 * value)
        off /= scatter.width(jnp.where(value > 0, 2.0 * value, 1.0))
        chosen = observed_and_limits(subject.measured)[0] & (value > 0) & jnp.isfinite(off)
        mean = jnp.sum(jnp.where(chosen, off, 0.0) ** 2) / jnp.maximum(jnp.sum(chosen), 1)
        return jnp.where(mean > 0, jnp.sqrt(mean), 1.0)

    units = jax.vmap(unit)(problem.subjects)
    laws: dict[str, Any] = {
        SCALE: dist.LogUniform(*(units * share for share in SCALES)).to_event(1)
    }
    if scatter.floor:
        largest = jnp.max(jnp.where(measured.present, measured.value, 0.0), axis=1)
        laws[RATIO] = dist.LogUniform(*(largest * share for share in RATIOS)).to_event(1)
    return laws


def _starts(
    problem: Problem, laws: dict[str, Any], chains: int, key: Array
) -> dict[str, np.ndarray]:
    """Return where the chains start, (chain, patient): the likeliest of draws from the priors."""
    names = problem.spec.names
    keys = jax.random.split(key, len(names))
    count = max(_CANDIDATES, chains)
    drawn = [laws[name].sample(one, (count,)) for name, one in zip(names, keys, strict=True)]
    found, *widths = likelihoods_at(problem.spec, problem.subjects, jnp.log(jnp.stack(drawn, -1)))
    likelihood = np.where(np.isfinite(found), found, -np.inf)
    order = np.argsort(-likelihood, axis=0, kind="stable")[:chains]
    best = np.take_along_axis(likelihood, order, axis=0)
    lost = ~np.isfinite(best[0])
    if lost.any():
        labels = ", ".join(problem.data.patients[index] for index in np.flatnonzero(lost))
        raise VcohortError(
            f"Of {count} draws from the priors none has a likelihood for patient {labels}: the "
            "equations cannot be followed, or the data are out of reach. Narrow the priors or "
            "bounds, or check the data's units and errors."
        )
    # Where few draws can be followed, chains share the best.
    order = np.where(np.isfinite(best), order, order[0])
    values = dict(zip(names, map(np.asarray, drawn), strict=True))
    for name, likeliest in zip((SCALE, RATIO), widths, strict=True):
        if name in laws:
            low, high = (np.asarray(laws[name].base_dist.icdf(share)) for share in _INSIDE)
            values[name] = np.clip(np.asarray(likeliest), low, high)
    return {name: np.take_along_axis(value, order, axis=0) for name, value in values.items()}


@partial(jax.jit, static_argnames=("spec",))
def likelihoods_at(spec: FitSpec, subjects: Subject, logs: Array) -> tuple[Array, Array, Array]:
    """Return log likelihoods (candidate, patient) at logs (…, parameter), and likeliest widths."""

    def one(subject: Subject, log: Array) -> tuple[Array, Array, Array]:
        found = predict(spec, subject, log)
        own, rows = residuals_of(spec, subject, log, found), observed_and_limits(subject.measured)
        scale, ratio = likeliest_widths(spec.loss.scatter, own, found, *rows)
        scale = jnp.ones_like(scale) if spec.errors_known else scale
        each = spec.loss.scatter.log_likelihood(own, found, *rows, scale, ratio)
        return jnp.sum(each), scale, ratio

    return jax.vmap(jax.vmap(one), in_axes=(None, 0))(subjects, logs)
