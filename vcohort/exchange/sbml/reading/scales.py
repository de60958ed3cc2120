"""In which units a model counts: how many cells one T cell unit and one unit of tumour are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from vcohort.errors import VcohortError, one_of
from vcohort.exchange.sbml.library import library
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


def scales_of(
    model: Any, names: Mapping[str, str], t_cells: str | None, tumour: str | None, *, sound: bool
) -> Scales:
    """Return in which units a model counts.

    :param names: of species, by what they are called here (N, C, B).
    :param t_cells: unit that the user says, over what the file declares; and ``tumour``.
    :param sound: whether the units that the file declares fit together.
    """
    is_published = _is_published(model)
    _check_days(model, is_published or (t_cells is not None and tumour is not None))
    said = {"t_cells": t_cells, "tumour": tumour}
    if is_published:
        said = {"t_cells": t_cells or "cells/ul", "tumour": tumour or "ml"}
    allowed = {"t_cells": ("cells", "cells/ul"), "tumour": ("cells", "ml")}
    by_kind = {"t_cells": ("N", "C", "M"), "tumour": ("B", "E")}
    of = {
        kind: [symbol for name, symbol in names.items() if name in which]
        for kind, which in by_kind.items()
    }
    found: dict[str, float] = {}
    for kind, unit in said.items():
        if unit is not None:
            found[kind] = UNITS[one_of(kind, unit, allowed[kind])]
            continue
        sizes = {_declared(model, name, kind, sound) for name in of[kind]}
        if len(sizes) != 1:
            raise _unsaid(kind, "the file counts them in several units")
        found[kind] = sizes.pop()
    return Scales(**found)


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
    return unit.getMultiplier() * 10.0 ** unit.getScale() if is_time else None


def _declared(model: Any, name: str, kind: str, sound: bool) -> float:
    """Return how many cells one unit of a species is, as the file declares it."""
    if not sound:
        raise _unsaid(kind, "the file does not declare all units, or they contradict each other")
    sbml = library()
    one = model.getSpecies(name) or model.getParameter(name)
    definition = one.getDerivedUnitDefinition()
    parts: list[Any] = [] if definition is None else list(definition.getListOfUnits())
    powers: dict[int, int] = {}
    size = 1.0
    for unit in parts:
        power = unit.getExponent()
        if unit.getKind() == sbml.UNIT_KIND_MOLE:
            raise VcohortError(
                f"{name!r} is counted in moles. This family counts cells: item, or item per volume "
                "of blood."
            )
        if unit.getKind() != sbml.UNIT_KIND_DIMENSIONLESS:
            powers[unit.getKind()] = powers.get(unit.getKind(), 0) + power
        size *= (unit.getMultiplier() * 10.0 ** unit.getScale()) ** power
    item, litre = sbml.UNIT_KIND_ITEM, sbml.UNIT_KIND_LITRE
    if powers == {item: 1}:
        return size
    # Another density is likely to be that of a compartment whose size says nothing.
    is_per_ul = powers == {item: 1, litre: -1} and abs(size / _UL_PER_LITRE - 1.0) < 1e-9
    if kind == "t_cells" and is_per_ul:
        return CELLS_PER_UL
    if kind == "tumour" and powers == {litre: 1}:
        return size * CELLS_PER_ML * _ML_PER_LITRE
    text = sbml.UnitDefinition.printUnits(definition, True) if definition else "none"
    raise _unsaid(kind, f"the unit that the file declares of {name!r} ({text}) is no such unit")


def _unsaid(kind: str, why: str) -> VcohortError:
    example = {"t_cells": 't_cells="cells/ul"', "tumour": 'tumour="ml"'}[kind]
    words = {"t_cells": "T cells", "tumour": "tumour cells"}[kind]
    return VcohortError(
        f"In which unit {words} are counted is not clear: {why}. Say it: {example}, or "
        '"cells" of the body.'
    )
