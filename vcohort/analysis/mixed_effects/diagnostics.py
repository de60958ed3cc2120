"""How well a fitted population describes the trial that it was fitted to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from vcohort.analysis.estimation.make_problem import settle_fit
from vcohort.analysis.mixed_effects.individuals import individuals
from vcohort.analysis.mixed_effects.modes import with_slopes
from vcohort.analysis.mixed_effects.predictive_check import QUANTILES, bins_of, check
from vcohort.analysis.mixed_effects.problem import Asked, MixedProblem, pose
from vcohort.analysis.mixed_effects.replicates import limits_of, replicates_of
from vcohort.analysis.mixed_effects.residuals import conditional_residuals, prediction_errors
from vcohort.analysis.mixed_effects.spec import MixedSpec, Patient
from vcohort.analysis.mixed_effects.survival_check import survival_check
from vcohort.errors import VcohortError
from vcohort.given import whole
from vcohort.measurements.observables import Observable
from vcohort.populations.cohort import Cohort
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.results.needed import need
from vcohort.simulation.dataset import TIME, provenance
from vcohort.trials.trial_data import TrialData

_CORRECTIONS = ("none", "prediction")

# Predictions of one model on two grids of time differ by less, in parts of their size.
_SAME = 0.02


def diagnostics(
    fit: xr.Dataset,
    trial: Any,
    *,
    predict: Callable[..., Any] | None = None,
    cohort: Cohort | None = None,
    regimen: Regimen | None = None,
    observables: Iterable[Observable] = (),
    replicates: int = 500,
    seed: int = 0,
) -> xr.Dataset:
    """Set a trial beside what :func:`vcohort.fit_population` made of it, in one tidy dataset.

    :param fit: of :func:`vcohort.fit_population`, or loaded from its file.
    :param trial: the one that was fitted, and ``predict``, ``cohort``, ``regimen``,
        ``observables`` as they were given to the fit; by default all patients have the medians of
        the cohort in what is not estimated.
    :param replicates: trials that are drawn from the population.
    :return: the data and predictions of the fit (patient, observation) with ``cwres``, conditional
        weighted residuals (Hooker, Staatz & Karlsson 2007), ``npde``, normalised prediction
        distribution errors (Brendel et al. 2006; values below the limit are drawn from what the
        population has there, Nguyen, Comets & Mentré 2012), and ``corrected``, values corrected by
        their predictions (Bergstrand et al. 2011, AAPS J. 13:143); over (correction, kind,
        quantile, bin): ``seen`` quantiles, beside ``low``, ``middle`` and ``high`` of those of
        replicates (their 5, 50 and 95 %), and ``below_share`` with ``below_low`` and ``below_high``
        (kind, bin), the share below the limit. Quantiles below the limit are NaN. Of the model, and
        a trial with a survival table, ``survival`` by Kaplan and Meier (survival_day,), with
        ``survival_low``, ``survival_middle`` and ``survival_high`` of replicates of the same
        patients, doses and follow-up: the days on which they progress, where a trial knows those
        of visits alone, which come later.
    :raises VcohortError: for another trial or model than that of the fit, and too few replicates.
    """
    need(fit, "vc.fit_population", {"vector": ("number",)})
    replicates = whole("replicates", replicates, least=20)
    problem = _posed(fit, trial, predict, cohort, regimen, observables)
    vector = fit["vector"].values
    shape = (len(problem.data.patients), len(problem.spec.layout.random))
    patients = individuals(problem.spec, problem.patients, vector, np.zeros(shape))
    _refuse_other_predictions(fit, problem, patients.population)
    _refuse_few(replicates, problem)
    drawn = replicates_of(problem.spec, problem.patients, vector, replicates, seed)
    rows = problem.patients.rows
    value, seen, limit = np.asarray(rows.value), np.asarray(rows.observed), limits_of(rows)
    with jax.enable_x64(True):
        slopes, width, covariance = (
            np.asarray(part)
            for part in _linear(
                problem.spec, problem.patients, jnp.asarray(vector), jnp.asarray(patients.place)
            )
        )
    count = value.shape[1]
    cwres = conditional_residuals(
        value, patients.individual[:, :count], slopes, patients.random, covariance, width, seen
    )
    where = ("patient", "observation")
    kept = fit[["day", "observable", "value", "below", "weight", "predicted",
                "individual_predicted", "residual"]]  # fmt: skip
    checks = _checks(problem, kept, drawn, limit)
    ds = kept.assign(
        cwres=(where, cwres, {"units": "1", "long_name": "conditional weighted residual"}),
        npde=(
            where,
            prediction_errors(
                np.where(rows.limit, -np.inf, value), drawn, np.asarray(rows.present), limit, seed
            ),
            {"units": "1", "long_name": "normalised prediction distribution error"},
        ),
        **checks,
        **_of_survival(problem, trial, vector, replicates, seed),
    )  # fmt: skip
    of_fit: dict[str, Any] = {name: fit[name] for name in ("kind_unit", "kind_name", "errors")}
    ds = ds.assign_coords(
        quantile=list(QUANTILES), correction=list(_CORRECTIONS), **of_fit
    ).drop_vars(["other", "random", "parameter"], errors="ignore")  # fmt: skip
    ds.attrs = {
        "model": fit.attrs["model"], "replicates": replicates, "seed": str(seed),
        **provenance("diagnostics"),
    }  # fmt: skip
    return ds


def _posed(
    fit: xr.Dataset,
    trial: Any,
    predict: Callable[..., Any] | None,
    cohort: Cohort | None,
    regimen: Regimen | None,
    observables: Iterable[Observable],
) -> MixedProblem:
    """Return the problem of the fit anew."""
    if predict is None and "population_record" not in fit.attrs:
        raise VcohortError(
            "This fit is of a function of your own: give it again, predict=..., as to the fit."
        )
    if predict is None and cohort is None:
        cohort = Population.from_record(fit.attrs["population_record"]).sample(1)
    tolerance = float(fit.attrs.get("tolerance", 1e-4))
    run = settle_fit("diagnostics", trial, None, regimen=regimen, seed=None, tolerance=tolerance)
    asked = json.loads(fit.attrs["asked"])
    problem = pose(
        trial,
        Asked(predict=predict, cohort=cohort, limits="M3", priors=None, run=run,
              observables=observables, **asked),
    )  # fmt: skip
    _refuse_other_data(fit, problem)
    if predict is None:
        with jax.enable_x64(True):
            shape = (len(problem.data.patients), len(problem.spec.layout.random))
            found = individuals(
                problem.spec, problem.patients, fit["vector"].values, np.zeros(shape)
            )  # fmt: skip
        problem = problem.on_a_grid_for(found.place)
    return problem


def _refuse_other_data(fit: xr.Dataset, problem: MixedProblem) -> None:
    """Refuse another trial than that of the fit."""
    data = problem.data
    if list(data.patients) != [str(label) for label in fit["patient"].values]:
        raise VcohortError(
            "The trial has other patients than the fit, or in another order: give the one that was "
            "fitted."
        )
    rows, is_own = data.by_patient()
    for name, column in (("day", data.day), ("value", data.value), ("below", data.below)):
        seen = fit[name].transpose("patient", "observation").values
        if seen.shape != rows.shape or not np.array_equal(
            seen[is_own], column[rows][is_own], equal_nan=True
        ):
            raise VcohortError(
                f"The trial has other measurements than the fit, in {name}: give the one that was "
                "fitted."
            )


def _refuse_other_predictions(
    fit: xr.Dataset, problem: MixedProblem, population: np.ndarray
) -> None:
    """Refuse what is not predicted as it was in the fit: the numbers would be of another model."""
    rows = problem.patients.rows
    is_log = np.array([each.is_log for each in problem.spec.errors])[np.asarray(rows.kind)]
    own = population[:, : is_log.shape[1]]
    own = np.where(is_log, np.exp(np.where(is_log, own, 0.0)), own)
    before = fit["predicted"].transpose("patient", "observation").values
    seen = np.asarray(rows.observed)
    if not np.allclose(own[seen], before[seen], rtol=_SAME):
        raise VcohortError(
            "The typical patient is predicted otherwise than in the fit: give predict, cohort and "
            "regimen as they were given to vc.fit_population."
        )


def _refuse_few(replicates: int, problem: MixedProblem) -> None:
    """Refuse fewer replicates than tell how a patient's measurements go together."""
    most = int(np.asarray(problem.patients.rows.present).sum(axis=1).max())
    if replicates < 2 * most:
        raise VcohortError(
            f"replicates = {replicates} are too few: a patient has {most} measurements, and how "
            f"they go together takes {2 * most} at least. The default is 500."
        )


