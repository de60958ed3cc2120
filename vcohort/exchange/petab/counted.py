"""What an observable counts: a sum of species, each by a weight, per unit of measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.errors import VcohortError
from vcohort.measurements.observables import OBSERVABLES, Observable
from vcohort.models import Cells, Model

_STATES, _FEWEST_LOG, _MOST_LOG = 24, 0.0, 30.0
_RELATIVE = 1e-9


@dataclass(frozen=True)
class Counted:
    """The function ``log`` of an observable that counts species, each by a weight."""

    weights: tuple[tuple[str, float], ...]

    def __call__(self, cells: Cells) -> Array:
        """Return the log of what is counted."""
        logs = [cells.log(name) + math.log(weight) for name, weight in self.weights]
        return reduce(jnp.logaddexp, logs)


def weights_of(observable: Observable, model: Model) -> dict[str, float]:
    """Return the weights of species in cells, told from the observable's function.

    :raises VcohortError: for one that is no sum of species.
    """

    def counted(numbers: Mapping[str, Any]) -> Any:
        with jax.enable_x64(True):
            return np.exp(observable.log(Cells.counted(model.species, numbers)))

    return linear(f"The observable {observable.name!r}", counted, model)


def linear(
    what: str, counted: Callable[[Mapping[str, Any]], Any], model: Model
) -> dict[str, float]:
    """Return the weights above 0 of a function of the species' cells (state,), asked at states.

    :raises VcohortError: for a function that is no sum of species by weights.
    """
    names = model.species.names
    units = dict(zip(names, np.eye(len(names)), strict=True))
    generator = np.random.default_rng(0)
    states = {name: np.exp(generator.uniform(_FEWEST_LOG, _MOST_LOG, _STATES)) for name in names}
    with np.errstate(all="ignore"):
        each = np.broadcast_to(np.asarray(counted(units), float), (len(names),))
        found = np.asarray(counted(states), float)
        sums = sum(weight * states[name] for weight, name in zip(each, names, strict=True))
    # Of no cells an observable may have the smallest number there is.
    weights = {name: float(weight) for name, weight in zip(names, each, strict=True)
               if abs(weight) > _RELATIVE * np.abs(each).max()}  # fmt: skip
    is_sum = bool(np.all(np.abs(found - sums) <= _RELATIVE * np.abs(found)))
    if not (is_sum and weights and all(weight > 0.0 for weight in weights.values())):
        raise VcohortError(
            f"{what} is no sum of {', '.join(names)}, each by a weight above 0, which alone goes "
            "from here to PEtab and back."
        )
    return weights


def formula_of(weights: Mapping[str, float], cells: float) -> str:
    """Return the formula of a measurement that counts species, in units of so many cells."""
    terms = [name if weight == 1.0 else f"{weight!r} * {name}" for name, weight in weights.items()]
    total = " + ".join(terms)
    if cells == 1.0:
        return total
    return f"({total}) / {cells!r}" if len(terms) > 1 else f"{total} / {cells!r}"


def observable_of(name: str, weights: Mapping[str, float], model: Model) -> Observable:
    """Return the observable of a name that counts species per unit: a known one, or a new one.

    :raises VcohortError: for the name of a known one that counts something else.
    """
    known = OBSERVABLES.get(name)
    if known is None:
        return Observable(name, "1", 1.0, name, Counted(tuple(weights.items())))
    own = {species: each / known.cells for species, each in weights_of(known, model).items()}
    if set(own) != set(weights) or any(
        not math.isclose(own[each], weights[each], rel_tol=_RELATIVE) for each in own
    ):
        raise VcohortError(
            f"The observable {name!r} is {formula_of(weights, 1.0)} in the problem, and here "
            f"{known.description} in {known.unit}. Rename it."
        )
    return known
