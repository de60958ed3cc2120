"""Memory cells that effectors turn into and that turn back, at constant rates.

They live in the niche of the T cells, neither divide nor kill, and die slowly: once the effectors
have contracted the CAR T cells fall at the memory cells' rate (Stein et al. 2019, CPT
Pharmacometrics Syst. Pharmacol. 8:285: two exponentials).
"""

from __future__ import annotations

from vcohort.arrays import Number
from vcohort.models.law import Flows, Memory, Values
from vcohort.models.shared import d_M, f_M, k_CM, k_MC
from vcohort.models.species import Cells, Compartment

MEMORY = Compartment("M", "memory CAR T cells", fed=True, car=True)


def _flows(values: Values, cells: Cells) -> Flows:
    there, back = values["k_CM"], values["k_MC"]
    return Flows({"M": -values["d_M"]}, {("C", "M"): there, ("M", "C"): back})


def infused(values: Values) -> dict[str, Number]:
    """Return which share of an infused product are memory cells."""
    return {"M": values["f_M"]}


LAW = Memory(
    "linear",
    "C -> M: k_CM; M -> C: k_MC; M: -d_M; infused as M: f_M",
    (f_M, k_CM, k_MC, d_M),
    compartments=(MEMORY,),
    flows=_flows,
    infused=infused,
)
