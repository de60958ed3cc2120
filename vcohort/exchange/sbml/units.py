"""The units of parameters, as SBML defines them: of cells, which are items, and days."""

from __future__ import annotations

from typing import Any

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.libsbml import library
from vcohort.units import factors_of

DAY, LITRE = "day", "litre"

_SECONDS = 86400.0
_KINDS = {"cell": "cells", "cells": "cells", "day": "days", "days": "days", "d": "days"}


def powers(unit: str, of: str) -> tuple[int, int]:
    """Return the powers of cells and days in a unit such as ``cells/day``.

    :raises VcohortError: for a unit of anything else; ``of``: the parameter whose it is.
    """
    found = {"cells": 0, "days": 0}
    for word, power in factors_of(unit):
        if word not in _KINDS:
            raise VcohortError(
                f"The unit {unit!r} of {of} cannot be written in SBML: {word!r} is neither "
                "cells nor days, of which all units of a model are made."
            )
        found[_KINDS[word]] += power
    return found["cells"], found["days"]


class Units:
    """The units of one SBML model, each defined when it is first asked for."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._define(DAY, 0, 1)

    def of(self, unit: str, of: str) -> str:
        """Return the identifier of a unit; ``of``: what has it, for the message."""
        cells, days = powers(unit, of)
        if (cells, days) == (0, 1):
            return DAY
        if days == 0 and cells in {0, 1}:
            return "item" if cells else "dimensionless"
        words = [_word("cells", cells), _word("days", days)]
        name = "_".join(word for word in words if word)
        if self._model.getUnitDefinition(name) is None:
            self._define(name, cells, days)
        return name

    def _define(self, name: str, cells: int, days: int) -> None:
        sbml = library()
        definition = self._model.createUnitDefinition()
        definition.setId(name)
        for kind, power, size in (
            (sbml.UNIT_KIND_ITEM, cells, 1.0),
            (sbml.UNIT_KIND_SECOND, days, _SECONDS),
        ):
            if power:
                unit = definition.createUnit()
                unit.setKind(kind)
                unit.setExponent(power)
                unit.setScale(0)
                unit.setMultiplier(size)


def _word(name: str, power: int) -> str:
    """Return a power as a word: ``per_days``, ``cells_2``."""
    if power == 0:
        return ""
    size = "" if abs(power) == 1 else f"_{abs(power)}"
    return f"{'per_' if power < 0 else ''}{name}{size}"
