"""The two treatments: an infusion of CAR T cells, a lymphodepletion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

import jax.core
import jax.numpy as jnp
import numpy as np

from vcohort.errors import VcohortError
from vcohort.given import floats, refuse_narrow

Field: TypeAlias = Any
"""A number, or one a patient: an array (patient,)."""


@dataclass(frozen=True, eq=False)
class Infusion:
    """An infusion of CAR T cells.

    ``day``: days since the first infusion; infinite where a patient gets none. ``cells``: by
    default as many as the patient's first infusion, C0. Each a number or an array (patient,).
    The infusion on day 0 is the first, and replaces C0; later ones add to what is there.

    Of traced values (``jax.jit``, ``jax.grad``) those that would be refused, such as a negative
    day, cannot be: they are taken for NaN, and so is the probability of each patient that has one.
    A traced day after the horizon never comes.
    """

    day: Field
    cells: Field | None = None

    settable: ClassVar[tuple[str, ...]] = ("day", "cells")

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", _field("Infusion", "day", self.day, np.inf))
        if self.cells is not None:
            object.__setattr__(self, "cells", _field("Infusion", "cells", self.cells, 1e18))

    @property
    def fields(self) -> dict[str, tuple[Field, str]]:
        """The values by name, each with its unit; without those left to the default."""
        given = {"day": (self.day, "day")}
        return given if self.cells is None else given | {"cells": (self.cells, "cells")}

    def replace(self, **fields: Field) -> Infusion:
        """Return the infusion with other ``settable`` fields."""
        return replace(self, **fields)

    def __repr__(self) -> str:
        cells = "" if self.cells is None else f", cells={_text(self.cells)}"
        return f"Infusion(day={_text(self.day)}{cells})"


@dataclass(frozen=True, eq=False)
class Lymphodepletion:
    """Chemotherapy that kills T cells at once.

    ``day``: days since the first infusion; infinite where a patient gets none. ``survival``:
    the fraction of T cells that lives through it, or a pair, of the normal and of the CAR
    T cells. Each a number or an array (patient,). On the day of an infusion it comes first.
    Of a population that is cut below it, one cell is left: the laws of growth have no meaning
    for less. Traced values as for :class:`Infusion`.
    """

    day: Field
    survival: Field | tuple[Field, Field]

    settable: ClassVar[tuple[str, ...]] = ("day", "survival", "normal_survival", "car_survival")

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", _field("Lymphodepletion", "day", self.day, np.inf))
        if isinstance(self.survival, tuple) and len(self.survival) != 2:
            raise VcohortError(
                f"Lymphodepletion(survival={self.survival}): give one fraction, or two: of the "
                "normal T cells and of the CAR T cells. One a patient is an array."
            )
        pair = tuple(_field("Lymphodepletion", "survival", each, 1.0) for each in self.fractions)
        survival = pair if isinstance(self.survival, tuple) else pair[0]
        object.__setattr__(self, "survival", survival)

    @property
    def fractions(self) -> tuple[Field, Field]:
        """The fractions of the normal and of the CAR T cells that survive."""
        both = self.survival
        return both if isinstance(both, tuple) else (both, both)

    @property
    def fields(self) -> dict[str, tuple[Field, str]]:
        """The values by name, each with its unit."""
        normal, car = self.fractions
        return {
            "day": (self.day, "day"),
            "normal_survival": (normal, "1"),
            "car_survival": (car, "1"),
        }

    def replace(self, **fields: Field) -> Lymphodepletion:
        """Return the lymphodepletion with other ``settable`` fields."""
        both = fields.get("survival")
        normal, car = self.fractions if both is None else (both, both)
        pair = fields.get("normal_survival", normal), fields.get("car_survival", car)
        return Lymphodepletion(fields.get("day", self.day), pair)

    def __repr__(self) -> str:
        normal, car = (_text(fraction) for fraction in self.fractions)
        pair = isinstance(self.survival, tuple)
        return (
            f"Lymphodepletion(day={_text(self.day)}, "
            f"survival={f'({normal}, {car})' if pair else normal})"
        )


Treatment: TypeAlias = Infusion | Lymphodepletion


def _text(value: Field) -> str:
    if np.ndim(value):
        return f"one of {np.size(value)}"
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _field(kind: str, name: str, value: Field, high: float) -> Field:
    """Return a number or an array, in float64; refuse what is none, or not in 0 … ``high``.

    Traced values cannot be looked at, but for their type: impossible ones become NaN.
    """
    if isinstance(value, jax.core.Tracer):
        if name != "day":
            refuse_narrow(f"{kind}({name})", value)
        # A product, so that the derivative is NaN too. Rounding may lift a share of all above 1.
        is_possible = (value >= 0.0) & (value <= high * (1.0 + 1e-6))
        return value * jnp.where(is_possible, 1.0, jnp.nan)
    array = floats(f"{kind}: {name}", value)
    wrong = array[~((array >= 0.0) & (array <= high))] if array.ndim < 2 else array
    if wrong.size:
        bound = "at least 0" if high == np.inf else f"between 0 and {high:g}"
        raise VcohortError(f"{kind}({name}={wrong.flat[0]:g}) is impossible: it must be {bound}.")
    return array if array.ndim else float(array)
