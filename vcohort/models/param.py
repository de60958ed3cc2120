"""One parameter of a model: what it is called, in which unit, and which values it may take."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import check_unit, floats, number, truth
from vcohort.late import Array, jnp

# A value this many times outside the usual range was most likely given in another unit.
_UNIT_SLIP = 1e3


@dataclass(frozen=True)
class Param:
    """A model parameter.

    ``lower`` and ``upper`` bound what is possible (``lower`` itself only if ``closed``, ``upper``
    unless ``open_above``);
    ``usual`` is the range in which values of the literature and of fits lie.
    """

    name: str
    symbol: str
    unit: str
    default: float
    usual: tuple[float, float]
    description: str
    source: str
    lower: float = 0.0
    upper: float = math.inf
    closed: bool = False
    open_above: bool = False

    def __post_init__(self) -> None:
        for field in ("default", "lower", "upper"):
            given = number(f"Param: {field}", getattr(self, field))
            object.__setattr__(self, field, given)
        usual = floats("Param: usual", self.usual)
        if usual.shape != (2,):
            raise VcohortError(f"Param: usual = {self.usual!r} is impossible: give two numbers.")
        low, high = usual.tolist()
        object.__setattr__(self, "usual", (low, high))
        for field in ("closed", "open_above"):
            object.__setattr__(self, field, truth(f"Param: {field}", getattr(self, field)))
        if not (self.lower <= self.default <= self.upper and low <= high):
            raise VcohortError(
                f"Param {self.name!r}: default = {self.default:g} must lie between lower and "
                f"upper, {self.lower:g} and {self.upper:g}, and usual, {low:g} to {high:g}, rise."
            )

    @property
    def is_share(self) -> bool:
        """Whether it is a share of something, from 0 to 1."""
        return self.lower >= 0.0 and self.upper <= 1.0

    def check(self, values: ArrayLike) -> None:
        """Refuse impossible values: NaN, infinite, out of bounds, in another unit."""
        check_unit(self.name, values, self.unit)
        array = floats(self.name, values)
        if array.size and self._holds(array.min()) and self._holds(array.max()):
            return
        self._refuse(array, ~np.isfinite(array), "a finite number")
        below = array < self.lower if self.closed else array <= self.lower
        self._refuse(
            array, below, f"{'at least' if self.closed else 'greater than'} {self.lower:g}"
        )
        above = array >= self.upper if self.open_above else array > self.upper
        self._refuse(
            array, above, f"{'less than' if self.open_above else 'at most'} {self.upper:g}"
        )

    def or_nan(self, traced: Array) -> Array:
        """Return values that are being traced, NaN in place of impossible ones."""
        above = traced >= self.lower if self.closed else traced > self.lower
        below = traced < self.upper if self.open_above else traced <= self.upper
        is_possible = above & below & jnp.isfinite(traced)
        # A product, so that the derivative is NaN too.
        return traced * jnp.where(is_possible, 1.0, jnp.nan)

    def _holds(self, value: float) -> bool:
        above = value >= self.lower if self.closed else value > self.lower
        below = value < self.upper if self.open_above else value <= self.upper
        return above and math.isfinite(value) and below

    def _refuse(self, array: np.ndarray, wrong: np.ndarray, bound: str) -> None:
        if wrong.any():
            value = array[wrong].flat[0]
            raise VcohortError(
                f"{self.name} = {value:g} is impossible: {self.name} ({self.description}, in "
                f"{self.unit}) must be {bound}."
            )

    def advise(self, values: ArrayLike, what: str | None = None, *, stacklevel: int = 4) -> None:
        """Warn of values for which another unit was probably meant.

        ``what``: what they are called, where they are this parameter's by another name.
        """
        array, (low, high) = floats(self.name, values), self.usual
        # What is impossible is refused where it is used.
        odd = (array < low / _UNIT_SLIP) | (array > high * _UNIT_SLIP)
        odd &= (array != 0) & (array >= self.lower) & (array <= self.upper)
        if odd.any():
            hint = (
                " Cells in the body are meant: vc.units.t_cells(per_ul) and "
                "vc.units.tumour_cells(ml) convert."
                if self.unit == "cells"
                else ""
            )
            warnings.warn(
                f"{what or self.name} = {array[odd].flat[0]:g} {self.unit} is far from the usual "
                f"{low:g} to {high:g} {self.unit}.{hint}",
                VcohortWarning,
                stacklevel=stacklevel,
            )
