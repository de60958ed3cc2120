"""Gompertz growth of both T cells in one niche (paper, eqs. 2.1 and 2.2)."""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.late import jnp
from vcohort.models.law import Growth, Values
from vcohort.models.shared import K_C, K_N, r_N
from vcohort.models.species import Cells


def _rates(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    log_total = jnp.log(cells.total)
    return (
        -values["r_N"] * (log_total - jnp.log(values["K_N"])),
        -car_rate * (log_total - jnp.log(values["K_C"])),
    )


def _relaxation(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    total = cells.total
    return values["r_N"] * cells["N"] / total, car_rate * cells["C"] / total


LAW = Growth(
    "gompertz",
    "N: -r_N ln(T / K_N); C: -r_C ln(T / K_C)",
    (r_N, K_N, K_C),
    _rates,
    _relaxation,
)
