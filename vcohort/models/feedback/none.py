"""No feedback: CAR T cells grow at the constant rate rho_C."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Feedback, Values
from vcohort.models.shared import rho_C
from vcohort.models.species import Cells


def _rate(values: Values, cells: Cells) -> Number:
    return values["rho_C"]


LAW = Feedback("none", "rho_C", (rho_C,), _rate)
