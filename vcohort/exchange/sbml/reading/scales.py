"""In which units a model counts: how many cells one T cell unit and one unit of tumour are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError, one_of
from vcohort.exchange.sbml.libsbml import library
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

UNITS: Mapping[str, float] = {"cells": 1.0, "cells/ul": CELLS_PER_UL, "ml": CELLS_PER_ML}

# Of the model that BioModels keeps, the units are those of the paper: its file declares others,
# which contradict each other.
_PUBLISHED = ("BIOMD0000001041", "MODEL2109010001")

_SECONDS_PER_DAY = 86400.0
_UL_PER_LITRE, _ML_PER_LITRE = 1e6, 1e3


class Scales(NamedTuple):
    """Cells for one unit of T cells, and of tumour."""

    t_cells: float
    tumour: float


# What is counted in T cells, and in tumour cells.
KINDS: Mapping[str, tuple[str, ...]] = {
    "t_cells": ("N", "C", "M", "K_N", "K_C", "k_B"),
    "tumour": ("B", "E", "K_B", "k_M"),
}


class Declared:
    """In which units a model counts, as it declares it or as the user says.

    :param names: of species, by what they are called here (N, C, B).
    :param t_cells: unit that the user says, over what the file declares; and ``tumour``.
    """

    def __init__(
        self, model: Any, names: Mapping[str, str], t_cells: str | None, tumour: str | None
    ) -> None:
        self._model = model
        is_published = _is_published(model)
        _check_days(model, is_published or (t_cells is not None and tumour is not None))
        self._said = {"t_cells": t_cells, "tumour": tumour}
        if is_published:
            self._said = {"t_cells": t_cells or "cells/ul", "tumour": tumour or "ml"}
        sizes = {kind: self._size(kind, names) for kind in self._said}
        self.scales = Scales(**sizes)

    def check(self, symbols: Mapping[str, str]) -> None:
        """Refuse a file that declares other units of parameters than of the cells beside them."""
        for kind, unit in self._said.items():
            wanted = getattr(self.scales, kind)
            # In cells alone, all laws are read; which of them count in what is then no matter.
            for name in KINDS[kind] if unit is None else ():
                if name not in symbols:
                    continue
                if _declared(self._model, symbols[name], kind) != wanted:
                    raise _unsaid(kind, f"the file declares another unit of {symbols[name]!r}")

    def _size(self, kind: str, names: Mapping[str, str]) -> float:
        unit = self._said[kind]
        if unit is not None:
            allowed = {"t_cells": ("cells", "cells/ul"), "tumour": ("cells", "ml")}
            return UNITS[one_of(kind, unit, allowed[kind])]
        of = [symbol for name, symbol in names.items() if name in KINDS[kind]]
        sizes = {_declared(self._model, symbol, kind) for symbol in of}
        if len(sizes) != 1:
            raise _unsaid(kind, "the file counts them in several units")
        return sizes.pop()


def _is_published(model: Any) -> bool:
    told = f"{model.getId()} {model.getMetaId()} {model.getAnnotationString()}"
    return any(name in told for name in _PUBLISHED)


def _check_days(model: Any, is_told: bool) -> None:
    """Refuse another unit of time than days; where the user says the units, days are meant."""
    seconds = _seconds(model)
    if seconds is None and is_told:
        return
    if seconds is None or abs(seconds / _SECONDS_PER_DAY - 1.0) > 1e-9:
        told = "no unit of time" if seconds is None else f"time in units of {seconds:g} seconds"
        raise VcohortError(
            f"The model declares {told}, and days are needed. Let it count in days: timeUnits."
        )


def _seconds(model: Any) -> float | None:
    """Return how many seconds the model's unit of time has, if it says so."""
    sbml = library()
    name = model.getTimeUnits() if model.getLevel() > 2 else "time"
    if not name:
        return None
    definition = model.getUnitDefinition(name)
    if definition is None:
        return {"second": 1.0, "time": 1.0}.get(name)
    if definition.getNumUnits() != 1:
        return None
    unit = definition.getUnit(0)
    is_time = unit.getKind() == sbml.UNIT_KIND_SECOND and unit.getExponent() == 1
    return _size(unit) if is_time else None


