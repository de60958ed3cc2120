"""Fit a model to measurements: many starts at once, the best of them with its errors."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from vcohort.analysis.estimation.estimation import at_bound, estimate
from vcohort.analysis.estimation.left_out import blanked
from vcohort.analysis.estimation.losses import Residuals
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.problem import Problem
from vcohort.analysis.estimation.solver import Solved
from vcohort.analysis.estimation.uncertainty import Fitted, uncertainty
from vcohort.endpoints import Outcome
from vcohort.errors import VcohortWarning
from vcohort.measurements.observables import Observable
from vcohort.models import Cells
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import TIME, provenance, recorded, states_of
from vcohort.simulation.run import Run
from vcohort.simulation.simulate import simulate

_CURVE_POINTS = 201

# What was given, and stays where a patient is lost.
DATA = ("day", "observable", "value", "weight", "below")


def fit(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    loss: str | Residuals = "log",
    limits: str = "M3",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 1000,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit the free parameters of each patient to measurements, from many starts at once.

    Each start is led down the gradient (Adam, optax) and solved by Levenberg and Marquardt's
    method with geodesic acceleration (Transtrum & Sethna 2012, arXiv:1201.5885), in logs of the
    parameters, held between their bounds by a sigmoid. All patients and starts are one batch, in
    double precision.

    An upper limit has the likelihood of a value below it, Phi((limit - prediction) / s) on the
    loss's scale (Beal 2001, J. Pharmacokinet. Pharmacodyn. 28:481, method M3), with the standard
    deviation s of its row: that given by ``error``, else one for all rows of the patient, over the
    root of the row's ``weight``, found with the parameters by maximum likelihood. Rows of the
    weight 0, and limits far above the fit, count for nothing: they change no estimate, error or
    number of data (their days may change the grid, and so the path within its ``tolerance``).

    :param data: a long table (CSV file, data frame, columns by name): ``day``, ``observable``
        (``N``, ``C``, ``B`` in cells; ``N_per_ul``, ``C_per_ul``, ``ALC`` in cells/ul; ``B_ml``;
        or a :class:`vcohort.Observable`), ``value``; if wanted ``weight`` of the squared residual,
        or ``error``, its standard deviation (loss ``"log"``: of the log); ``below`` (1: an upper
        limit); ``patient``. Or a trial of :func:`vcohort.read_trial`, whose observables are known.
    :param free: names of the parameters to fit; each patient has its own.
    :param cohort: the model and the values of what is not free, for one patient or for each of
        the data's, in the order in which these first come; by default the preset
        ``"kimmel2021-figures"``.
    :param loss: ``"log"``, ``"linear"``, ``"proportional"`` (standard deviation b f, f the
        prediction), ``"combined"`` (sqrt(a^2 + b^2 f^2)), ``"student_t"`` (robust: residuals of
        logs with Student's t, 4 degrees of freedom), ``"kimmel2021"`` (the paper's weights and
        penalty; its largest value of each observable is one that was observed), or a function of
        (predicted (row,), measured, values) that returns residuals (row,).
    :param limits: what upper limits are worth: ``"M3"``, their likelihood, or ``"M1"``, nothing:
        their rows are left out.
    :param bounds: lowest and highest value by name; by default the parameter's usual range.
    :param starts: starts for each patient, a Latin hypercube in logs within the bounds.
    :param regimen: and ``seed``, ``tolerance`` (by default 1e-4): settings of a :class:`Run`. By
        default a trial's patients have its doses.
    :param observables: what names in the column ``observable`` may mean beside the known ones.
    :return: over ``patient``: ``estimate``, ``standard_error`` (NaN, with a warning, where the data
        tell none), ``at_bound`` (…, parameter), ``correlation`` (…, parameter, other), ``loss``,
        ``start_estimate``, ``start_loss``, ``converged`` (…, start; the best first), ``N``, ``C``,
        ``B`` (…, time) in cells, ``curve`` (…, kind, time), the fitted course of each observable,
        and the data with ``predicted``, ``residual`` and ``information`` (…, observation), how much
        of an observed datum each row is, from 0 to 1. The loss is the sum of squared residuals S;
        with limits and known errors S - 2 sum ln Phi; with limits and errors that are not known,
        and with the losses that are not normal residuals of one width, the S that what was observed
        would have alone, normal and of one width, at the same greatest likelihood.
        A patient who cannot be fitted (limits alone, fewer rows that tell anything than free
        parameters, equations that cannot be followed) is told of by a warning, and missing: its
        numbers are NaN, its data are there.
    :raises VcohortError: for bad data (empty, not a number, an unknown observable), unknown
        parameters, impossible bounds, and where no patient can be fitted.
    """
    run = settle_fit("fit", data, run, regimen=regimen, seed=seed, tolerance=tolerance)
    problem = make_problem(data, free, cohort, loss, bounds, run, observables, limits)
    problem, solved, lost = estimate(problem, starts, run.seed, progress)
    fitted = uncertainty(problem, solved.logs[:, 0], lost)
    return _dataset(problem, solved, fitted, run.seed)


