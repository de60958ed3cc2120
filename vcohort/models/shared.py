"""Parameters that several laws share. Sources: Kimmel, Locke & Altrock 2021, table 1."""

from __future__ import annotations

from vcohort.models.param import Param

PAPER = "Kimmel, Locke & Altrock 2021, Proc. R. Soc. B 288:20210229, table 1"

r_N = Param(
    "r_N", "r_N", "/day", 0.170, (0.01, 1.0), "net growth rate of normal T cells", PAPER, upper=1e3
)
K_N = Param(
    "K_N", "K_N", "cells", 2.50e11, (1e10, 1e13), "carrying capacity of normal T cells", PAPER,
    upper=1e18,
)  # fmt: skip
K_C = Param(
    "K_C", "K_C", "cells", 6.96e10, (1e9, 1e13), "carrying capacity of CAR T cells", PAPER,
    upper=1e18,
)  # fmt: skip
rho_C = Param(
    "rho_C", r"\rho_C", "/day", 0.0251, (1e-3, 1.0), "baseline growth rate of CAR T cells", PAPER,
    upper=1e3,
)  # fmt: skip
a = Param(
    "a", "a", "1", 0.423, (0.01, 10.0), "signalling inefficiency in the CAR T growth rate", PAPER,
    upper=1e6,
)  # fmt: skip
b = Param(
    "b", "b", "/day", 0.525, (0.01, 10.0), "immune reconstitution in the CAR T growth rate", PAPER,
    upper=1e3, closed=True,
)  # fmt: skip
gamma_B = Param(
    "gamma_B", r"\gamma_B", "/day", 1.15, (0.01, 10.0), "largest rate of killing per tumour cell",
    PAPER, upper=1e3, closed=True,
)  # fmt: skip
k_B = Param(
    "k_B", "k_B", "cells", 2.024e9, (1e7, 1e12), "CAR T cells at which killing is half its largest",
    PAPER, upper=1e18,
)  # fmt: skip
k_1 = Param(
    "k_1", "k_1", "/cell", 1e-11, (1e-14, 1e-6), "tumour's signal to CAR T cells, per tumour cell",
    "assumed: half its effect at 100 ml; the paper gives the form, not the value", upper=1e3,
    closed=True,
)  # fmt: skip
r_B = Param(
    "r_B", "r_B", "/day", 0.065, (0.005, 1.0), "growth rate of the tumour",
    f"{PAPER}: 0.01 to 0.50; 0.065 is the value of its open code", upper=1e3, closed=True,
)  # fmt: skip

# Published models of memory cells have other forms, and so other rates (docs/tutorials/memory.md).
_ASSUMED = "assumed: a round number, not taken from data"

f_M = Param(
    "f_M", "f_M", "1", 0.05, (1e-3, 1.0), "share of memory cells in the infused product",
    _ASSUMED, upper=1.0, closed=True,
)  # fmt: skip
k_CM = Param(
    "k_CM", "k_{CM}", "/day", 0.005, (1e-6, 0.5), "rate at which effectors turn to memory cells",
    _ASSUMED, upper=1e3, closed=True,
)  # fmt: skip
k_MC = Param(
    "k_MC", "k_{MC}", "/day", 1e-4, (1e-6, 0.5), "rate at which memory cells turn to effectors",
    _ASSUMED, upper=1e3, closed=True,
)  # fmt: skip
d_M = Param(
    "d_M", "d_M", "/day", 0.0032, (1e-4, 0.1), "death of memory cells",
    "Stein et al. 2019, CPT Pharmacometrics Syst. Pharmacol. 8:285: the slow decline of "
    "tisagenlecleucel", upper=1e3, closed=True,
)  # fmt: skip

N0 = Param(
    "N0", "N(0)", "cells", 3.00e9, (1e7, 1e13), "normal T cells at the first infusion", PAPER,
    upper=1e18,
)  # fmt: skip
C0 = Param(
    "C0", "C(0)", "cells", 1.80e8, (1e5, 1e12), "CAR T cells infused at day 0", PAPER, upper=1e18
)
B0 = Param(
    "B0", "B(0)", "cells", 9.486e10, (1e8, 1e14), "tumour cells at the first infusion", PAPER,
    upper=1e18,
)  # fmt: skip

INITIAL = (N0, C0, B0)