def _size(unit: Any) -> float:
    """Return how large a unit is, in that of its kind."""
    with np.errstate(all="ignore"):
        return float(unit.getMultiplier() * np.float64(10.0) ** unit.getScale())


class _Unit(NamedTuple):
    """A unit: its size, and its powers of the kinds of units that SBML knows."""

    size: float
    powers: dict[int, int]

    def over(self, other: _Unit) -> _Unit:
        """Return one unit per another."""
        kinds = {*self.powers, *other.powers}
        powers = {kind: self.powers.get(kind, 0) - other.powers.get(kind, 0) for kind in kinds}
        with np.errstate(all="ignore"):
            size = float(np.float64(self.size) / other.size)
        return _Unit(size, {kind: power for kind, power in powers.items() if power})


# What levels 2 and below mean where they say nothing.
_BY_DEFAULT = {"substance": "mole", "volume": "litre"}


def _unit(model: Any, name: str) -> _Unit:
    """Return the unit of an identifier; of none, one that is no number of cells.

    libSBML would derive it too, but from all formulas of the model, which not all files survive.
    """
    sbml = library()
    definition = model.getUnitDefinition(name) if name else None
    if definition is None:
        kind = sbml.UnitKind_forName(_BY_DEFAULT.get(name, name))
        is_none = kind in {sbml.UNIT_KIND_INVALID, sbml.UNIT_KIND_DIMENSIONLESS}
        return _Unit(1.0, {} if is_none else {kind: 1})
    size, powers = 1.0, dict[int, int]()
    for number in range(definition.getNumUnits()):
        each = definition.getUnit(number)
        power = each.getExponent()
        with np.errstate(all="ignore"):
            size *= float(np.float64(_size(each)) ** power)
        if each.getKind() != sbml.UNIT_KIND_DIMENSIONLESS:
            powers[each.getKind()] = powers.get(each.getKind(), 0) + power
    return _Unit(size, powers)


def _unit_of(model: Any, symbol: str) -> _Unit:
    """Return the unit that a file declares of a species, as formulas read it, or a parameter."""
    is_late = model.getLevel() > 2
    species = model.getSpecies(symbol)
    if species is None:
        return _unit(model, model.getParameter(symbol).getUnits())
    amount = species.getSubstanceUnits() or (model.getSubstanceUnits() if is_late else "substance")
    if species.getHasOnlySubstanceUnits():
        return _unit(model, amount)
    body = model.getCompartment(species.getCompartment())
    volume = body.getUnits() or (model.getVolumeUnits() if is_late else "volume")
    return _unit(model, amount).over(_unit(model, volume))


def _declared(model: Any, symbol: str, kind: str) -> float:
    """Return how many cells one unit of a species or a parameter is, as the file declares it."""
    sbml = library()
    size, powers = _unit_of(model, symbol)
    if sbml.UNIT_KIND_MOLE in powers:
        raise VcohortError(
            f"{symbol!r} is counted in moles. This family counts cells: item, or item per volume "
            "of blood."
        )
    item, litre = sbml.UNIT_KIND_ITEM, sbml.UNIT_KIND_LITRE
    if powers == {item: 1} and 0.0 < size < np.inf:
        return size
    # Another density is likely to be that of a compartment whose size says nothing.
    is_per_ul = powers == {item: 1, litre: -1} and abs(size / _UL_PER_LITRE - 1.0) < 1e-9
    if kind == "t_cells" and is_per_ul:
        return CELLS_PER_UL
    if kind == "tumour" and powers == {litre: 1} and 0.0 < size < np.inf:
        return size * CELLS_PER_ML * _ML_PER_LITRE
    raise _unsaid(kind, f"the file declares {symbol!r} in another unit than these, or in none")


def _unsaid(kind: str, why: str) -> VcohortError:
    example = {"t_cells": 't_cells="cells/ul"', "tumour": 'tumour="ml"'}[kind]
    words = {"t_cells": "T cells", "tumour": "tumour cells"}[kind]
    return VcohortError(
        f"In which unit {words} are counted is not clear: {why}. Say it: {example}, or "
        '"cells" of the body.'
    )
