"""Sets of values, published or fitted to published data, each value with its provenance."""

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

# Fits of the seven free parameters to the quartiles of the CAR T cell counts, to four digits, and
# what of them stands in the fitted values and the quartile column of the paper's table 1.
_QUARTILES = {
    "q1": (
        "lower quartile",
        {
            "r_N": 0.1647, "rho_C": 0.02084, "K_C": 6.163e10, "a": 0.1550, "b": 0.4675,
            "gamma_B": 0.9506, "k_B": 1.399e9,
        },
        {"r_N": "0.165", "rho_C": "0.0208", "K_C": "6.15e10", "b": "0.467", "k_B": "1.40e9"},
    ),
    "median": (
        "median",
        {
            "r_N": 0.1695, "rho_C": 0.02507, "K_C": 7.083e10, "a": 0.3016, "b": 0.5218,
            "gamma_B": 0.7445, "k_B": 1.990e9,
        },
        {"r_N": "0.170", "rho_C": "0.0251", "a": "0.302", "b": "0.522"},
    ),
    "q3": (
        "upper quartile",
        {
            "r_N": 0.1696, "rho_C": 0.03540, "K_C": 9.651e10, "a": 0.09997, "b": 0.4823,
            "gamma_B": 0.6406, "k_B": 3.022e9,
        },
        {
            "r_N": "0.170", "rho_C": "0.0354", "K_C": "9.65e10", "a": "0.100", "gamma_B": "0.64",
            "k_B": "3.125e9",
        },
    ),
}  # fmt: skip


def _quartile(name: str) -> Preset:
    """Return the fit to one quartile of the counts; what was not fitted is as in table 1."""
    quartile, fitted, published = _QUARTILES[name]
    refit = f"our fit of the paper's eleven data ({quartile} of the CAR T cells), by its loss"
    first = _PUBLISHED[0]
    sources = {
        each: f"{refit}; table 1 gives {published[each]}" if each in published else refit
        for each in fitted
    }
    return Preset(
        f"kimmel2021-{name}",
        f"our fit to the {quartile} of the CAR T cell counts",
        first.values | fitted,
        first.sources | sources,
    )


_PUBLISHED = (
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
    every = (*_PUBLISHED, *(_quartile(name) for name in _QUARTILES))
    return {preset.name: preset for preset in every}


def find_preset(name: str) -> Preset:
    """Return a preset by its name."""
    return presets()[one_of("preset", name, presets())]
