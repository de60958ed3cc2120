"""Columns of which it is not known before whether they hold numbers or texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.tables.cells import number_of
from vcohort.tables.labels import label_of


def values_of(
    name: str, cells: Sequence[Any], places: Sequence[str], sign: str
) -> list[float] | list[str]:
    """Return cells, none of them blank, as numbers where all are, else as labels.

    Truth values are 1 and 0. ``places``: what rows are called in messages; ``sign``: of decimals.

    :raises VcohortError: for what is neither, and for numbers some of which have decimal points and
        some commas: they would be taken for texts.
    """
    plain = [float(cell) if isinstance(cell, bool | np.bool_) else cell for cell in cells]
    try:
        return [number_of(cell, sign) for cell in plain]
    except ValueError as error:
        if all(_is_number(cell) for cell in plain):
            raise VcohortError(
                f"In the data, column {name} holds {error}: write all numbers alike."
            ) from None
    found: list[str] = []
    for cell, place in zip(plain, places, strict=True):
        try:
            found.append(label_of(cell))
        except ValueError as error:
            raise VcohortError(
                f"In the data, column {name} holds {error}, in {place}: it must hold numbers, or "
                "texts."
            ) from None
    return found


def _is_number(cell: Any) -> bool:
    """Whether a cell is a number, be it with a decimal point or comma."""
    for sign in (".", ","):
        try:
            number_of(cell, sign)
        except ValueError:
            continue
        return True
    return False
