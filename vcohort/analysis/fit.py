"""Fit a model to measurements: many starts at once, the best of them with its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.estimation import Fitted, estimate, judge, pose
from vcohort.analysis.losses import Residuals
from vcohort.analysis.problem import Problem
from vcohort.analysis.solver import Solved
from vcohort.cohort import Cohort
from vcohort.dataset import provenance
from vcohort.endpoints import Outcome
from vcohort.regimen import Regimen
from vcohort.schema import STATES, TIME
from vcohort.simulate import simulate

_CURVE_POINTS = 201


def fit(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    loss: str | Residuals = "log",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 1000,
    seed: int = 0,
    regimen: Regimen | None = None,
    tolerance: float = 1e-4,
    progress: bool | None = None,
) -> xr.Dataset:
    """Fit the free parameters of each patient to measurements, from many starts at once.

    Each start is led down the gradient (Adam, optax) and solved by Levenberg and Marquardt's
    method (optimistix), in logs of the parameters, held between their bounds by a sigmoid. All
    patients and starts are one batch, in double precision.

    :param data: a long table (CSV file, data frame, columns by name): ``day``, ``observable``
        (``N``, ``C``, ``B`` in cells; ``N_per_ul``, ``C_per_ul``, ``ALC`` in cells/ul; ``B_ml``),
        ``value``; if wanted ``weight`` of the squared residual, or ``error``, its standard
        deviation (loss ``"log"``: of the log); ``below`` (1: an upper limit); ``patient``.
    :param free: names of the parameters to fit; each patient has its own.
    :param cohort: the model and the values of what is not free, for one patient or for each of
        the data's; by default the preset ``"kimmel2021-figures"``.
    :param loss: ``"log"``, ``"linear"``, ``"kimmel2021"`` (the paper's weights and penalty), or a
        function of (predicted (row,), measured, values) that returns residuals (row,).
    :param bounds: lowest and highest value by name; by default the parameter's usual range.
    :param starts: starts for each patient, a Latin hypercube in logs within the bounds.
    :param regimen: treatments beside the first infusion.
    :param tolerance: largest error of the logs of the path.
    :return: over ``patient``: ``estimate``, ``standard_error``, ``at_bound`` (…, parameter),
        ``correlation`` (…, parameter, other), ``loss``, ``start_estimate``, ``start_loss``,
        ``converged`` (…, start; the best first), ``N``, ``C``, ``B`` (…, time) in cells, and the
        data with ``predicted`` and ``residual`` (…, observation).
    :raises VcohortError: for bad data (empty, not a number, an unknown observable, fewer than
        free parameters), unknown parameters, impossible bounds.
    """
    problem = pose(data, free, cohort, loss, bounds, regimen, tolerance)
    return _dataset(*estimate(problem, starts, seed, progress), seed)


def _dataset(problem: Problem, solved: Solved, seed: int) -> xr.Dataset:
    names, data = problem.question.names, problem.data
    best = solved.logs[:, 0]
    fitted, values = judge(problem, best), np.exp(best)
    low, high = (np.asarray(side) for side in problem.bounds)
    near = np.minimum(best - low, high - best) < 1e-3 * (high - low)
    about = {"units": "as the parameter"}
    variables: dict[str, Any] = {
        "estimate": (("patient", "parameter"), values, about | {"long_name": "best value"}),
        "standard_error": (
            ("patient", "parameter"), values * fitted.log_error,
            about | {"long_name": "standard error of the best value"},
        ),
        "at_bound": (
            ("patient", "parameter"), near,
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
            "patient", (fitted.residual**2).sum(axis=1),
            {"units": "1", "long_name": "the same, of the data alone, without a penalty"},
        ),
        "start_estimate": (
            ("patient", "start", "parameter"), np.exp(solved.logs),
            about | {"long_name": "where each start ended"},
        ),
        "start_loss": (
            ("patient", "start"), solved.loss, {"units": "1", "long_name": "loss of each start"},
        ),
        "converged": (
            ("patient", "start"), solved.converged,
            {"units": "1", "long_name": "whether the start reached a minimum"},
        ),
        "lower": ("parameter", np.exp(low), about | {"long_name": "lower bound"}),
        "upper": ("parameter", np.exp(high), about | {"long_name": "upper bound"}),
    }  # fmt: skip
    variables |= _rows(problem, fitted)
    days, curves = _curves(problem, values)
    for name, values in curves.items():
        variables[name] = (("patient", "time"), values, STATES[name])
    model = problem.question.model
    units = [model.param(name).unit for name in names]
    coords = {
        "patient": ("patient", list(data.patients), {"long_name": "patient", "units": "1"}),
        "parameter": list(names),
        "other": list(names),
        "unit": ("parameter", units, {"long_name": "unit of the parameter"}),
        "time": ("time", days, TIME),
    }
    attributes = {
        "model": model.name, **dict(problem.cohort.origin), "loss": problem.question.loss.name,
        "seed": str(seed), "errors_known": int(data.errors_known),
        "regimen": repr(problem.run.regimen),
        "regimen_record": json.dumps(problem.run.regimen.to_record()),
        "tolerance": problem.run.tolerance, "error_estimate": problem.error,
        **provenance("fit"),
    }  # fmt: skip
    return xr.Dataset(variables, coords, attributes)


def _rows(problem: Problem, fitted: Fitted) -> dict[str, Any]:
    """Return the data beside what is predicted, (patient, observation), NaN where there is none."""
    data, measured = problem.data, problem.subjects.measured
    present = np.asarray(measured.present)
    place = np.nonzero(present)
    kinds = np.full(present.shape, "", dtype=object)
    days = np.full(present.shape, np.nan)
    kinds[place], days[place] = data.observable, data.day

    def filled(values: Any) -> np.ndarray:
        return np.where(present, np.asarray(values), np.nan)

    where = ("patient", "observation")
    unit = {"units": "as the observable"}
    return {
        "day": (where, days, TIME),
        "observable": (where, kinds.astype(str), {"units": "1", "long_name": "what was measured"}),
        "value": (where, filled(measured.value), unit | {"long_name": "measured"}),
        "predicted": (where, filled(fitted.predicted), unit | {"long_name": "fitted"}),
        "residual": (
            where, filled(fitted.residual), {"units": "1", "long_name": "weighted residual"},
        ),
    }  # fmt: skip


def _curves(problem: Problem, best: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return days, and the fitted paths (patient, time) in cells."""
    days = np.linspace(0.0, problem.run.horizon, _CURVE_POINTS)
    cohort = problem.cohort.replace(**dict(zip(problem.question.names, best.T, strict=True)))
    ds = simulate(
        cohort, "deterministic", problem.run.horizon, save_at=tuple(days),
        regimen=problem.run.regimen, tolerance=1e-3, dtype="float64", endpoints=[Outcome()],
        progress=False,
    )  # fmt: skip
    return days, {name: ds[name].values for name in STATES}
