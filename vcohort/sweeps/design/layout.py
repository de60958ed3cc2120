"""The cells of a sweep: a product grid, a table, or a design over ranges."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, one_of
from vcohort.given import floats, whole
from vcohort.populations.designs import uniforms
from vcohort.populations.distributions import (
    Distribution,
    Uniform,
    is_distribution,
    median_of,
    values_at,
)
from vcohort.tables.columns import refuse_shuffled

LAYOUTS = ("grid", "table", "sobol", "latin-hypercube")


@dataclass(frozen=True, eq=False)
class Layout:
    """Cells over dimensions.

    ``sizes``: cells along each dimension, by name. ``columns``: each swept name with its
    dimension and its values along it.
    """

    sizes: Mapping[str, int]
    columns: Mapping[str, tuple[str, np.ndarray]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each dimension."""
        return tuple(self.sizes.values())

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return math.prod(self.shape)

    def cell(self, index: int) -> dict[str, float]:
        """Return the swept values of one cell; cells are counted with the last name fastest."""
        place = dict(zip(self.sizes, np.unravel_index(index, self.shape), strict=True))
        return {name: float(values[place[over]]) for name, (over, values) in self.columns.items()}


def make_layout(
    axes: Mapping[str, Any], kind: str = "grid", cells: int | None = None, seed: int = 0
) -> Layout:
    """Lay out the cells.

    :param axes: what is swept, by name. ``"grid"`` and ``"table"``: values. In a grid, names
        joined by a comma move together. Designs: a pair (low, high), or a distribution.
    :param kind: ``"grid"`` (every combination), ``"table"`` (row by row), ``"sobol"`` or
        ``"latin-hypercube"`` (``cells`` points).
    :raises VcohortError: for values that make no axis.
    """
    if not isinstance(axes, Mapping):
        raise VcohortError(
            f"axes = {reprlib.repr(axes)} are not given by name. Try {{'K_C': [6e10, 8e10]}}."
        )
    named = dict(axes)
    one_of("layout", kind, LAYOUTS)
    if not named:
        raise VcohortError("Nothing is swept. Try {'K_C': np.linspace(6e10, 8e10, 21)}.")
    designed = kind in {"sobol", "latin-hypercube"}
    if designed != (cells is not None):
        raise VcohortError(
            f"The layout {kind!r} needs cells, the number of its points."
            if designed
            else f"cells = {cells} has no meaning in the layout {kind!r}: its values say how many."
        )
    if designed:
        return _design(named, kind, whole("cells", cells, least=1), seed)
    return _table(named) if kind == "table" else _grid(named)


def names_in(key: Any) -> list[str]:
    """Return the names of an axis: several, joined by commas, move together."""
    return [name.strip() for name in str(key).split(",")]


def given_values(name: str, given: Any) -> np.ndarray:
    """Return what was given of an axis: its values, its ends, or the middle of a distribution."""
    return np.array([median_of(given)]) if is_distribution(given) else _values(name, given)


def _grid(axes: Mapping[str, Any]) -> Layout:
    sizes: dict[str, int] = {}
    columns: dict[str, tuple[str, np.ndarray]] = {}
    for key, given in axes.items():
        names = names_in(key)
        values = _values(str(key), given)
        if np.unique(values).size < values.size:
            raise VcohortError(f"The axis {key} holds a value twice. Try np.unique(values).")
        sizes[names[0]] = values.size
        for name in names:
            if name in columns:
                raise VcohortError(f"{name} is swept twice. Keep one.")
            columns[name] = (names[0], values)
    return Layout(sizes, columns)


def _table(axes: Mapping[str, Any]) -> Layout:
    refuse_shuffled(axes)
    columns = {str(name): _values(str(name), given) for name, given in axes.items()}
    sizes = {name: values.size for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        raise VcohortError(f"The columns of a table must have one length, not {sizes}.")
    rows = next(iter(sizes.values()))
    return Layout({"cell": rows}, {name: ("cell", values) for name, values in columns.items()})


def _design(axes: Mapping[str, Any], kind: str, cells: int, seed: int) -> Layout:
    points = uniforms(kind, seed, first=0, count=cells, columns=len(axes), total=cells)
    columns = {
        str(name): ("cell", values_at(_range(str(name), given), points[:, column]))
        for column, (name, given) in enumerate(axes.items())
    }
    return Layout({"cell": cells}, columns)


def _range(name: str, given: Any) -> Distribution:
    if is_distribution(given):
        return given
    pair = _values(name, given)
    if pair.size != 2:
        raise VcohortError(f"{name}: a design takes (low, high), or a distribution.")
    return Uniform(*pair.tolist())


def _values(name: str, given: Any) -> np.ndarray:
    try:
        values = np.atleast_1d(floats(name, given))
    except VcohortError:
        raise VcohortError(
            f"The values of {name} must be numbers, not {reprlib.repr(given)}."
        ) from None
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise VcohortError(f"The values of {name} must be a list of finite numbers.")
    return values
