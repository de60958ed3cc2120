"""Explicit interaction: separate niches, and normal T cells that prey on CAR T cells.

The alternative that the paper examined and discarded (section 3c). With
delta_N = 0 the two populations grow apart, each by its own Gompertz law.
"""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.late import jnp
from vcohort.models.law import Growth, Values
from vcohort.models.param import Param
from vcohort.models.shared import K_C, K_N, r_N
from vcohort.models.species import Cells

delta_N = Param(
    "delta_N", r"\delta_N", "/day", 0.1, (1e-3, 10.0),
    "death of CAR T cells by normal T cells at their capacity",
    "assumed: the paper gives the idea, not the value", upper=1e3, closed=True,
)  # fmt: skip


def _rates(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    predation = values["delta_N"] * cells["N"] / values["K_N"]
    return (
        -values["r_N"] * (cells.logs["N"] - jnp.log(values["K_N"])),
        -car_rate * (cells.logs["C"] - jnp.log(values["K_C"])) - predation,
    )


def _relaxation(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    return values["r_N"], car_rate


LAW = Growth(
    "interaction",
    "N: -r_N ln(N / K_N); C: -r_C ln(C / K_C) - delta_N N / K_N",
    (r_N, K_N, K_C, delta_N),
    _rates,
    _relaxation,
)
