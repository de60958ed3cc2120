"""A model for derivatives: its rates, and their way back, are programs of their own.

On the way back XLA copies cheap operations into every loop that needs them, five times over. It
does not look into a called program that is not to be inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jax import Array

from vcohort.engine.compiling.tiles import call
from vcohort.models import Cells, Model, Rates, Values

T = TypeVar("T")


class _Outlined(Model):
    def rates(self, values: Values, cells: Cells) -> Rates:
        return _outlined(super().rates)(values, cells)

    def relaxation(self, values: Values, cells: Cells) -> dict[str, Array]:
        return _outlined(super().relaxation)(values, cells)


def outlined(model: Model) -> Model:
    """Return the same model, its rates compiled apart. With reverse-mode derivatives only."""
    laws: Any = model.laws
    return _Outlined(*laws)


def _outlined(work: Callable[..., T]) -> Callable[..., T]:
    program = jax.custom_vjp(work)
    program.defvjp(
        lambda *inputs: jax.vjp(work, *inputs),
        lambda back, slopes: call(lambda back, slopes: back(slopes), back, slopes),
    )
    return program