def _dataset(problem: Problem, solved: Solved, fitted: Fitted, seed: int) -> xr.Dataset:
    names, data = problem.spec.names, problem.data
    best = solved.logs[:, 0]
    values = problem.values_at(best)
    _tell_unsure(problem, fitted)
    about = {"units": "as the parameter"}
    variables: dict[str, Any] = {
        "estimate": (("patient", "parameter"), values, about | {"long_name": "best value"}),
        "standard_error": (
            ("patient", "parameter"), values * fitted.log_error,
            about | {"long_name": "standard error of the best value"},
        ),
        "at_bound": (
            ("patient", "parameter"), at_bound(problem, best),
            {"units": "1", "long_name": "whether the best value lies on a bound"},
        ),
        "correlation": (
            ("patient", "parameter", "other"), fitted.correlation,
            {"units": "1", "long_name": "correlation of the estimates' logs"},
        ),
        "loss": (
            "patient", solved.loss[:, 0], {"units": "1", "long_name": "sum of squared residuals"},
        ),
        "data_loss": (
            "patient", fitted.loss,
            {"units": "1", "long_name": "the same, of the data alone, without a penalty"},
        ),
        "start_estimate": (
            ("patient", "start", "parameter"), problem.values_at(solved.logs),
            about | {"long_name": "where each start ended"},
        ),
        "start_loss": (
            ("patient", "start"), solved.loss, {"units": "1", "long_name": "loss of each start"},
        ),
        "converged": (
            ("patient", "start"), solved.converged,
            {"units": "1", "long_name": "whether the start reached a minimum"},
        ),
        "lower": ("parameter", problem.limits[:, 0], about | {"long_name": "lower bound"}),
        "upper": ("parameter", problem.limits[:, 1], about | {"long_name": "upper bound"}),
    }  # fmt: skip
    variables |= _rows(problem, fitted)
    days, states = fitted_states(problem, values, ~fitted.lost)
    about_states = states_of(problem.cohort.model)
    variables |= {
        name: (("patient", "time"), found, about_states[name]) for name, found in states.items()
    }
    variables["curve"] = (
        ("patient", "kind", "time"), observed_curves(problem, states),
        {"units": "as the observable", "long_name": "fitted course of each observable"},
    )  # fmt: skip
    model = problem.spec.model
    units = [model.param(name).unit for name in names]
    coords = {
        "patient": ("patient", list(data.patients), {"long_name": "patient", "units": "1"}),
        "parameter": list(names),
        "other": list(names),
        "unit": ("parameter", units, {"long_name": "unit of the parameter"}),
        "time": ("time", days, TIME),
        "kind": (
            "kind", [kind.name for kind in data.kinds], {"units": "1", "long_name": "observable"},
        ),
        "kind_unit": (
            "kind", [kind.unit for kind in data.kinds],
            {"units": "1", "long_name": "unit of the observable"},
        ),
        "kind_name": (
            "kind", [kind.description for kind in data.kinds],
            {"units": "1", "long_name": "what the observable measures"},
        ),
    }  # fmt: skip
    attributes = {
        "model": model.name, **dict(problem.cohort.origin), "loss": problem.spec.loss.name,
        "seed": str(seed), "errors_known": int(data.errors_known),
        "scales": problem.spec.loss.scatter.scales,
        **recorded(regimen=problem.run.regimen),
        "tolerance": problem.run.tolerance, "error_estimate": problem.error,
        **provenance("fit"),
    }  # fmt: skip
    return blanked(xr.Dataset(variables, coords, attributes), fitted.lost, DATA)


