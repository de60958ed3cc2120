"""What a patient's measurements are predicted to be: by the engine, or by a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from vcohort.analysis.estimation.problem import FitSpec, Subject, predict
from vcohort.errors import VcohortError


@dataclass(frozen=True)
class ModelCourse:
    """The model's deterministic course, as :func:`vcohort.fit` follows it."""

    spec: FitSpec

    def __call__(self, inputs: Subject, values: Array) -> Array:
        """Return predictions (row,) for values (parameter,)."""
        return predict(self.spec, inputs, jnp.log(values))


class Times(NamedTuple):
    """What a function of the user's is asked: days (row,), and the observable of each."""

    day: Array
    kind: Array


@dataclass(frozen=True)
class FunctionCourse:
    """``function(values, day)``: predictions (row,), or by the name of each observable.

    ``values``: numbers by the names of ``parameters``.
    """

    function: Callable[[dict[str, Any], Array], Any]
    parameters: tuple[str, ...]
    observables: tuple[str, ...]

    def __call__(self, inputs: Times, values: Array) -> Array:
        """Return predictions (row,) for values (parameter,)."""
        named = dict(zip(self.parameters, values, strict=True))
        found = self.function(named, inputs.day)
        if not isinstance(found, Mapping):
            return self._checked(found, inputs.day)
        for name in self.observables:
            if name not in found:
                raise VcohortError(
                    f"predict returns {', '.join(map(str, found)) or 'nothing'}, and the data have "
                    f"{name}: it must predict each observable of the data."
                )
        each = [self._checked(found[name], inputs.day) for name in self.observables]
        return jnp.take_along_axis(jnp.stack(each), inputs.kind[None], axis=0)[0]

    def _checked(self, found: Any, day: Array) -> Array:
        try:
            found = jnp.asarray(found, day.dtype)
        except (TypeError, ValueError):
            raise VcohortError(
                f"predict returns {type(found).__name__}: it must return an array, or one by the "
                "name of each observable."
            ) from None
        if found.shape != day.shape:
            raise VcohortError(
                f"predict returns the shape {found.shape}: it must return one prediction for each "
                f"day, {day.shape}."
            )
        return found
