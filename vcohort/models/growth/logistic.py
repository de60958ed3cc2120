"""Generalised logistic growth; its limit at c = 0 is Gompertz growth (paper, section 3b).

x' = r x (1 - (T/K)^c) with r growing as 1/c is written here as -r ((T/K)^c - 1) / c,
so that r keeps its meaning, the rate of return to the capacity, at every c.
"""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.late import jnp
from vcohort.models.law import Growth, Values
from vcohort.models.param import Param
from vcohort.models.shared import K_C, K_N, r_N
from vcohort.models.species import Cells

# Below this exponent the expansion ln x (1 + c ln x / 2 + (c ln x)^2 / 6) is exact to float32.
_NEARLY_GOMPERTZ = 1e-4

c = Param(
    "c", "c", "1", 1.0, (0.01, 10.0), "exponent of the generalised logistic",
    "1 is the standard logistic; the paper's section 3b fits it", upper=100.0, closed=True,
)  # fmt: skip


def _crowding(log_ratio: Number, exponent: Number) -> Number:
    small = exponent < _NEARLY_GOMPERTZ
    safe = jnp.where(small, 1.0, exponent)
    scaled = exponent * log_ratio
    series = log_ratio * (1.0 + 0.5 * scaled * (1.0 + scaled / 3.0))
    return jnp.where(small, series, jnp.expm1(safe * log_ratio) / safe)


def _rates(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    log_total, exponent = jnp.log(cells.total), values["c"]
    return (
        -values["r_N"] * _crowding(log_total - jnp.log(values["K_N"]), exponent),
        -car_rate * _crowding(log_total - jnp.log(values["K_C"]), exponent),
    )


def _relaxation(values: Values, cells: Cells, car_rate: Number) -> tuple[Number, Number]:
    total, exponent = cells.total, values["c"]
    return (
        values["r_N"] * (total / values["K_N"]) ** exponent * cells["N"] / total,
        car_rate * (total / values["K_C"]) ** exponent * cells["C"] / total,
    )


LAW = Growth(
    "logistic",
    "N: -r_N ((T / K_N)^c - 1) / c; C: -r_C ((T / K_C)^c - 1) / c",
    (r_N, K_N, K_C, c),
    _rates,
    _relaxation,
)