def _tell_unsure(problem: Problem, fitted: Fitted) -> None:
    """Warn of patients whose data do not tell how sure their estimates are."""
    unsure = ~np.isfinite(fitted.log_error).all(axis=1) & ~fitted.lost
    for label, is_unsure in zip(problem.data.patients, unsure, strict=True):
        if is_unsure:
            warnings.warn(
                f"Patient {label!r} has no standard errors: the data do not determine all free "
                "parameters, or leave nothing to tell the size of their own errors from. Free "
                "fewer parameters, or give more data or the column 'error'.",
                VcohortWarning,
                stacklevel=4,
            )


def _rows(problem: Problem, fitted: Fitted) -> dict[str, Any]:
    """Return the data beside what is predicted, (patient, observation), NaN where there is none."""
    data = problem.data
    rows, is_own = data.by_patient()

    def filled(values: np.ndarray) -> np.ndarray:
        return np.where(is_own, values, np.nan)

    def flags(values: np.ndarray) -> np.ndarray:
        return is_own & values[rows]

    where = ("patient", "observation")
    unit, share = {"units": "as the observable"}, {"units": "1"}
    return {
        "day": (where, filled(data.day[rows]), TIME),
        "observable": (
            where, np.where(is_own, np.array(data.observable)[rows], ""),
            share | {"long_name": "what was measured"},
        ),
        "value": (where, filled(data.value[rows]), unit | {"long_name": "measured"}),
        "weight": (
            where, filled(data.weight[rows]), share | {"long_name": "weight of the square"},
        ),
        "below": (
            where, flags(data.below), share | {"long_name": "whether the value is an upper limit"},
        ),
        "predicted": (where, filled(fitted.predicted), unit | {"long_name": "fitted"}),
        "residual": (where, filled(fitted.residual), share | {"long_name": "weighted residual"}),
        "information": (
            where, filled(fitted.share), share | {"long_name": "share of an observed datum"},
        ),
    }  # fmt: skip


def fitted_states(
    problem: Problem, best: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return days, and the fitted paths (patient, time) in cells, NaN of those who are not kept."""
    days = np.linspace(0.0, problem.run.horizon, _CURVE_POINTS)
    cohort = problem.cohort.replace(**dict(zip(problem.spec.names, best.T, strict=True)))
    regimen = problem.run.regimen.select(kept)
    ds = simulate(
        cohort.select(kept), "deterministic", problem.run.horizon, save_at=tuple(days),
        regimen=regimen, tolerance=1e-3, dtype="float64", endpoints=[Outcome()],
        progress=False,
    )  # fmt: skip
    states = {name: np.full((len(kept), len(days)), np.nan) for name in cohort.model.species.names}
    for name, found in states.items():
        found[kept] = ds[name].values
    return days, states


def observed_curves(problem: Problem, states: dict[str, np.ndarray]) -> np.ndarray:
    """Return the course (patient, kind, time) of each observable, in its unit."""
    with jax.enable_x64(True):
        cells = Cells.counted(problem.cohort.model.species, states)
        logs = [kind.log_measured(cells) for kind in problem.data.kinds]
        return np.stack([np.exp(each) for each in logs], axis=1)
