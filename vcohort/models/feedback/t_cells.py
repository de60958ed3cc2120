"""Feedback of all T cells on CAR T growth: faster while the niche is empty (paper, eq. 2.2)."""

from __future__ import annotations

from vcohort.late import Array
from vcohort.models.law import Cells, Feedback, Values
from vcohort.models.shared import K_N, a, b, rho_C


def reconstitution(values: Values, cells: Cells) -> Array:
    """Return b (T - K_N)^2 / (a T^2 + (T - K_N)^2), with T in units of K_N."""
    total = cells.total * (1.0 / values["K_N"])
    gap = (total - 1.0) ** 2
    return values["b"] * gap / (values["a"] * total**2 + gap)


def _rate(values: Values, cells: Cells) -> Array:
    return values["rho_C"] + reconstitution(values, cells)


LAW = Feedback("T", "rho_C + b (T - K_N)^2 / (a T^2 + (T - K_N)^2)", (rho_C, K_N, a, b), _rate)
