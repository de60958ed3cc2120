"""Proliferation saturation: large tumours grow more slowly (paper, section 4, refs 31 and 32)."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.late import jnp
from vcohort.models.law import Proliferation, Values
from vcohort.models.param import Param
from vcohort.models.shared import r_B
from vcohort.models.species import Cells

K_B = Param(
    "K_B", "K_B", "cells", 1e13, (1e11, 1e15), "carrying capacity of the tumour",
    "assumed: 10 l; the paper gives the form, not the value", upper=1e25,
)  # fmt: skip


def _rate(values: Values, cells: Cells) -> Number:
    # A birth rate cannot be negative: above its capacity the tumour stops to divide.
    return values["r_B"] * jnp.maximum(0.0, 1.0 - cells.tumour / values["K_B"])


LAW = Proliferation("saturation", "r_B max(0, 1 - B_all / K_B)", (r_B, K_B), _rate)
