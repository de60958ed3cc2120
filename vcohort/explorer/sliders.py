"""What a parameter's slider shows: its range, and its unit as clinicians write it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vcohort.models import Param
from vcohort.populations.distributions import median_of
from vcohort.populations.population import Population
from vcohort.studies.study import Study
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

# A slider reaches from the preset's value to so many times it, either way, as far as is possible.
_REACH = 10.0

# Of tumours; all other cells are T cells.
_TUMOUR = ("B0",)


@dataclass(frozen=True)
class Slider:
    """A parameter as a slider shows it: on a scale of logs, or plain where it may be 0.

    ``cells``: in one of its units. ``preset``: the value at which its mark is, in its unit.
    """

    param: Param
    unit: str
    cells: float
    preset: float
    low: float
    high: float
    is_log: bool

    def position(self, value: float) -> float:
        """Return where a value, in cells and days, is on the slider."""
        shown = value / self.cells
        return math.log10(shown) if self.is_log else shown

    def value(self, position: float) -> float:
        """Return the value of a position, in cells and days, to four digits."""
        shown = 10.0**position if self.is_log else position
        return float(f"{shown:.4g}") * self.cells

    def shown(self, value: float) -> str:
        """Return a value, in cells and days, as one reads it."""
        return f"{value / self.cells:.3g} {self.unit}".strip()

    @property
    def mark(self) -> float:
        """Where the preset's value is, as a share of the slider's length."""
        return (self.position(self.preset * self.cells) - self.low) / (self.high - self.low)


def sliders_of(study: Study) -> dict[str, Slider]:
    """Return the slider of each parameter of the study's laws, by name."""
    population = study.population()
    own = population.replace() if not study.set else _without_values(study)
    return {
        name: _slider(param, median_of(own.distributions[name]))
        for name, param in population.model.parameters.items()
    }


def values_of(study: Study) -> dict[str, float]:
    """Return the centres of all parameters, in cells and days, by name."""
    known = study.population().distributions
    return {name: float(median_of(each)) for name, each in known.items()}


def value_of(study: Study, name: str) -> float:
    """Return a parameter's centre in cells and days."""
    return values_of(study)[name]


def _without_values(study: Study) -> Population:
    from vcohort.explorer.settings import changed

    return changed(study, set=None).population()


def _slider(param: Param, preset: float) -> Slider:
    unit, cells = _unit(param)
    is_log = preset > 0.0
    centre = preset / cells
    low, high = (centre / _REACH, centre * _REACH) if is_log else (0.0, max(param.usual[1], 1e-9))
    low, high = max(low, param.lower / cells), min(high, param.upper / cells)
    if is_log:
        low, high = math.log10(max(low, centre / _REACH)), math.log10(high)
    return Slider(param, unit, cells, centre, low, high, is_log)


def _unit(param: Param) -> tuple[str, float]:
    """Return the unit in which clinicians think of a parameter, and how many of its own it is."""
    if param.unit == "cells":
        return ("ml", CELLS_PER_ML) if param.name in _TUMOUR else ("/µl", CELLS_PER_UL)
    return ("" if param.unit == "1" else param.unit), 1.0
