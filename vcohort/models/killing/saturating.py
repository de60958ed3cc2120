"""Killing that saturates in the CAR T cells (paper, eq. 2.3)."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Killing, Values
from vcohort.models.shared import gamma_B, k_B
from vcohort.models.species import Cells


def _rate(values: Values, cells: Cells) -> Number:
    car = cells["C"]
    return values["gamma_B"] * car / (values["k_B"] + car)


LAW = Killing("saturating", "gamma_B C / (k_B + C)", (gamma_B, k_B), _rate)