@partial(jax.jit, static_argnames=("spec",))
def _linear(
    spec: MixedSpec, patients: Patient, vector: jax.Array, place: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return slopes (patient, row, random), standard deviations of the errors (patient, row), and
    the effects' covariance.
    """  # noqa: D205 - one sentence
    effects = spec.layout.effects_of(vector)
    deviation = jnp.array([each.scatter.tails.deviation for each in spec.errors])
    count = patients.rows.value.shape[1]

    def one(patient: Patient, place: jax.Array) -> tuple[jax.Array, jax.Array]:
        predicted, slopes = with_slopes(partial(spec.predict, patient), place)
        width = spec.width(effects, patient, predicted[:count]) * deviation[patient.rows.kind]
        return slopes[:count][:, jnp.array(spec.layout.random, int)], width

    slopes, width = jax.vmap(one)(patients, place)
    return slopes, width, effects.root @ effects.root.T


def _checks(
    problem: MixedProblem, kept: xr.Dataset, drawn: np.ndarray, limit: np.ndarray
) -> dict[str, Any]:
    """Return the checks of all observables, and the corrected values."""
    value = kept["value"].transpose("patient", "observation").values
    below = kept["below"].transpose("patient", "observation").values.astype(bool)
    day, predicted = kept["day"].values, kept["predicted"].values
    names, counted = kept["observable"].values, np.asarray(problem.patients.rows.present)
    corrected = np.full(value.shape, np.nan)
    found = []
    for kind, errors in zip(problem.data.kinds, problem.spec.errors, strict=True):
        rows = counted & (names == kind.name)
        own = np.exp(drawn[:, rows]) if errors.is_log else drawn[:, rows]
        is_below = drawn[:, rows] < limit[rows]
        factor = _correction(day[rows], predicted[rows])
        corrected[rows] = value[rows] * factor
        found.append([
            check(day[rows], value[rows] * each, below[rows], own * each, is_below)
            for each in (np.ones(rows.sum()), factor)
        ])  # fmt: skip
    most = max(len(each[0].day) for each in found)

    def filled(part: Callable[[Any], np.ndarray]) -> np.ndarray:
        """Return (correction, kind, …, bin) of all checks."""
        parts = [[part(each) for each in pair] for pair in found]
        widest = [[np.pad(each, [(0, 0)] * (each.ndim - 1) + [(0, most - each.shape[-1])],
                          constant_values=np.nan) for each in pair] for pair in parts]  # fmt: skip
        return np.swapaxes(np.array(widest), 0, 1)

    over, by_bin = ("correction", "kind", "quantile", "bin"), ("kind", "bin")
    unit = {"units": "as the observable"}
    drawn_at = {name: filled(lambda each, at=at: each.drawn[at])
                for at, name in enumerate(("low", "middle", "high"))}  # fmt: skip
    shares = {name: filled(lambda each, at=at: each.below[at])[0]
              for at, name in enumerate(("below_share", "below_low", "below_high"))}  # fmt: skip
    return {
        "corrected": (
            ("patient", "observation"), corrected, unit | {"long_name": "prediction-corrected"},
        ),
        "bin_day": (by_bin, filled(lambda each: each.day)[0], {"units": "d", "long_name": "day"}),
        "bin_count": (
            by_bin, filled(lambda each: 1.0 * each.number)[0], {"units": "1", "long_name": "data"},
        ),
        "seen": (over, filled(lambda each: each.seen), unit | {"long_name": "quantile seen"}),
        **{name: (over, each, unit | {"long_name": f"{name} of replicates' quantiles"})
           for name, each in drawn_at.items()},
        **{name: (by_bin, each, {"units": "1", "long_name": f"{name.replace('_', ' ')}"})
           for name, each in shares.items()},
    }  # fmt: skip


def _of_survival(
    problem: MixedProblem, trial: Any, vector: np.ndarray, replicates: int, seed: int
) -> dict[str, Any]:
    """Return the check of the trial's survival, where it has a survival table and a model."""
    found = None
    if isinstance(trial, TrialData):
        found = survival_check(problem, trial, vector, replicates, seed)
    if found is None:
        return {}
    over, about = "survival_day", {"units": "1"}
    drawn = zip(("low", "middle", "high"), found.drawn, strict=True)
    return {
        over: (over, found.day, TIME),
        "survival": (over, found.seen, about | {"long_name": "progression-free survival seen"}),
        **{f"survival_{name}": (over, each, about | {"long_name": f"{name} of replicates"})
           for name, each in drawn},
    }  # fmt: skip


def _correction(day: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the median prediction of the bin over the prediction, (row,)."""
    place = bins_of(day)
    middle = np.array([np.median(predicted[place == each]) for each in range(place.max() + 1)])
    return middle[place] / predicted
