"""Units at the boundary. Inside, everything is in cells and days.

One T cell per microlitre of blood is 5e8 cells in the body: 5 l of blood, which
holds 1 % of all T cells. One millilitre of tumour is 1e9 cells. Both are the
conventions of Kimmel, Locke & Altrock 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from vcohort.given import check_unit, floats
from vcohort.late import is_traced

CELLS_PER_UL = 5e8
"""T cells in the body for one T cell per microlitre of blood."""

CELLS_PER_ML = 1e9
"""Tumour cells in one millilitre of tumour."""


def factors_of(unit: str) -> list[tuple[str, int]]:
    """Return the words of a unit, each with its power, 1 or -1: of ``"cells/day"`` both."""
    above, *below = unit.replace("*", " ").split("/")
    parts = ((above, 1), *((each, -1) for each in below))
    return [(word, power) for part, power in parts for word in part.split() if word != "1"]


def t_cells(per_ul: Any) -> Any:
    """Convert T cells per microlitre of blood to cells in the body."""
    return _in("cells", _numbers("per_ul", per_ul, "cells/ul") * CELLS_PER_UL)


def t_cells_per_ul(cells: Any) -> Any:
    """Convert T cells in the body to cells per microlitre of blood."""
    return _in("cells/ul", _numbers("cells", cells, "cells") / CELLS_PER_UL)


def tumour_cells(volume_ml: Any) -> Any:
    """Convert a tumour volume in millilitres to cells."""
    return _in("cells", _numbers("volume_ml", volume_ml, "ml") * CELLS_PER_ML)


def tumour_ml(cells: Any) -> Any:
    """Convert tumour cells to a volume in millilitres."""
    return _in("ml", _numbers("cells", cells, "cells") / CELLS_PER_ML)


def _in(unit: str, found: Any) -> Any:
    """Return numbers that say in which unit they are now, if they can carry one."""
    if hasattr(found, "attrs"):
        found.attrs = {**found.attrs, "units": unit}
    return found


def _numbers(name: str, value: Any, unit: str) -> Any:
    """Return a number, or numbers; a series or an array of any library keeps kind and labels.

    :raises VcohortError: also for an array that carries another unit.
    """
    if is_traced(value):
        return value
    check_unit(name, value, unit)
    plain = floats(name, value)
    if not plain.ndim:
        return float(plain)
    is_array = hasattr(value, "__array__") and np.asarray(value).dtype != object
    return value if is_array else plain
