"""Published sets of values, each value with its provenance."""

from __future__ import annotations

from dataclasses import dataclass

from vcohort.errors import one_of
from vcohort.models.shared import PAPER
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

_CODE = "open code of Kimmel, Locke & Altrock 2021 (MathOnco/CARTecology), behind its figures"


@dataclass(frozen=True)
class Preset:
    """A named set of parameter values."""

    name: str
    description: str
    values: dict[str, float]
    sources: dict[str, str]


_TABLE_1 = {
    "r_N": 0.170,
    "K_N": 2.50e11,
    "K_C": 6.96e10,
    "rho_C": 0.0251,
    "a": 0.423,
    "b": 0.525,
    "gamma_B": 1.15,
    "k_B": 2.024e9,
    "r_B": 0.065,
    "N0": 3.0e9,
    "C0": 1.8e8,
    "B0": 9.486e10,
}

_FIGURES = {
    "K_N": 500 * CELLS_PER_UL,
    "K_C": 139.28 * CELLS_PER_UL,
    "rho_C": 0.037,
    "k_B": CELLS_PER_UL / 0.247,
    "B0": 94.84 * CELLS_PER_ML,
}

_PRESETS = (
    Preset(
        "kimmel2021",
        "table 1 of the paper",
        _TABLE_1,
        dict.fromkeys(_TABLE_1, PAPER)
        | {"r_B": f"{_CODE}; the paper's table 1 gives the range 0.01 to 0.50"},
    ),
    Preset(
        "kimmel2021-figures",
        "the values behind the paper's figures; rho_C differs from table 1, and it matters",
        _TABLE_1 | _FIGURES,
        dict.fromkeys(_TABLE_1, _CODE),
    ),
)


def presets() -> dict[str, Preset]:
    """Return all presets by name."""
    return {preset.name: preset for preset in _PRESETS}


def find_preset(name: str) -> Preset:
    """Return a preset by its name."""
    return presets()[one_of("preset", name, presets())]
