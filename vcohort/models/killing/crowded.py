"""Killing that a large tumour hinders: gamma_B C / (k_B + phi B + C) (paper, section 4)."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Killing, Values
from vcohort.models.param import Param
from vcohort.models.shared import gamma_B, k_B
from vcohort.models.species import Cells

phi = Param(
    "phi", r"\phi", "1", 0.01, (1e-4, 10.0), "hindrance of killing per tumour cell",
    "assumed: the paper gives the form, not the value", upper=1e6, closed=True,
)  # fmt: skip


def _rate(values: Values, cells: Cells) -> Number:
    car = cells["C"]
    return values["gamma_B"] * car / (values["k_B"] + values["phi"] * cells.tumour + car)


LAW = Killing("crowded", "gamma_B C / (k_B + phi B_all + C)", (gamma_B, k_B, phi), _rate)
