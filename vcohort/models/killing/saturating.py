"""Killing that saturates in the CAR T cells (paper, eq. 2.3)."""

from __future__ import annotations

from vcohort.late import Array
from vcohort.models.law import Cells, Killing, Values
from vcohort.models.shared import gamma_B, k_B


def _rate(values: Values, cells: Cells) -> Array:
    car = cells.car
    return values["gamma_B"] * car / (values["k_B"] + car)


LAW = Killing("saturating", "gamma_B C / (k_B + C)", (gamma_B, k_B), _rate)
