"""Exponential growth of the tumour (paper, eq. 2.3)."""

from __future__ import annotations

from vcohort.late import Array
from vcohort.models.law import Cells, Proliferation, Values
from vcohort.models.shared import r_B


def _rate(values: Values, cells: Cells) -> Array:
    return values["r_B"]


LAW = Proliferation("exponential", "r_B", (r_B,), _rate)
