"""The posterior of the fit problem, by Hamiltonian Monte Carlo (NUTS) in NumPyro."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from vcohort.analysis.estimation import pose
from vcohort.analysis.losses import Residuals
from vcohort.analysis.problem import Problem, data_residuals
from vcohort.cohort import Cohort
from vcohort.dataset import provenance
from vcohort.distributions import Distribution, LogNormal, Normal, Uniform
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import whole
from vcohort.progress import is_shown
from vcohort.regimen import Regimen

# The residuals' scale, where the data give no errors: log-uniform over these, which holds any.
_SCALES = (1e-4, 1e2)

# The usual mark above which chains have not mixed (Vehtari et al. 2021, Bayesian Anal. 16:667).
_LARGEST_R_HAT = 1.01


def posterior(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    priors: Mapping[str, Distribution] | None = None,
    loss: str | Residuals = "log",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 500,
    seed: int = 0,
    regimen: Regimen | None = None,
    tolerance: float = 1e-4,
    progress: bool | None = None,
) -> xr.DataTree:
    """Draw from the posterior of the free parameters, by NumPyro's No-U-Turn sampler.

    The residuals of :func:`vcohort.fit` are normal; where the data give no errors, each
    patient's residual scale is drawn too. A penalty of the loss has no part: priors take its
    place. Needs the extra: ``pip install "vcohort[bayes]"``.

    :param priors: :class:`LogNormal`, :class:`Normal` or :class:`Uniform` by name; by default
        log-uniform between the bounds.
    :param chains, warmup, draws: chains run side by side, and how long each.
    :param data, free, cohort, loss, bounds, regimen, tolerance: as for :func:`vcohort.fit`.
    :return: in ArviZ's schema: groups ``posterior`` (chain, draw, patient), ``sample_stats``,
        ``observed_data`` and ``summary``: mean, standard deviation, 5, 50 and 95 % quantiles,
        ``r_hat`` and effective sample size ``ess`` (parameter, patient).
    :raises VcohortError: as for :func:`vcohort.fit`, and where NumPyro is not installed.
    """
    numpyro = _numpyro()
    for name, value in {"chains": chains, "warmup": warmup, "draws": draws}.items():
        if value < (4 if name == "draws" else 1):
            raise VcohortError(f"{name} = {value} is too few.")
    problem = pose(data, free, cohort, loss, bounds, regimen, tolerance)
    given = {} if priors is None else dict(priors)
    for name in given:
        if name not in problem.question.names:
            raise VcohortError(
                f"There is a prior for {name}, which is not free. Free: {problem.question.names}."
            )
    # JAX takes the 64 bits of a seed as a number with a sign.
    bits = np.uint64(whole("seed", seed)).astype(np.int64)
    with jax.enable_x64(True):
        laws = {name: _prior(problem, name, given.get(name)) for name in problem.question.names}
        kernel = numpyro.infer.NUTS(_model(problem, laws))
        sampler = numpyro.infer.MCMC(
            kernel, num_warmup=warmup, num_samples=draws, num_chains=chains,
            chain_method="vectorized", progress_bar=is_shown(progress),
        )  # fmt: skip
        fields = ("diverging", "accept_prob", "num_steps", "potential_energy")
        sampler.run(jax.random.key(bits), extra_fields=fields)
        samples = sampler.get_samples(group_by_chain=True)
        drawn = {name: np.asarray(value) for name, value in samples.items()}
        extra = sampler.get_extra_fields(group_by_chain=True)
        stats = {name: np.asarray(value) for name, value in extra.items()}
    return _tree(problem, drawn, stats, seed)


def _numpyro() -> Any:
    try:
        return importlib.import_module("numpyro")
    except ImportError:
        raise VcohortError('posterior needs NumPyro. Type: pip install "vcohort[bayes]"') from None


def _prior(problem: Problem, name: str, prior: Distribution | None) -> Any:
    """Return a prior as NumPyro's, for all patients."""
    from numpyro import distributions as dist  # noqa: PLC0415

    index = problem.question.names.index(name)
    low, high = (float(jnp.exp(side[index])) for side in problem.bounds)
    match prior:
        case None:
            law = dist.LogUniform(low, high)
        case LogNormal(median, sigma):
            law = dist.LogNormal(np.log(median), sigma)
        case Normal(mean, sd):
            law = dist.TruncatedNormal(mean, sd, low=0.0)
        case Uniform(lower, upper):
            law = dist.Uniform(lower, upper)
        case _:
            raise VcohortError(
                f"The prior of {name}, {prior!r}, is none of LogNormal, Normal and Uniform."
            )
    return law.expand([len(problem.cohort)]).to_event(1)


