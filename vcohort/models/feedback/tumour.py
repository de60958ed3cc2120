"""Feedback of the tumour on CAR T growth: antigen drives expansion, and saturates.

The feedback rho_C k_1 B / (1 + k_1 B) adds to the baseline rho_C, as the feedback of
the T cells does, so that k_1 = 0 is no feedback.
"""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Feedback, Values
from vcohort.models.shared import k_1, rho_C
from vcohort.models.species import Cells


def antigen(values: Values, cells: Cells) -> Number:
    """Return rho_C k_1 B / (1 + k_1 B)."""
    signal = values["k_1"] * cells.tumour
    return values["rho_C"] * signal / (1.0 + signal)


def _rate(values: Values, cells: Cells) -> Number:
    return values["rho_C"] + antigen(values, cells)


LAW = Feedback("B", "rho_C + rho_C k_1 B_all / (1 + k_1 B_all)", (rho_C, k_1), _rate)
