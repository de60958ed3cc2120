"""From a problem to estimates: all starts solved, the best one judged."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.left_out import (
    Reasons,
    leave_out,
    too_few,
    unobserved,
    without_enough,
)
from vcohort.analysis.estimation.likelihood import Evidence, evidence
from vcohort.analysis.estimation.make_problem import refined
from vcohort.analysis.estimation.problem import (
    FitSpec,
    Problem,
    Subject,
    data_residuals,
    observed_and_limits,
    penalty_of,
    predict,
    residuals_of,
    squares_of,
)
from vcohort.analysis.estimation.solver import Candidates, Solved, polish, search
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import whole
from vcohort.populations.designs import uniforms

# The best starts of each patient that are solved to rounding.
_FINALISTS = 4

# As a share of the range of logs.
_AT_BOUND = 1e-3

# Rows that hold less of a datum than this tell nothing.
_TELLS = 1e-3

# Predictions that miss by less have only been rounded.
_EXACT = 1e-10


def estimate(
    problem: Problem, starts: int, seed: int, progress: bool | None
) -> tuple[Problem, Solved, np.ndarray]:
    """Return all patients' starts, the best first: arrays (patient, start, …); and who is lost.

    The problem comes back on the grid that the best of them need. The lost, whose data cannot tell
    a fit or whose equations cannot be followed, are told of, and stay at their first values.

    :raises VcohortError: where nobody is left.
    """
    starts = whole("starts", starts, least=1)
    data, labels = problem.data, problem.data.patients
    lost = leave_out(labels, {**unobserved(data), **without_enough(data, len(problem.spec.names))})
    patients = len(problem.cohort)
    limits = np.stack([np.asarray(side) for side in problem.bounds], axis=1)
    first = np.concatenate(
        [start_logs(limits, starts, (seed + each) % 2**64) for each in range(patients)]
    )
    numbers = np.repeat(np.arange(patients), starts)
    free = np.full(len(numbers), -1)
    found = search(problem, Candidates(numbers, first, free), progress)
    solved = _best_first(Solved(*(part.reshape(patients, starts, *part.shape[1:])
                                  for part in found)))  # fmt: skip
    lost = leave_out(labels, _unfollowed(problem, solved.loss), lost)
    solved.logs[lost] = _first_logs(problem)[lost, None]
    problem = refined(problem, solved.logs[:, 0])
    best = min(_FINALISTS, starts)
    few = Candidates(
        np.repeat(np.arange(patients), best),
        solved.logs[:, :best].reshape(patients * best, -1),
        np.full(patients * best, -1),
    )
    last = polish(problem, few, blocks_of=len(numbers))
    for all_starts, part in zip(solved, last, strict=True):
        all_starts[:, :best] = part.reshape(patients, best, *part.shape[1:])
    solved = _best_first(solved)
    lost = leave_out(labels, _unfollowed(problem, solved.loss), lost)
    solved.logs[lost] = _first_logs(problem)[lost, None]
    _tell(problem, solved, lost)
    return problem, solved, lost


def start_logs(limits: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return logs (start, parameter), a Latin hypercube between the limits (parameter, 2)."""
    points = uniforms(
        "latin-hypercube", seed, first=0, count=count, columns=len(limits), total=count
    )
    low, high = limits.T
    return low + (high - low) * points


def at_bound(problem: Problem, logs: np.ndarray) -> np.ndarray:
    """Return whether logs (…, parameter) lie on a bound."""
    low, high = (np.asarray(side) for side in problem.bounds)
    return np.minimum(logs - low, high - logs) < _AT_BOUND * (high - low)


def _first_logs(problem: Problem) -> np.ndarray:
    """Return the logs (patient, parameter) of the cohort's own values, held between the bounds."""
    values = np.stack([np.asarray(problem.cohort[name]) for name in problem.spec.names], axis=1)
    return np.log(np.clip(values, *problem.limits.T))


def _unfollowed(problem: Problem, loss: np.ndarray) -> Reasons:
    """Return the patients none of whose starts (patient, start) has a loss."""
    return {
        index: VcohortError(
            f"From no start can the equations of patient {problem.data.patients[index]!r} be "
            "followed: the loss is no number. Narrow the bounds, or check the data's units, their "
            "errors and the loss."
        )
        for index in np.flatnonzero(~np.isfinite(loss).any(axis=1)).tolist()
    }


def _tell(problem: Problem, solved: Solved, lost: np.ndarray) -> None:
    """Warn of starts that were left out, and of best ones that are no minimum; not of the lost."""
    failed = (~np.isfinite(solved.loss)).sum(axis=1) * ~lost
    best = ~solved.converged[:, 0] & ~at_bound(problem, solved.logs[:, 0]).any(axis=1) & ~lost
    for label, count, is_open in zip(problem.data.patients, failed, best, strict=True):
        if count:
            _warn(
                f"{count} of {solved.loss.shape[1]} starts of patient {label!r} could not be "
                "followed: their loss is no number. They are left out."
            )
        if is_open:
            _warn(
                f"The best start of patient {label!r} has not reached a minimum. Give more "
                "starts, or narrower bounds."
            )


