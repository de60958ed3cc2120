"""Make a virtual population show what a trial showed: location and spread of its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import xarray as xr
from numpy.typing import ArrayLike

from vcohort.analysis.calibration.dataset import describe
from vcohort.analysis.calibration.fresh import JUDGES
from vcohort.analysis.calibration.search import Task, search
from vcohort.analysis.calibration.targets import SurvivalTarget, Target
from vcohort.analysis.calibration.targets.base import check_target
from vcohort.analysis.calibration.varied import Varied, deviates_of, find_varied
from vcohort.errors import VcohortError, VcohortWarning, one_of
from vcohort.given import is_list, names_of, truth, whole
from vcohort.populations.distributions import LogNormal
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.results.trial import Trial
from vcohort.simulation.checks import require_law
from vcohort.simulation.run import Run, settle


def calibrate(
    population: Population,
    trial: Trial | Target | Sequence[Target],
    free: Sequence[str],
    *,
    correlated: Sequence[str] = (),
    days: ArrayLike | None = None,
    n: int = 4096,
    starts: int = 4,
    weights: bool = False,
    trial_size: int = 100,
    progression: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit location and spread of parameters so that a population shows what a trial showed.

    Least squares of all targets, each number in its standard errors, over a Sobol' design of
    patients on their deterministic courses: survival is the mean of exact probabilities, so nothing
    is drawn, and derivatives lead the search from several starts. Where a model has no law of
    progression (rates that depend on the tumour, several clones), each of the ``n`` patients has
    one fate instead, drawn by the method ``hybrid`` on the same random numbers all along, and
    slopes are differences between places 5 % to either side: what is found then has the Monte
    Carlo error of ``n`` patients, and takes minutes. A parameter stays of the family
    that it was given: :class:`Normal` (mean, its relative standard deviation), :class:`LogNormal`
    (median, standard deviation of the log), or one of your own that says its location and spread.
    One that was given no distribution is log-normal, a share logit-normal
    (:class:`LogitNormal`). Use the result by :func:`vcohort.calibrated`.

    :param trial: a survival curve or a trial's patients, as :class:`vcohort.SurvivalTarget` takes
        them; or a target or several: that, :class:`vcohort.QuantileTarget`,
        :class:`vcohort.ResponseTarget`, or one of your own.
    :param free: names of the parameters; location and spread of each are free.
    :param correlated: names among ``free`` whose correlations are free too; log-normal ones.
    :param days: of a curve given as such: where curves are compared.
    :param n: patients, a Sobol' design.
    :param starts: of the search; the first is the population as it is.
    :param weights: also find the patients' weights of greatest entropy that match a single curve.
    :param trial_size: patients of the virtual trials that are set beside the trial.
    :param progression: and ``regimen``, ``seed``: settings of a :class:`Run`.
    :return: ``location``, ``spread``, their first values, and the standard errors of their logs
        ``location_error``, ``spread_error`` (parameter,), NaN where the targets cannot tell all;
        with ``correlated`` ``correlation`` (parameter, other). Over ``statistic``: ``wanted``,
        ``error``, ``found_before``, ``found`` (no chance in them, where a law is known),
        ``found_fresh`` (20,000 other patients, each with one fate), ``trial_low`` and
        ``trial_high`` (5 % and 95 % of virtual trials of them) and ``residual`` (of ``found``, in
        standard errors). With one curve among
        the targets, over ``day``: ``trial``, ``before``, ``calibrated`` and ``fresh``, with
        ``weights`` ``weighted`` and ``weight`` (patient,); root-mean-square distances to the trial
        as attributes ``rms_…``. Patients that cannot be followed are left out of every mean, with a
        warning. A number that is missed by more than three of its standard errors is told of.
    :raises VcohortError: for impossible targets, unknown parameters, parameters of other
        distributions (they would be lost), and where no patient can be followed.
    """
    given = {"progression": progression, "regimen": regimen, "seed": seed}
    run = settle("calibrate", run, given, method="exact")
    starts, weights = whole("starts", starts, 1001, 1), truth("weights", weights)
    trial_size = whole("trial_size", trial_size, JUDGES // 10 + 1, 2)
    targets = _targets(trial, days)
    if weights and not (len(targets) == 1 and isinstance(targets[0], SurvivalTarget)):
        raise VcohortError(
            "weights=True matches one survival curve, and nothing else. For weights that match "
            "more use vc.select_patients."
        )
    varied = find_varied(population, free)
    if weights:
        instead = "For weights that match a simulated cohort use vc.select_patients."
        require_law("weights=True", population.model, instead)
    together = _together(varied, correlated)
    _warn_few(targets, 2 * len(varied) + len(together) * (len(together) - 1) // 2)
    cohort = population.sample(n, run.seed, design="sobol")
    deviates = deviates_of(population, varied, n, run.seed)
    task = Task(cohort, varied, deviates, targets, run, together)
    found = search(task, starts, run.seed, progress)
    return describe(population, task, found, weights, trial_size)


def _targets(trial: Any, days: ArrayLike | None) -> tuple[Target, ...]:
    """Return the targets: a trial's curve is one."""
    given = tuple(trial) if is_list(trial) else (trial,)
    if not any(isinstance(each, Target) for each in given):
        return (SurvivalTarget(trial, days),)
    for each in given:
        if not isinstance(each, Target):
            raise VcohortError(
                f"{each!r} is no target. Try vc.SurvivalTarget, vc.QuantileTarget or "
                "vc.ResponseTarget."
            )
        check_target(each)
    if days is not None:
        raise VcohortError("days are those of a curve: try vc.SurvivalTarget(trial, days).")
    labels = [label for each in given for label in each.labels]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise VcohortError(f"{twice[0]} is a target twice. Keep one.")
    return given


def _together(varied: tuple[Varied, ...], correlated: Sequence[str]) -> tuple[int, ...]:
    """Return the places of the parameters that vary together."""
    if not tuple(correlated):
        return ()
    names = [each.param.name for each in varied]
    asked = names_of("correlated", correlated, "['K_C', 'rho_C']", "parameters")
    places = tuple(names.index(one_of("parameter among free", name, names)) for name in asked)
    if len(set(places)) < 2 or len(set(places)) < len(places):
        raise VcohortError("correlated: give at least two parameters, each once.")
    for place in places:
        if not isinstance(varied[place].law, LogNormal):
            raise VcohortError(
                f"correlated: {names[place]} is {varied[place].law!r}; only log-normal parameters "
                "can be tied together."
            )
    return places


def _warn_few(targets: Sequence[Target], numbers: int) -> None:
    """Warn where fewer data than free numbers can tell them; on day 0 nobody has progressed."""
    data = sum(
        int((each.days > 0).sum()) if isinstance(each, SurvivalTarget) else each.values.size
        for each in targets
    )
    if data < numbers:
        warnings.warn(
            f"{data} numbers of the trial cannot tell {numbers} of the population (location and "
            "spread of each parameter): many others match it as well. Give more days or targets, "
            "or free fewer.",
            VcohortWarning,
            stacklevel=3,
        )