def _model(problem: Problem, laws: dict[str, Any]) -> Any:
    import numpyro  # noqa: PLC0415
    from numpyro import distributions as dist  # noqa: PLC0415

    measured = problem.subjects.measured
    rows = jnp.sum(measured.present, axis=1)

    def model() -> None:
        values = [numpyro.sample(name, law) for name, law in laws.items()]
        logs = jnp.log(jnp.stack(values, axis=1))
        residuals = jax.vmap(lambda subject, log: data_residuals(problem.question, subject, log))
        squares = jnp.sum(residuals(problem.subjects, logs) ** 2, axis=1)
        scale = jnp.ones_like(squares)
        if not problem.data.errors_known:
            wide = dist.LogUniform(*_SCALES).expand([squares.size]).to_event(1)
            scale = numpyro.sample("scale", wide)
        likelihood = -0.5 * squares / scale**2 - rows * jnp.log(scale)
        numpyro.factor("likelihood", jnp.sum(likelihood))

    return model


def _tree(
    problem: Problem, drawn: dict[str, np.ndarray], stats: dict[str, np.ndarray], seed: int
) -> xr.DataTree:
    """Return ArviZ's groups."""
    model = problem.question.model
    patients = {"patient": list(problem.data.patients)}

    def about(name: str) -> dict[str, str]:
        if name == "scale":
            return {"units": "1", "long_name": "standard deviation of the residuals"}
        param = model.param(name)
        return {"units": param.unit, "long_name": param.description}

    def chained(name: str, values: np.ndarray, attrs: dict[str, str], *more: str) -> xr.DataArray:
        return xr.DataArray(values, dims=("chain", "draw", *more), name=name, attrs=attrs)

    named = {"diverging": "diverging", "accept_prob": "acceptance_rate", "num_steps": "n_steps",
             "potential_energy": "lp"}  # fmt: skip
    sampled = {
        named[name]: chained(named[name], -values if name == "potential_energy" else values,
                             {"units": "1", "long_name": name.replace("_", " ")})
        for name, values in stats.items()
    }  # fmt: skip
    posterior = {
        name: chained(name, values, about(name), "patient") for name, values in drawn.items()
    }
    data = problem.data
    observed = {
        "value": ("row", data.value), "day": ("row", data.day),
        "observable": ("row", list(data.observable)),
        "of_patient": ("row", [data.patients[index] for index in data.patient]),
    }  # fmt: skip
    attrs = {
        "model": model.name, "loss": problem.question.loss.name, "seed": str(seed),
        "inference_library": "numpyro", "sampling": "NUTS", **provenance("posterior"),
    }  # fmt: skip
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs=attrs),
            "posterior": xr.Dataset(posterior, patients, attrs),
            "sample_stats": xr.Dataset(sampled),
            "observed_data": xr.Dataset(observed),
            "summary": _summary(drawn, patients),
        }
    )


def _summary(drawn: dict[str, np.ndarray], patients: dict[str, list[str]]) -> xr.Dataset:
    """Return moments and diagnostics (parameter, patient); warn where chains have not mixed."""
    from numpyro import diagnostics  # noqa: PLC0415 - an extra

    def each(measure: Callable[[np.ndarray], np.ndarray]) -> tuple[tuple[str, str], np.ndarray]:
        return ("parameter", "patient"), np.stack([measure(values) for values in drawn.values()])

    def quantile(share: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda values: np.quantile(values, share, axis=(0, 1))

    summary = xr.Dataset(
        {
            "mean": each(lambda values: values.mean(axis=(0, 1))),
            "sd": each(lambda values: values.std(axis=(0, 1), ddof=1)),
            "q05": each(quantile(0.05)),
            "median": each(quantile(0.5)),
            "q95": each(quantile(0.95)),
            "r_hat": each(diagnostics.split_gelman_rubin),
            "ess": each(diagnostics.effective_sample_size),
        },
        {"parameter": list(drawn), **patients},
    )
    # NaN, of chains that never moved, is not mixed either.
    worst = float(summary["r_hat"].values.max())
    if not worst <= _LARGEST_R_HAT:
        warnings.warn(
            f"The chains have not mixed: R-hat is up to {worst:.3f}, more than {_LARGEST_R_HAT}. "
            "Give more warmup and draws, or fewer free parameters.",
            VcohortWarning,
            stacklevel=4,
        )
    return summary
