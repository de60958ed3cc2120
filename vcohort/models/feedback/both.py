"""Feedback of all T cells and of the tumour on CAR T growth."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.feedback.t_cells import reconstitution
from vcohort.models.feedback.tumour import antigen
from vcohort.models.law import Feedback, Values
from vcohort.models.shared import K_N, a, b, k_1, rho_C
from vcohort.models.species import Cells


def _rate(values: Values, cells: Cells) -> Number:
    return values["rho_C"] + reconstitution(values, cells) + antigen(values, cells)


LAW = Feedback(
    "both",
    "rho_C + b (T - K_N)^2 / (a T^2 + (T - K_N)^2) + rho_C k_1 B_all / (1 + k_1 B_all)",
    (rho_C, K_N, a, b, k_1),
    _rate,
)
