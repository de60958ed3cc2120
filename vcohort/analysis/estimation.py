"""From measurements to estimates: the problem posed, all starts solved, the best one judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.losses import Residuals, find_loss
from vcohort.analysis.problem import (
    Problem,
    Question,
    Subject,
    all_residuals,
    make_problem,
    predict,
    refined,
    residuals_of,
    start_logs,
)
from vcohort.analysis.solver import Candidates, Solved, polish, search
from vcohort.cohort import Cohort
from vcohort.errors import VcohortError
from vcohort.given import whole
from vcohort.observations import read_observations
from vcohort.regimen import Regimen

# The best starts of each patient that are solved to rounding.
_FINALISTS = 4


def pose(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None,
    loss: str | Residuals,
    bounds: Mapping[str, tuple[float, float]] | None,
    regimen: Regimen | None,
    tolerance: float,
) -> Problem:
    """Return the checked problem; see :func:`vcohort.fit` for its parts."""
    return make_problem(
        read_observations(data),
        free,
        Cohort.from_values("kimmel2021-figures") if cohort is None else cohort,
        find_loss(loss),
        {} if bounds is None else bounds,
        regimen,
        tolerance,
    )


def estimate(
    problem: Problem, starts: int, seed: int, progress: bool | None
) -> tuple[Problem, Solved]:
    """Return all patients' starts, the best first: arrays (patient, start, …).

    The problem comes back on the grid that the best of them need.
    """
    if isinstance(starts, bool) or not isinstance(starts, int) or starts < 1:
        raise VcohortError(f"starts = {starts!r} is impossible: it must be a whole number, 1 on.")
    patients, seed = len(problem.cohort), whole("seed", seed)
    limits = np.stack([np.asarray(side) for side in problem.bounds], axis=1)
    first = np.concatenate(
        [start_logs(limits, starts, (seed + each) % 2**64) for each in range(patients)]
    )
    numbers = np.repeat(np.arange(patients), starts)
    free = np.full(len(numbers), -1)
    found = search(problem, Candidates(numbers, first, free), progress)
    solved = _best_first(Solved(*(part.reshape(patients, starts, *part.shape[1:])
                                  for part in found)))  # fmt: skip
    problem = refined(problem, solved.logs[:, 0])
    best = min(_FINALISTS, starts)
    few = Candidates(
        np.repeat(np.arange(patients), best),
        solved.logs[:, :best].reshape(patients * best, -1),
        np.full(patients * best, -1),
    )
    last = polish(problem, few, blocks_of=len(numbers))
    for every, part in zip(solved, last, strict=True):
        every[:, :best] = part.reshape(patients, best, *part.shape[1:])
    solved = _best_first(solved)
    _check_followed(problem, solved.loss[:, 0])
    return problem, solved


def _check_followed(problem: Problem, loss: np.ndarray) -> None:
    """Refuse patients none of whose starts has a loss."""
    lost = [str(problem.data.patients[index]) for index in np.flatnonzero(~np.isfinite(loss))]
    if lost:
        raise VcohortError(
            f"From no start can the equations of patient {', '.join(lost)} be followed: the loss "
            "is no number. Narrow the bounds, or check the data's units and the loss."
        )


def _best_first(solved: Solved) -> Solved:
    loss = np.where(np.isfinite(solved.loss), solved.loss, np.inf)
    order = np.argsort(loss, axis=1, kind="stable")
    return Solved(
        np.take_along_axis(solved.logs, order[:, :, None], axis=1),
        np.take_along_axis(loss, order, axis=1),
        np.take_along_axis(solved.converged, order, axis=1),
    )


class Fitted(NamedTuple):
    """What a fit predicts, and how sure it is: arrays with the patient first."""

    predicted: np.ndarray
    residual: np.ndarray
    log_error: np.ndarray
    correlation: np.ndarray


def judge(problem: Problem, logs: np.ndarray) -> Fitted:
    """Return predictions and errors at the best logs (patient, parameter).

    The covariance is the inverse of J'J, times the residual variance where the data give no
    errors (Seber & Wild 1989, Nonlinear Regression, section 2.1).
    """
    subjects = problem.subjects
    with jax.enable_x64(True):
        found = _at(problem.question, subjects, jnp.asarray(logs))
    predicted, residual, columns = (np.asarray(part) for part in found)
    rows = np.asarray(subjects.measured.present).sum(axis=1)
    left = rows - logs.shape[1]
    sums = (residual**2).sum(axis=1)
    scale = np.where(left > 0, sums / np.maximum(left, 1), np.nan)
    scale = np.ones_like(scale) if problem.data.errors_known else scale
    # A direction that no datum feels has no finite error.
    curvature = np.einsum("pri,prj->pij", columns, columns)
    worth, axes = np.linalg.eigh(curvature)
    blind = worth <= worth.max(axis=1, keepdims=True) * 1e-14
    inverse = np.einsum("pik,pk,pjk->pij", axes, 1.0 / np.where(blind, np.nan, worth), axes)
    deviation = np.sqrt(np.einsum("pii->pi", inverse))
    correlation = inverse / deviation[:, :, None] / deviation[:, None, :]
    return Fitted(predicted, residual, deviation * np.sqrt(scale)[:, None], correlation)


@partial(jax.jit, static_argnames=("question",))
def _at(question: Question, subjects: Subject, logs: Array) -> tuple[Array, Array, Array]:
    """Return predictions, residuals of the data, and the Jacobian of all residuals."""

    def one(subject: Subject, log: Array) -> tuple[Array, Array, Array]:
        columns = jax.jacfwd(partial(all_residuals, question, subject))(log)
        found = predict(question, subject, log)
        return found, residuals_of(question, subject, log, found), columns

    return jax.vmap(one)(subjects, logs)
