"""Fit a population to a trial's patients: nonlinear mixed effects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from vcohort.analysis.estimation.estimation import start_logs
from vcohort.analysis.estimation.make_problem import settle_fit
from vcohort.analysis.mixed_effects.dataset import dataset_of
from vcohort.analysis.mixed_effects.individuals import individuals, sampled_deviance
from vcohort.analysis.mixed_effects.laplace import (
    MOST_STEPS,
    MOST_TURNS,
    Found,
    by_newton,
    by_turns,
)
from vcohort.analysis.mixed_effects.problem import Asked, MixedProblem, pose
from vcohort.analysis.mixed_effects.quantities import quantities_of
from vcohort.errors import VcohortError, VcohortWarning, one_of
from vcohort.given import whole
from vcohort.measurements.observables import Observable
from vcohort.populations.cohort import Cohort
from vcohort.populations.distributions import Distribution
from vcohort.progress import told_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run

METHODS = ("laplace", "saem", "nuts")

# Starts lie within this of the first typical values, on their scales: a factor of 3 on a log scale.
_REACH = 1.1

# The spreads that they start with.
_SPREADS = (0.2, 1.0)

# A random effect that shrinks by more than this tells of its prior alone.
_NOTHING_TOLD = 0.98


def fit_population(
    trial: Any,
    random: Sequence[str],
    fixed: Sequence[str] = (),
    *,
    predict: Callable[..., Any] | None = None,
    typical: Mapping[str, float] | None = None,
    scales: Mapping[str, str] | None = None,
    covariance: str | Sequence[Sequence[str]] = "diagonal",
    covariates: Mapping[str, Sequence[str]] | None = None,
    errors: str | Mapping[str, str] = "log",
    limits: str = "M3",
    priors: Mapping[str, Distribution] | None = None,
    method: str = "laplace",
    starts: int = 20,
    cohort: Cohort | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit a population to all patients of a trial at once: nonlinear mixed effects.

    Patient i has the parameters g(theta + covariate effects + eta_i), eta_i ~ N(0, Omega), g the
    scale of the parameter; the marginal likelihood of what was measured, as it was measured, is
    maximised. All patients and all starts are one batch, in double precision.

    :param trial: of :func:`vcohort.read_trial`, or a long table as for :func:`vcohort.fit`.
    :param random: names of parameters with a typical value and a random effect.
    :param fixed: names of those with a typical value alone, the same for all.
    :param predict: in place of the model, ``predict(values, day)``: predictions (row,), or by
        the name of each observable, in ``jax.numpy``, of numbers ``values`` by name.
    :param typical: first typical values by name; by default the cohort's. ``predict`` needs all.
    :param scales: ``"log"``, ``"logit"`` or ``"linear"`` by name; by default log, and logit where
        the model bounds a parameter above.
    :param covariance: of the random effects: ``"diagonal"``, ``"full"``, or blocks of names.
    :param covariates: names of the trial's covariates by the name of a parameter: powers of
        numbers, (x / median)^slope, steps from the most common of groups.
    :param errors: of all observables, or by name: ``"log"``, ``"linear"``, ``"proportional"``,
        ``"combined"``, ``"student_t"``; see :func:`vcohort.fit`, as ``limits``.
    :param priors: of typical values, by name: normal on the parameter's scale (:class:`LogNormal`,
        on a logit scale :class:`LogitNormal`, on a linear one :class:`Normal`).
    :param method: ``"laplace"``: Laplace's approximation at each patient's likeliest random
        effects, with interaction (FOCEI; Wang 2007, J. Pharmacokinet. Pharmacodyn. 34:575).
    :param starts: of the search, a Latin hypercube about the first values.
    :param cohort: the model, and the values of what is not estimated, for one patient or each.
    :param regimen: by default the trial's; and ``seed``, ``tolerance`` (by default 1e-4): settings
        of a :class:`Run`.
    :param observables: what names in the column ``observable`` may mean beside the known ones.
    :return: over ``quantity`` (typical values, covariate slopes, spreads and correlations of
        random effects, errors): ``estimate``, ``standard_error``, ``relative_standard_error``,
        95 % intervals ``lower``, ``upper``, and ``covariance``; ``random_effect`` with
        ``random_effect_error`` (patient, random) and ``individual`` parameters (patient,
        parameter); ``shrinkage``, ``residual_shrinkage``; the data with ``predicted`` of the
        typical patient and ``individual_predicted`` (patient, observation); ``deviance`` (-2 ln L),
        ``deviance_sampled`` with its error, ``aic``, ``bic`` (BICc), ``converged``,
        ``condition_number``, ``start_deviance``, ``history``.
    :raises VcohortError: for bad data, unknown names, one patient, covariates that say nothing, and
        where no start can be followed.
    """
    one_of("method", method, METHODS)
    starts = whole("starts", starts, least=1)
    regimen = getattr(trial, "regimen", None) if regimen is None and run is None else regimen
    run = settle_fit("fit_population", run, regimen=regimen, seed=seed, tolerance=tolerance)
    asked = Asked(random, fixed, predict, typical, scales, covariance, covariates, errors, limits,
                  priors, cohort, run, observables)  # fmt: skip
    problem = pose(trial, asked)
    with (
        told_bar("population", MOST_TURNS + MOST_STEPS, progress) as told,
        jax.enable_x64(True),
    ):
        vectors = first_vectors(problem, starts, run.seed)
        parts = problem.spec, problem.patients, problem.priors
        found = by_turns(*parts, vectors, run.seed, told)
        if not np.isfinite(found.deviance[0]):
            raise VcohortError(
                "From no start can all patients be followed: the likelihood is no number. Check the "
                "data's units, or give first values nearer to them: typical={...}."
            )
        start = individuals(problem.spec, problem.patients, found.vectors[0], found.whitened[0])
        problem = problem.on_a_grid_for(start.place)
        found = by_newton(problem.spec, problem.patients, problem.priors, found, told)
    return _finished(problem, found, method, run.seed)


