"""Killing that saturates in tumour and CAR T cells: gamma_B (B/(k_B+B)) (C/(k_C+C)) in all.

Per tumour cell this is gamma_B C / ((k_B + B) (k_C + C)); the paper names the form in
its section 4. For tumours much smaller than k_B it is the base law with
gamma_B / k_B for gamma_B and k_C for k_B.
"""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Killing, Values
from vcohort.models.param import Param
from vcohort.models.shared import PAPER
from vcohort.models.species import Cells

_ASSUMED = "assumed: small tumours die as in the base law; the paper gives the form, not the value"

gamma_B = Param(
    "gamma_B", r"\gamma_B", "cells/day", 1.15e12, (1e9, 1e14), "largest killing in all", _ASSUMED,
    upper=1e20, closed=True,
)  # fmt: skip
k_B = Param(
    "k_B", "k_B", "cells", 1e12, (1e9, 1e14), "tumour cells at which killing is half its largest",
    _ASSUMED, upper=1e18,
)  # fmt: skip
k_C = Param(
    "k_C", "k_C", "cells", 2.024e9, (1e7, 1e12), "CAR T cells at which killing is half its largest",
    PAPER, upper=1e18,
)  # fmt: skip


def _rate(values: Values, cells: Cells) -> Number:
    car = cells["C"]
    per_cell = values["gamma_B"] / (values["k_B"] + cells.tumour)
    return per_cell * car / (values["k_C"] + car)


LAW = Killing(
    "doubly-saturating",
    "gamma_B C / ((k_B + B_all) (k_C + C))",
    (gamma_B, k_B, k_C),
    _rate,
)
