"""No feedback: CAR T cells grow at the constant rate rho_C."""

from __future__ import annotations

from vcohort.late import Array
from vcohort.models.law import Cells, Feedback, Values
from vcohort.models.shared import rho_C


def _rate(values: Values, cells: Cells) -> Array:
    return values["rho_C"]


LAW = Feedback("none", "rho_C", (rho_C,), _rate)
