"""How sure estimates are: what is predicted there, errors and correlations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.left_out import Reasons, leave_out, too_few
from vcohort.analysis.estimation.likelihood import Evidence, evidence
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
from vcohort.analysis.estimation.scattered import scattered_evidence
from vcohort.analysis.information import Told, correlation_of
from vcohort.errors import VcohortError

# Rows that hold less of a datum than this tell nothing.
_TELLS = 1e-3

# Predictions that miss by less have only been rounded.
_EXACT = 1e-10


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
    covariance = Told.of(information).covariance()
    deviation = np.sqrt(np.einsum("pii->pi", covariance))
    correlation = correlation_of(covariance)
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
        if spec.loss.scatter.is_plain:
            told = evidence(own, columns, penalty, *rows, known=spec.errors_known)
        else:
            slopes = jax.jacfwd(partial(predict, spec, subject))(log)
            told = scattered_evidence(spec.loss.scatter, own, found, columns, slopes, *rows)
        return found, jnp.sum(squares_of(spec, subject, own, found, jnp.zeros(0)) ** 2), told

    return jax.vmap(one)(subjects, logs)
