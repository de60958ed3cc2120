"""What can be measured of a patient: one entry an observable, in the unit of its measurement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array

from vcohort.models import Cells
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL


@dataclass(frozen=True)
class Observable:
    """A measurement: ``log`` returns the log of the cells that it counts, ``cells`` its unit."""

    name: str
    unit: str
    cells: float
    description: str
    log: Callable[[Cells], Array]


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
        Observable("N", "cells", 1.0, "normal T cells", _normal),
        Observable("C", "cells", 1.0, "CAR T cells", _car),
        Observable("B", "cells", 1.0, "tumour cells", _tumour),
        Observable("N_per_ul", "cells/ul", CELLS_PER_UL, "normal T cells in blood", _normal),
        Observable("C_per_ul", "cells/ul", CELLS_PER_UL, "CAR T cells in blood", _car),
        Observable("ALC", "cells/ul", CELLS_PER_UL, "absolute lymphocyte count, N + C", _t_cells),
        Observable("B_ml", "ml", CELLS_PER_ML, "tumour volume", _tumour),
    )
}
