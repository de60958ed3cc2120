"""Units as files have them: by UDUNITS, as the conventions for Climate and Forecast ask.

There cells have no unit: they are counted, and their unit is 1. What a variable's unit is here is
kept beside it, and comes back.
"""

from __future__ import annotations

import xarray as xr

from vcohort.given import OWN_UNITS
from vcohort.units import factors_of

# What is counted; UDUNITS knows no unit of it.
_COUNTED = ("cell", "cells", "copies")

_VARIOUS = "as the "


def to_udunits(unit: str) -> str:
    """Return a unit as UDUNITS writes it: ``"/day"`` is ``"day-1"``, ``"cells/ul"`` ``"ul-1"``."""
    if unit.startswith(_VARIOUS):
        return ""
    measured = [pair for pair in factors_of(unit) if pair[0] not in _COUNTED]
    return " ".join(word if power == 1 else f"{word}-1" for word, power in measured) or "1"


def with_udunits(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose units are those of files.

    What is of several units, ``"as the parameter"``, has none there.
    """
    found = ds.copy()
    for variable in found.variables.values():
        own = variable.attrs.get("units")
        if not isinstance(own, str) or to_udunits(own) == own:
            continue
        others = {name: value for name, value in variable.attrs.items() if name != "units"}
        told = {} if own.startswith(_VARIOUS) else {"units": to_udunits(own)}
        variable.attrs = {**others, **told, OWN_UNITS: own}
    return found


def with_own_units(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset with the units that it had before it was written."""
    found = ds.copy()
    for variable in found.variables.values():
        others = dict(variable.attrs)
        if (own := others.pop(OWN_UNITS, None)) is not None:
            variable.attrs = {**others, "units": own}
    return found
