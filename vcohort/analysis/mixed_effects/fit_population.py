"""Fit a population to a trial's patients: nonlinear mixed effects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from vcohort.analysis.estimation.make_problem import settle_fit
from vcohort.analysis.mixed_effects.dataset import dataset_of
from vcohort.analysis.mixed_effects.found import Found
from vcohort.analysis.mixed_effects.individuals import individuals, sampled_deviance
from vcohort.analysis.mixed_effects.methods import LAPLACE_REPORTS, METHODS, SAEM_REPORTS
from vcohort.analysis.mixed_effects.nuts import CHAINS, DRAWS
from vcohort.analysis.mixed_effects.problem import Asked, MixedProblem, pose
from vcohort.analysis.mixed_effects.quantities import quantities_of, quantities_of_draws
from vcohort.analysis.mixed_effects.starts import first_vectors
from vcohort.errors import VcohortWarning, one_of
from vcohort.given import whole
from vcohort.measurements.observables import Observable
from vcohort.populations.cohort import Cohort
from vcohort.populations.distributions import Distribution
from vcohort.progress import told_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run

# How many starts there are, and steps of which the work is told.
_STARTS = {"laplace": 20, "saem": 4, "nuts": 20}
_STEPS = {"laplace": LAPLACE_REPORTS, "saem": SAEM_REPORTS, "nuts": LAPLACE_REPORTS + 1}

# The usual mark above which chains have not mixed (Vehtari et al. 2021, Bayesian Anal. 16:667).
_LARGEST_R_HAT = 1.01

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
    starts: int | None = None,
    cohort: Cohort | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    events: bool = False,
    noise: float = 0.05,
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
    :param scales: ``"log"``, ``"logit"`` or ``"linear"`` by name; by default log, and logit of
        the model's shares.
    :param covariance: of the random effects: ``"diagonal"``, ``"full"``, or blocks of names.
    :param covariates: names of the trial's covariates by the name of a parameter: powers of
        numbers, (x / median)^slope, steps from the most common of groups.
    :param errors: of all observables, or by name: ``"log"``, ``"linear"``, ``"proportional"``,
        ``"combined"``, ``"student_t"``; see :func:`vcohort.fit`, as ``limits``.
    :param priors: of typical values, by name: normal on the parameter's scale (:class:`LogNormal`,
        on a logit scale :class:`LogitNormal`, on a linear one :class:`Normal`).
    :param method: ``"laplace"``: Laplace's approximation at each patient's likeliest random
        effects, with interaction (FOCEI; Wang 2007, J. Pharmacokinet. Pharmacodyn. 34:575);
        ``"saem"``: stochastic approximation (Kuhn & Lavielle 2005, Comput. Stat. Data Anal.
        49:1020), for courses with kinks and far starts; -2 ln L is then the sampled one;
        ``"nuts"``: the posterior by NumPyro, from Laplace's maximum on (the extra ``bayes``), 4
        chains of 500 draws after 500. Without ``priors`` typical values are normal about the
        first ones with a standard deviation of 3 on their scales; slopes are standard normal,
        spreads half-normal of 1, log widths of errors normal with 2. Estimates are then means,
        errors standard deviations, intervals quantiles; ``r_hat`` and ``ess`` (quantity,), and
        how many draws were ``diverging``.
    :param starts: of the search, a Latin hypercube about the first values; by default 20, of
        ``"saem"`` 4.
    :param cohort: the model, and the values of what is not estimated, for one patient or each.
    :param regimen: by default the trial's; and ``seed``, ``tolerance`` (by default 1e-4): settings
        of a :class:`Run`.
    :param observables: what names in the column ``observable`` may mean beside the known ones.
    :param events: whether the trial's progressions enter the likelihood, by each patient's exact
        probability (:func:`vcohort.progression_free_probability`): seen between two visits, on a
        day (to half a day), or not until the last one; patients who were watched late (left
        truncation) count from then on. No random number is drawn.
    :param noise: with them: standard deviation of the error of ln(tumour) by which progression is
        judged. Without any, a progression would be a step, whose derivative tells nothing.
    :return: over ``quantity`` (typical values, covariate slopes, spreads and correlations of
        random effects, errors): ``estimate``, ``standard_error``, ``relative_standard_error``,
        95 % intervals ``lower``, ``upper``, and ``covariance``; ``random_effect`` with
        ``random_effect_error`` (patient, random) and ``individual`` parameters (patient,
        parameter); ``shrinkage``, ``residual_shrinkage``; the data with ``predicted`` of the
        typical patient and ``individual_predicted`` (patient, observation); ``deviance`` (-2 ln L),
        ``deviance_sampled`` with its error, ``aic``, ``bic`` (BICc), ``converged``,
        ``condition_number``, ``start_deviance``, and the ``trace`` (start, turn,
        quantity) of estimates.
    :raises VcohortError: for bad data, unknown names, one patient, covariates that say nothing, and
        where no start can be followed.
    """
    one_of("method", method, METHODS)
    run = settle_fit("fit_population", trial, run, regimen=regimen, seed=seed, tolerance=tolerance)
    asked = Asked(random, fixed, predict, typical, scales, covariance, covariates, errors, limits,
                  priors, cohort, run, observables, events, noise)  # fmt: skip
    problem = pose(trial, asked)
    starts = _STARTS[method] if starts is None else whole("starts", starts, least=1)
    with (
        told_bar("population", _STEPS[method], progress) as told,
        jax.enable_x64(True),
    ):
        problem, found = METHODS[method](
            problem, first_vectors(problem, starts, run.seed), run.seed, told
        )
    return _finished(problem, found, method, run.seed)


def _finished(problem: MixedProblem, found: Found, method: str, seed: int) -> xr.Dataset:
    spec, vector = problem.spec, found.vectors[0]
    patients = individuals(spec, problem.patients, vector, found.whitened[0])
    sampled = sampled_deviance(spec, problem.patients, vector, patients, seed)
    kinds = [kind.name for kind in problem.data.kinds]
    if found.draws is None:
        told = quantities_of(spec, vector, found.bend, problem.effects, kinds)
    else:
        told = quantities_of_draws(spec, found.draws, problem.effects, kinds)
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
    if "r_hat" in ds and not float(ds["r_hat"].max()) <= _LARGEST_R_HAT:
        _tell(
            f"The chains have not mixed: R-hat is up to {float(ds['r_hat'].max()):.3f}. Estimate "
            "fewer parameters, or give priors."
        )
    if "diverging" in ds and int(ds["diverging"]):
        _tell(
            f"The sampler diverged at {int(ds['diverging'])} of {CHAINS * DRAWS} draws: there the "
            "posterior is too bent for it, and the other draws may miss that part. Estimate fewer "
            "parameters, or give priors."
        )
    for name in ds["random"].values[ds["shrinkage"].values > _NOTHING_TOLD]:
        _tell(
            f"No patient's data tell its own {name}: its random effect shrinks to 0. Make {name} "
            "fixed."
        )


def _tell(text: str) -> None:
    warnings.warn(text, VcohortWarning, stacklevel=4)
