"""Gompertz growth of both T cells in one niche (paper, eqs. 2.1 and 2.2)."""

from __future__ import annotations

from vcohort.late import Array, jnp
from vcohort.models.law import Cells, Growth, Values
from vcohort.models.shared import K_C, K_N, r_N


def _rates(values: Values, cells: Cells, car_rate: Array) -> tuple[Array, Array]:
    log_total = jnp.log(cells.total)
    return (
        -values["r_N"] * (log_total - jnp.log(values["K_N"])),
        -car_rate * (log_total - jnp.log(values["K_C"])),
    )


def _relaxation(values: Values, cells: Cells, car_rate: Array) -> tuple[Array, Array]:
    total = cells.total
    return values["r_N"] * cells.normal / total, car_rate * cells.car / total


LAW = Growth("gompertz", "-r ln((N + C) / K)", (r_N, K_N, K_C), _rates, _relaxation)
