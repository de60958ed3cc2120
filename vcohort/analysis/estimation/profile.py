"""Profile likelihoods: how far each parameter can go while the others make up for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import chi2

from vcohort.analysis.estimation.estimation import estimate
from vcohort.analysis.estimation.left_out import blanked, leave_out
from vcohort.analysis.estimation.losses import Residuals
from vcohort.analysis.estimation.make_problem import make_problem, settle_fit
from vcohort.analysis.estimation.problem import Problem, observed_and_limits
from vcohort.analysis.estimation.solver import Candidates, polish
from vcohort.analysis.estimation.uncertainty import (
    Fitted,
    relative_misses,
    uncertainty,
    without_errors,
)
from vcohort.errors import VcohortError
from vcohort.given import names_of, number, whole
from vcohort.measurements.observables import Observable
from vcohort.populations.cohort import Cohort
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import provenance
from vcohort.simulation.run import Run

# The first look goes this many standard errors to each side.
_REACH = 5.0


class _Grid(NamedTuple):
    """Points of each parameter's profile: logs (patient, parameter, point), and what is found.

    ``logs``: of all parameters (patient, parameter, point, parameter).
    """

    at: np.ndarray
    logs: np.ndarray
    loss: np.ndarray


def profile_likelihood(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None = None,
    *,
    parameters: Sequence[str] | None = None,
    points: int = 24,
    confidence: float = 0.95,
    loss: str | Residuals = "log",
    limits: str = "M3",
    bounds: Mapping[str, tuple[float, float]] | None = None,
    starts: int = 200,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    observables: Iterable[Observable] = (),
    progress: bool | None = None,
) -> xr.Dataset:
    """Return the profile likelihood of each parameter, and its confidence interval.

    The parameter is held at each of its points while the others are fitted anew; all points of
    all parameters are one batch (Raue et al. 2009, Bioinformatics 25:1923). The deviance is
    S - S_min where the data give their errors, else n ln(S / S_min), S the loss and n the number
    of data that were observed (upper limits are in S, see :func:`vcohort.fit`); the interval is
    where it is below the quantile of chi-square with one degree of freedom.

    :param parameters: of those that are free; by default all.
    :param points: of each profile.
    :param confidence: level of the intervals.
    :param data, free, cohort, loss, limits, bounds, starts, seed, regimen, tolerance, observables:
        as for :func:`vcohort.fit`.
    :return: over (patient, parameter): ``estimate``, ``lower``, ``upper`` (NaN where the interval
        is open: the bound is reached first, or a point that cannot be followed), and over the
        points ``value``, ``deviance`` and ``others`` (…, other), the values of all parameters.
    :raises VcohortError: as for :func:`vcohort.fit`, for parameters that are not free, and for data
        whose errors are not known and that the model meets exactly.
    """
    confidence, points = number("confidence", confidence), whole("points", points, least=4)
    if not 0 < confidence < 1:
        raise VcohortError(f"confidence = {confidence:g} is impossible: it must be in (0, 1).")
    given = {"regimen": regimen, "seed": seed, "tolerance": tolerance}
    run = settle_fit("profile_likelihood", data, run, **given)
    problem = make_problem(data, free, cohort, loss, bounds, run, observables, limits)
    names = problem.spec.names
    chosen = _chosen(parameters, names)
    problem, solved, lost = estimate(problem, starts, run.seed, progress)
    best = solved.logs[:, 0]
    which = np.array([names.index(name) for name in chosen])
    fitted = uncertainty(problem, best, lost)
    lost = _left_out(problem, fitted)
    error = np.nan_to_num(fitted.log_error, nan=np.inf)
    ends = np.stack([np.asarray(side) for side in problem.bounds], axis=1)
    grid = _walk(problem, best, which, error, ends, points, progress)
    reached = np.where(lost[:, None, None], np.nan, grid.loss)
    least = np.minimum(solved.loss[:, :1, None], reached.min(axis=2, keepdims=True))
    deviance = _deviance(problem, reached, least)
    ends = _ends(best[:, which], grid.at, deviance, float(chi2.ppf(confidence, 1)))
    ds = _dataset(problem, chosen, best[:, which], grid, deviance, ends, confidence)
    return blanked(ds, lost, ())


def _chosen(parameters: Sequence[str] | None, names: tuple[str, ...]) -> tuple[str, ...]:
    if parameters is None:
        return names
    chosen = names_of("parameters", parameters, str(list(names[:1])))
    for name in chosen:
        if name not in names or chosen.count(name) > 1:
            twice = "is twice in parameters" if name in names else "is not free, so has no profile"
            raise VcohortError(f"{name} {twice}. Free: {', '.join(names)}.")
    return chosen


def _left_out(problem: Problem, fitted: Fitted) -> np.ndarray:
    """Return who is lost, those too whose unknown errors nothing tells: the model meets all."""
    if problem.data.errors_known:
        return fitted.lost
    measured = problem.subjects.measured
    observed = np.asarray(observed_and_limits(measured)[0])
    misses = relative_misses(np.asarray(measured.value), fitted.predicted, observed)
    labels, parameters = problem.data.patients, len(problem.spec.names)
    return leave_out(labels, without_errors(labels, fitted.share, misses, parameters), fitted.lost)


def _walk(
    problem: Problem,
    best: np.ndarray,
    which: np.ndarray,
    error: np.ndarray,
    limits: np.ndarray,
    points: int,
    progress: bool | None,
) -> _Grid:
    """Fit all points; twice, the second time each from its neighbour nearer to the best."""
    patients, parameters = len(best), len(which)
    centre, (low, high) = best[:, which], limits[which].T
    reach = _REACH * error[:, which]
    share = np.linspace(-1.0, 1.0, points)
    below = np.minimum(reach, centre - low)[..., None] * np.minimum(share, 0.0)
    above = np.minimum(reach, high - centre)[..., None] * np.maximum(share, 0.0)
    at = centre[..., None] + below + above
    start = np.broadcast_to(best[:, None, None, :], (*at.shape, best.shape[1])).copy()
    grid = _Grid(at, start, np.full(at.shape, np.inf))
    inner = np.where(share < 0, np.minimum(np.arange(points) + 1, points - 1),
                     np.maximum(np.arange(points) - 1, 0))  # fmt: skip
    with progress_bar("profiles, points", 2 * at.size, progress) as advance:
        for again in range(2):
            logs = grid.logs[:, :, inner] if again else grid.logs
            found = _hold(problem, at, which, logs)
            better = found.loss < grid.loss
            grid = _Grid(
                at,
                np.where(better[..., None], found.logs, grid.logs),
                np.where(better, found.loss, grid.loss),
            )
            advance(patients * parameters * points)
    return grid


def _hold(problem: Problem, at: np.ndarray, which: np.ndarray, logs: np.ndarray) -> _Grid:
    """Fit all parameters but one, which is held, at every point."""
    patients, parameters, points = at.shape
    held = np.broadcast_to(which[None, :, None], at.shape)
    start = logs.copy()
    np.put_along_axis(start, held[..., None], at[..., None], axis=3)
    who = np.repeat(np.arange(patients), parameters * points)
    candidates = Candidates(who, start.reshape(at.size, -1), held.reshape(-1))
    found = polish(problem, candidates, blocks_of=at.size)
    return _Grid(at, found.logs.reshape(start.shape), found.loss.reshape(at.shape))


def _deviance(problem: Problem, loss: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Return the deviance, NaN at points that could not be followed."""
    loss = np.where(np.isfinite(loss), loss, np.nan)
    if problem.data.errors_known:
        return loss - least
    observed = np.asarray(observed_and_limits(problem.subjects.measured)[0])
    return observed.sum(axis=1)[:, None, None] * np.log(loss / least)


