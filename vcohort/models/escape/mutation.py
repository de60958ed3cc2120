"""Antigen-negative tumour cells: there from the start, and born by mutation.

Of each division of B one daughter is antigen-negative with the probability u. Antigen-negative
cells divide by the law of the tumour at their own rate r_E, stay antigen-negative, and are killed
as bystanders: at a fraction eps of the rate of B, 0 where they are not. The default values are our
assumptions: none is taken from data.
"""

from __future__ import annotations

from collections.abc import Callable

from vcohort.arrays import Number
from vcohort.models.law import CloneRates, Escape, Values
from vcohort.models.param import Param
from vcohort.models.species import Cells, Clone

POSITIVE = Clone("B", "antigen-positive tumour cells")
NEGATIVE = Clone("E", "antigen-negative tumour cells")

u = Param(
    "u", "u", "1", 1e-7, (1e-12, 1e-2),
    "chance that a division of an antigen-positive cell gives one antigen-negative daughter",
    "assumed", upper=1.0, closed=True, open_above=True,
)  # fmt: skip
eps = Param(
    "eps", r"\varepsilon", "1", 0.0, (1e-3, 1.0),
    "share of the killing that reaches antigen-negative cells", "assumed", upper=1.0, closed=True,
)  # fmt: skip
r_E = Param(
    "r_E", "r_E", "/day", 0.065, (0.005, 1.0), "growth rate of antigen-negative cells",
    "assumed: that of antigen-positive cells", upper=1e3, closed=True,
)  # fmt: skip
E0 = Param(
    "E0", "E(0)", "cells", 0.0, (1.0, 1e12), "antigen-negative cells at the first infusion",
    "assumed: none", upper=1e18, closed=True,
)  # fmt: skip


def _rates(
    values: Values, cells: Cells, births_at: Callable[[Number], Number], killing: Number
) -> CloneRates:
    return CloneRates(
        {"E": births_at(values["r_E"])}, {"E": values["eps"] * killing}, {("B", "E"): values["u"]}
    )


LAW = Escape(
    "mutation",
    "B -> E: u; births of E: births_at(r_E); deaths of E: eps killing",
    (u, eps, r_E, E0),
    clones=(NEGATIVE,),
    first=POSITIVE,
    rates=_rates,
)
