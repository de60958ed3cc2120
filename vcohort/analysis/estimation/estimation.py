"""From a problem to estimates: all starts solved, the best one judged."""

from __future__ import annotations

import warnings

import numpy as np

from vcohort.analysis.estimation.left_out import Reasons, leave_out, unobserved, without_enough
from vcohort.analysis.estimation.make_problem import refined
from vcohort.analysis.estimation.problem import Problem
from vcohort.analysis.estimation.solver import Candidates, Solved, polish, search
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import whole
from vcohort.populations.designs import uniforms

# The best starts of each patient that are solved to rounding.
_FINALISTS = 4

# As a share of the range of logs.
_AT_BOUND = 1e-3


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
