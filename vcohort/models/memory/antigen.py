"""Memory cells that turn back to effectors where there is tumour, the more of it the faster.

The rate saturates: k_MC B / (k_M + B). Since the T cells then depend on the tumour, no closed form
of the tumour's law holds.
"""

from __future__ import annotations

from vcohort.models.law import Flows, Memory, Values
from vcohort.models.memory.linear import MEMORY, infused
from vcohort.models.param import Param
from vcohort.models.shared import d_M, f_M, k_CM, k_MC
from vcohort.models.species import Cells

k_M = Param(
    "k_M", "k_M", "cells", 1e9, (1e6, 1e12),
    "tumour cells at which memory cells turn back at half their largest rate",
    "assumed: 1 ml of tumour, not taken from data", upper=1e18,
)  # fmt: skip


def _flows(values: Values, cells: Cells) -> Flows:
    met = cells["B"] / (values["k_M"] + cells["B"])
    back = values["k_MC"] * met
    return Flows({"M": -values["d_M"]}, {("C", "M"): values["k_CM"], ("M", "C"): back})


LAW = Memory(
    "antigen",
    "C -> M: k_CM; M -> C: k_MC B / (k_M + B); M: -d_M; infused as M: f_M",
    (f_M, k_CM, k_MC, d_M, k_M),
    compartments=(MEMORY,),
    flows=_flows,
    infused=infused,
)