def _warn(text: str) -> None:
    warnings.warn(text, VcohortWarning, stacklevel=5)


def _best_first(solved: Solved) -> Solved:
    loss = np.where(np.isfinite(solved.loss), solved.loss, np.inf)
    order = np.argsort(loss, axis=1, kind="stable")
    return Solved(
        np.take_along_axis(solved.logs, order[:, :, None], axis=1),
        np.take_along_axis(loss, order, axis=1),
        np.take_along_axis(solved.converged, order, axis=1),
    )


class Fitted(NamedTuple):
    """What a fit predicts, and how sure it is: arrays with the patient first.

    ``lost`` (patient,): who is, those too of whom fewer rows than parameters tell anything.
    ``share`` (…, row): how much of an observed datum each row is, from 0 to 1; ``loss``: of the
    data alone.
    """

    predicted: np.ndarray
    residual: np.ndarray
    share: np.ndarray
    loss: np.ndarray
    log_error: np.ndarray
    correlation: np.ndarray
    lost: np.ndarray


def uncertainty(problem: Problem, logs: np.ndarray, lost: np.ndarray) -> Fitted:
    """Return predictions and errors at the best logs (patient, parameter).

    The covariance is the inverse of the information, J'J without limits, times the residual
    variance where the data give no errors (Seber & Wild 1989, Nonlinear Regression, section 2.1):
    the most likely one, times n / (n - p) for p parameters and n data, a limit as the share of a
    datum that it tells.

    ``lost`` (patient,): who is lost already.

    :raises VcohortError: where nobody is left of whom as many rows as parameters tell anything.
    """
    with jax.enable_x64(True):
        found = _at(problem.spec, problem.subjects, jnp.asarray(logs))
    parts: list[Any] = [np.asarray(part) for part in jax.tree.leaves(found)]
    predicted, loss, *rest = parts
    told = Evidence(*rest)
    parameters, number = logs.shape[1], told.share.sum(axis=1)
    telling = (told.share > _TELLS).sum(axis=1).tolist()
    labels = problem.data.patients
    lost = leave_out(labels, too_few(labels, telling, parameters), lost)
    left = number - parameters
    unbiased = number / np.where(left > 0, left, np.nan)
    scale = np.ones_like(number)
    if not problem.data.errors_known:
        scale = np.where(lost, np.nan, told.scale) ** 2 * unbiased
    # A direction that no datum feels has no finite error.
    information = np.where(lost[:, None, None], np.eye(parameters), told.information)
    worth, axes = np.linalg.eigh(information)
    blind = worth <= worth.max(axis=1, keepdims=True) * 1e-14
    inverse = np.einsum("pik,pk,pjk->pij", axes, 1.0 / np.where(blind, np.nan, worth), axes)
    deviation = np.sqrt(np.einsum("pii->pi", inverse))
    correlation = inverse / deviation[:, :, None] / deviation[:, None, :]
    log_error = deviation * np.sqrt(scale)[:, None]
    misfit, share = np.asarray(told.misfit), np.asarray(told.share)
    return Fitted(predicted, misfit, share, loss, log_error, correlation, lost)


def without_errors(
    labels: Sequence[str], share: np.ndarray, misses: np.ndarray, parameters: int
) -> Reasons:
    """Return the patients whose data leave nothing to tell the size of their errors from.

    ``share`` (patient, row): of a datum; ``misses`` (patient, row): predicted less measured, as a
    share of the larger one, of what was observed, else NaN.
    """
    is_exact = (np.nan_to_num(misses) < _EXACT).all(axis=1)
    is_few = np.nansum(share, axis=1) <= parameters
    return {
        index: VcohortError(
            f"{parameters} parameters meet the data of patient {labels[index]!r} exactly, so "
            "nothing tells how large the errors of the data are, and no likelihood can be given. "
            "Give the column 'error', more data or fewer free parameters."
        )
        for index in np.flatnonzero(is_exact | is_few).tolist()
    }


def relative_misses(value: np.ndarray, predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Return how far predictions miss what was observed, as a share of the larger; else NaN."""
    largest = np.maximum(np.maximum(np.abs(value), np.abs(predicted)), np.finfo(float).tiny)
    return np.where(observed, np.abs(predicted - value) / largest, np.nan)


@partial(jax.jit, static_argnames=("spec",))
def _at(spec: FitSpec, subjects: Subject, logs: Array) -> tuple[Array, Array, Evidence]:
    """Return predictions, the loss of the data alone, and what the residuals say."""

    def one(subject: Subject, log: Array) -> tuple[Array, Array, Evidence]:
        found = predict(spec, subject, log)
        own = residuals_of(spec, subject, log, found)
        columns = jax.jacfwd(partial(data_residuals, spec, subject))(log)
        penalty = jax.jacfwd(partial(penalty_of, spec))(log)
        rows = observed_and_limits(subject.measured)
        told = evidence(own, columns, penalty, *rows, known=spec.errors_known)
        return found, jnp.sum(squares_of(spec, subject, own, jnp.zeros(0)) ** 2), told

    return jax.vmap(one)(subjects, logs)
