"""Exponential growth of the tumour (paper, eq. 2.3)."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Proliferation, Values
from vcohort.models.shared import r_B
from vcohort.models.species import Cells


def _rate(values: Values, cells: Cells) -> Number:
    return values["r_B"]


LAW = Proliferation("exponential", "r_B", (r_B,), _rate)
