"""How far a prediction is from what was measured: weighted residuals, whose squares are summed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.scatter import PLAIN, STUDENT, Scatter
from vcohort.errors import VcohortError, one_of
from vcohort.measurements.observables import STATES
from vcohort.measurements.observations import Observations
from vcohort.units import CELLS_PER_UL


class Measured(NamedTuple):
    """One patient's measurements, arrays (row,).

    ``value``, ``error`` and ``peak`` (see :func:`peaks`) are in the unit of the observable, which
    counts ``cells`` cells; ``state``: the place in N, C, B of the state that the paper's loss
    weighs it as, -1 without one. Rows that are not ``present`` have the weight 0, or fill up.
    """

    value: Array
    weight: Array
    error: Array
    below: Array
    present: Array
    peak: Array
    cells: Array
    state: Array


Residuals: TypeAlias = Callable[[Array, Measured, Mapping[str, Array]], Array]
"""``residuals(predicted, measured, values)`` (row,): of one patient with parameter ``values``."""


def no_penalty(values: Mapping[str, Array]) -> Array:
    """Return no residual: only the data count."""
    return jnp.zeros(0)


def takes_all(data: Observations) -> None:
    """Refuse no data."""


@dataclass(frozen=True)
class Loss:
    """A sum of squares: residuals of the data, and of a penalty on the free parameters.

    ``check`` refuses data that the residuals cannot take; ``scatter``: how wide they are.
    """

    name: str
    residuals: Residuals
    penalty: Callable[[Mapping[str, Array]], Array] = no_penalty
    check: Callable[[Observations], None] = takes_all
    scatter: Scatter = PLAIN


def peaks(data: Observations) -> np.ndarray:
    """Return the largest value (row,) of the patient's rows of the same observable.

    What was observed sets it; where there are upper limits alone, the largest of those. Rows of
    the weight 0 set nothing.
    """
    peak = np.zeros(len(data))
    names = np.array(data.observable)
    for patient, name in set(zip(data.patient.tolist(), data.observable, strict=True)):
        rows = (data.patient == patient) & (names == name)
        counted = rows & data.counted
        seen = counted & ~data.below
        peak[rows] = data.value[seen if seen.any() else counted].max(initial=0.0)
    return peak


def _linear(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    return (predicted - measured.value) / measured.error


def _log(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    return (jnp.log(predicted) - jnp.log(measured.value)) / measured.error


def _check_log(data: Observations) -> None:
    if (data.value[data.counted] <= 0).any():
        raise VcohortError(
            "Residuals of logs need values above 0. Where nothing was found, give the limit of "
            "detection as the value, and 1 in the column 'below'; or take another loss, such as "
            "'linear' or, for the built-in table zuma1, 'kimmel2021'."
        )


def _difference(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    return predicted - measured.value


def _check_scattered(data: Observations) -> None:
    if data.errors_known:
        raise VcohortError(
            "losses 'proportional', 'combined' and 'student_t' find the size of the errors, which "
            "the column 'error' gives. Leave the column out, or take the loss 'linear' or 'log'."
        )


def _check_student(data: Observations) -> None:
    _check_scattered(data)
    _check_log(data)


def _published(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    """1 / max(N)^2, 10 / max(C)^2, 1e6 / B(0)^2."""
    first = values["B0"] / measured.cells
    scale = jnp.select(
        [measured.state == 0, measured.state == 1],
        [1.0 / measured.peak, jnp.sqrt(10.0) / measured.peak],
        1e3 / first,
    )
    return scale * (predicted - measured.value)


def _check_published(data: Observations) -> None:
    for kind in data.kinds:
        rows = data.counted & (np.array(data.observable) == kind.name)
        if kind.weighed_as is None and rows.any():
            raise VcohortError(
                f"loss 'kimmel2021' has no weight for the observable {kind.name!r}. Say as which "
                f"state it is weighed, vc.Observable(..., weighed_as='C'), of {', '.join(STATES)}, "
                "or take another loss."
            )
        if kind.weighed_as != "B" and (peaks(data)[rows] <= 0).any():
            raise VcohortError(
                f"loss 'kimmel2021' divides by the largest {kind.name} of a patient, which is 0. "
                "Take another loss, or leave these rows out."
            )


# The paper's code penalises 0.01 times the sum of these; its parameter of killing is 1/k_B.
_PENALISED = ("r_N", "rho_C", "a", "b", "gamma_B", "k_B")


def _published_penalty(values: Mapping[str, Array]) -> Array:
    """Return residuals whose squares are 0.01 times the free parameters, all but K_C."""
    named = {name: values[name] for name in _PENALISED if name in values}
    if "k_B" in named:
        named["k_B"] = CELLS_PER_UL / named["k_B"]
    return 0.1 * jnp.sqrt(jnp.stack(list(named.values()))) if named else jnp.zeros(0)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("linear", _linear),
        Loss("log", _log, check=_check_log),
        Loss("proportional", _difference, check=_check_scattered,
             scatter=Scatter(proportional=True)),
        Loss("combined", _difference, check=_check_scattered,
             scatter=Scatter(proportional=True, floor=True)),
        Loss("student_t", _log, check=_check_student, scatter=Scatter(STUDENT)),
        Loss("kimmel2021", _published, _published_penalty, _check_published),
    )
}  # fmt: skip


def find_loss(loss: str | Residuals) -> Loss:
    """Return a loss by its name; a user's function becomes one."""
    if isinstance(loss, str):
        return LOSSES[one_of("loss", loss, LOSSES)]
    if not callable(loss):
        raise VcohortError(
            f"loss = {loss!r} is neither a name nor a function of (predicted, measured, values). "
            f"Known: {', '.join(LOSSES)}."
        )
    return Loss(getattr(loss, "__name__", "custom"), loss)
