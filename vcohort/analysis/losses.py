"""How far a prediction is from what was measured: weighted residuals, whose squares are summed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
from jax import Array

from vcohort.errors import VcohortError, unknown
from vcohort.units import CELLS_PER_UL


class Measured(NamedTuple):
    """One patient's measurements, arrays (row,).

    ``value``, ``error`` and ``peak`` (the patient's largest value of the same observable) are in
    the unit of the observable, which counts ``cells`` cells; ``state``: 0 for normal T cells and
    all T cells, 1 for CAR T cells, 2 for the tumour. Rows that are not ``present`` fill up.
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


@dataclass(frozen=True)
class Loss:
    """A sum of squares: residuals of the data, and of a penalty on the free parameters."""

    name: str
    residuals: Residuals
    penalty: Callable[[Mapping[str, Array]], Array] = no_penalty
    needs_logs: bool = False


def _linear(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    return (predicted - measured.value) / measured.error


def _log(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    return (jnp.log(predicted) - jnp.log(measured.value)) / measured.error


def _published(predicted: Array, measured: Measured, values: Mapping[str, Array]) -> Array:
    """1 / max(N)^2, 10 / max(C)^2, 1e6 / B(0)^2."""
    first = values["B0"] / measured.cells
    scale = jnp.select(
        [measured.state == 0, measured.state == 1],
        [1.0 / measured.peak, jnp.sqrt(10.0) / measured.peak],
        1e3 / first,
    )
    return scale * (predicted - measured.value)


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
        Loss("log", _log, needs_logs=True),
        Loss("kimmel2021", _published, _published_penalty),
    )
}


def find_loss(loss: str | Residuals) -> Loss:
    """Return a loss by its name; a user's function becomes one."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise unknown("loss", loss, LOSSES)
        return LOSSES[loss]
    if not callable(loss):
        raise VcohortError(
            f"loss = {loss!r} is neither a name nor a function of (predicted, measured, values). "
            f"Known: {', '.join(LOSSES)}."
        )
    return Loss(getattr(loss, "__name__", "custom"), loss)