def _ends(
    centre: np.ndarray, at: np.ndarray, deviance: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the logs of both ends of each interval, NaN where it is open.

    Between points the root of the deviance is taken as linear: it is, for linear models. Past a
    point that could not be followed nothing is known.
    """
    ends = np.full((2, *centre.shape), np.nan)
    root, wanted = np.sqrt(np.maximum(deviance, 0.0)), np.sqrt(level)
    for place in np.ndindex(centre.shape):
        for side, sign in enumerate((-1.0, 1.0)):
            outward = sign * (at[place] - centre[place]) > 0
            x = np.append(centre[place], at[place][outward][:: int(sign)])
            y = np.append(0.0, root[place][outward][:: int(sign)])
            beyond = np.flatnonzero(~(y < wanted))
            if beyond.size and np.isfinite(y[beyond[0]]):
                last = beyond[0]
                share = (wanted - y[last - 1]) / (y[last] - y[last - 1])
                ends[(side, *place)] = x[last - 1] + share * (x[last] - x[last - 1])
    return ends[0], ends[1]


def _dataset(
    problem: Problem,
    chosen: tuple[str, ...],
    best: np.ndarray,
    grid: _Grid,
    deviance: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    confidence: float,
) -> xr.Dataset:
    model, about = problem.spec.model, {"units": "as the parameter"}
    along = ("patient", "parameter", "point")
    limits = problem.limits[[problem.spec.names.index(name) for name in chosen]]
    percent = f"of the {100 * confidence:g} % confidence interval"

    def within(logs: np.ndarray, long_name: str) -> tuple[tuple[str, ...], np.ndarray, Any]:
        # With the parameter last, as the bounds have it.
        values = np.clip(np.moveaxis(np.exp(logs), 1, -1), *limits.T)
        return along[: logs.ndim], np.moveaxis(values, -1, 1), about | {"long_name": long_name}

    return xr.Dataset(
        {
            "estimate": within(best, "best value"),
            "lower": within(ends[0], f"lower end {percent}"),
            "upper": within(ends[1], f"upper end {percent}"),
            "value": within(grid.at, "value that is held"),
            "deviance": (
                along, deviance, {"units": "1", "long_name": "twice the log likelihood lost"},
            ),
            "others": (
                (*along, "other"), problem.values_at(grid.logs),
                about | {"long_name": "values of all parameters at the point"},
            ),
        },
        {
            "patient": list(problem.data.patients), "parameter": list(chosen),
            "other": list(problem.spec.names),
            "unit": ("parameter", [model.param(name).unit for name in chosen]),
        },
        {
            "model": model.name, "loss": problem.spec.loss.name, "confidence": confidence,
            "level": float(chi2.ppf(confidence, 1)), **provenance("profile"),
        },
    )  # fmt: skip