def first_vectors(problem: MixedProblem, starts: int, seed: int) -> np.ndarray:
    """Return where the starts begin (start, number): the first at the first values."""
    layout = problem.spec.layout
    random = len(layout.random)
    ends = [(-_REACH, _REACH)] * len(layout.parameters) + [_SPREADS] * random
    drawn = start_logs(np.array(ends), starts, seed)
    drawn[0] = [0.0] * len(layout.parameters) + [0.5] * random
    widths = first_widths(problem)
    vectors = []
    for row in drawn:
        places, spreads = np.split(row, [len(layout.parameters)])
        vectors.append(layout.vector_of(
            jnp.asarray(problem.typical + places), jnp.zeros(len(layout.effects)),
            jnp.diag(jnp.asarray(spreads) ** 2), jnp.asarray(widths),
        ))  # fmt: skip
    return np.asarray(jnp.stack(vectors))


def first_widths(problem: MixedProblem) -> np.ndarray:
    """Return the logs of the widths that errors start with: a half, of the values where absolute."""
    widths = []
    names = np.array(problem.data.observable)
    for errors, places, kind in zip(
        problem.spec.errors, problem.spec.width_places(), problem.data.kinds, strict=True
    ):
        seen = problem.data.value[(names == kind.name) & problem.data.counted]
        size = float(np.median(np.abs(seen))) or 1.0 if seen.size else 1.0
        own = [0.5] if errors.is_log or errors.scatter.proportional else [0.5 * size]
        widths += (own + [0.1 * size])[: len(places)]
    return np.log(np.array(widths))


def _finished(problem: MixedProblem, found: Found, method: str, seed: int) -> xr.Dataset:
    spec, vector = problem.spec, found.vectors[0]
    patients = individuals(spec, problem.patients, vector, found.whitened[0])
    sampled = sampled_deviance(spec, problem.patients, vector, patients, seed)
    kinds = [kind.name for kind in problem.data.kinds]
    told = quantities_of(spec, vector, found.bend, problem.effects, kinds)
    ds = dataset_of(problem, found, told, patients, sampled, method, seed)
    _warn(ds)
    return ds


def _warn(ds: xr.Dataset) -> None:
    """Tell of what did not converge, and of what the data do not tell."""
    if not ds["converged"]:
        _tell(
            "The best start has not reached a maximum of the likelihood. Give more starts, first "
            "values nearer to the data (typical), or fewer random effects."
        )
    unsure = [str(name) for name in ds["quantity"].values[np.isnan(ds["standard_error"].values)]]
    if unsure:
        _tell(
            f"The data do not tell {', '.join(unsure)}: no standard error. Estimate fewer "
            "parameters, give priors, or make random effects fixed."
        )
    for name in ds["random"].values[ds["shrinkage"].values > _NOTHING_TOLD]:
        _tell(
            f"No patient's data tell its own {name}: its random effect shrinks to 0. Make {name} "
            "fixed."
        )


def _tell(text: str) -> None:
    warnings.warn(text, VcohortWarning, stacklevel=4)
