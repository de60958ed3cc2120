"""What can be measured of a patient: one entry per observable, in the unit of its measurement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vcohort.errors import VcohortError, one_of, unknown
from vcohort.given import is_list, number
from vcohort.late import Array, jnp
from vcohort.models import Cells
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

STATES = ("N", "C", "B")


@dataclass(frozen=True)
class Observable:
    """A measurement that fits can be made to.

    :param name: as in the column ``observable`` of the data.
    :param unit: of the measurement, such as ``"cells/ul"``.
    :param cells: cells in the body that one unit stands for, above 0.
    :param description: what is measured, for the axes of pictures.
    :param log: returns the natural log of the cells that are counted, from the logs of the
        patient's cells (``cells.log_normal``, ``log_car``, ``log_tumour``), of any shape, in
        ``jax.numpy``.
    :param weighed_as: ``"N"``, ``"C"`` or ``"B"``, the state by whose weight the loss
        ``"kimmel2021"`` weighs it; without one this loss refuses it.
    :raises VcohortError: for a name that is no text, impossible ``cells``, a ``log`` that is no
        function, an unknown state.

    >>> spleen = vc.Observable("B_spleen", "ml", 1e9, "tumour in the spleen",
    ...                        lambda cells: cells.log_tumour + jnp.log(0.1))
    """

    name: str
    unit: str
    cells: float
    description: str
    log: Callable[[Cells], Array]
    weighed_as: str | None = None

    def __post_init__(self) -> None:
        for field in ("name", "unit", "description"):
            if not isinstance(getattr(self, field), str):
                raise VcohortError(f"{field} = {getattr(self, field)!r} of an observable: no text.")
        if not self.name.strip():
            raise VcohortError("An observable needs a name.")
        cells = number(f"cells of {self.name}", self.cells)
        if not 0.0 < cells < float("inf"):
            raise VcohortError(
                f"cells = {cells:g} of {self.name} is impossible: one unit must stand for a number "
                "of cells above 0."
            )
        object.__setattr__(self, "cells", cells)
        if not callable(self.log):
            raise VcohortError(
                f"log = {self.log!r} of {self.name} is no function. Try lambda cells: "
                "cells.log_car."
            )
        if self.weighed_as is not None:
            one_of("state", self.weighed_as, STATES)

    def log_measured(self, cells: Cells) -> Array:
        """Return the log of the measurement in its unit, of cells of any shape."""
        logs = jnp.asarray(self.log(cells))
        if logs.shape != cells.log_normal.shape:
            raise VcohortError(
                f"The function log of the observable {self.name!r} returns the shape "
                f"{logs.shape}: it must return that of the cells, {cells.log_normal.shape}."
            )
        return logs - math.log(self.cells)


def _normal(cells: Cells) -> Array:
    return cells.log_normal


def _car(cells: Cells) -> Array:
    return cells.log_car


def _t_cells(cells: Cells) -> Array:
    return jnp.logaddexp(cells.log_normal, cells.log_car)


def _tumour(cells: Cells) -> Array:
    return cells.log_tumour


OBSERVABLES = {
    each.name: each
    for each in (
        Observable("N", "cells", 1.0, "normal T cells", _normal, "N"),
        Observable("C", "cells", 1.0, "CAR T cells", _car, "C"),
        Observable("B", "cells", 1.0, "tumour cells", _tumour, "B"),
        Observable("N_per_ul", "cells/ul", CELLS_PER_UL, "normal T cells in blood", _normal, "N"),
        Observable("C_per_ul", "cells/ul", CELLS_PER_UL, "CAR T cells in blood", _car, "C"),
        Observable(
            "ALC", "cells/ul", CELLS_PER_UL, "absolute lymphocyte count, N + C", _t_cells, "N"
        ),
        Observable("B_ml", "ml", CELLS_PER_ML, "tumour volume", _tumour, "B"),
    )
}


def own_observables(observables: Any) -> list[Observable]:
    """Return the user's own observables, refused where they are none."""
    if not is_list(observables):
        raise VcohortError(f"observables = {observables!r} is no list of vc.Observable.")
    for each in observables:
        if not isinstance(each, Observable):
            raise VcohortError(f"{each!r} is no observable. Try vc.Observable(...).")
    return list(observables)


def find_observables(column: Iterable[Any], more: Iterable[Any] = ()) -> list[Observable]:
    """Return the observable of each row, given by its name, or as itself.

    ``more``: observables that names in the column may also mean.

    :raises VcohortError: for unknown names, and for two different observables of one name.
    """
    rows = list(column)
    known = dict(OBSERVABLES)
    for each in [*own_observables(more), *(row for row in rows if isinstance(row, Observable))]:
        if known.setdefault(each.name, each) != each:
            raise VcohortError(
                f"There are two different observables of the name {each.name!r}. Rename one."
            )
    names = [row.name if isinstance(row, Observable) else str(row).strip() for row in rows]
    for name in names:
        if name not in known:
            raise unknown("observable", name, known)
    return [known[name] for name in names]
