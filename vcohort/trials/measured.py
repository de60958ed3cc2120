"""What a cell of measurements says: a number, or that it is below a limit."""

from __future__ import annotations

from typing import Any

from vcohort.tables.cells import number_of

# Of what laboratories write where a value is below the limit of quantification.
_BELOW = {"blq", "bloq", "bql", "<lloq", "<loq", "<blq", "<lod"}

WANTED = "numbers, or what is below a limit, such as <0.5 or BLQ"


def measured_of(cell: Any, sign: str) -> tuple[float, bool]:
    """Return the number in a cell, and whether the measurement is below it.

    NaN where the cell is blank, or says that a value is below a limit, and not which.

    :raises ValueError: for anything else; its text says what the cell holds.
    """
    text = cell.strip() if isinstance(cell, str) else ""
    if "".join(text.lower().split()) in _BELOW:
        return float("nan"), True
    if text.startswith("<"):
        return number_of(text.lstrip("<=").strip(), sign), True
    return number_of(cell, sign), False
