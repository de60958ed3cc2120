"""Units as files have them: by UDUNITS, as the conventions for Climate and Forecast ask.

There cells have no unit: they are counted, and their unit is 1. What a variable's unit is here is
kept beside it, and comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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


def attributes_in_files(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variable's attributes with the unit that files have, and ours beside it.

    What is of several units, ``"as the parameter"``, has none there.
    """
    own = attrs.get("units")
    if not isinstance(own, str) or to_udunits(own) == own:
        return dict(attrs)
    others = {name: value for name, value in attrs.items() if name != "units"}
    told = {} if own.startswith(_VARIOUS) else {"units": to_udunits(own)}
    return {**others, **told, OWN_UNITS: own}


def own_attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a variable's attributes with the unit that it had before it was written."""
    others = dict(attrs)
    own = others.pop(OWN_UNITS, None)
    return others if own is None else {**others, "units": own}


def with_udunits(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose units are those of files."""
    return _with_attributes(ds, attributes_in_files)


def with_own_units(ds: xr.Dataset) -> xr.Dataset:
    """Return a dataset with the units that it had before it was written."""
    return _with_attributes(ds, own_attributes)


def _with_attributes(
    ds: xr.Dataset, change: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> xr.Dataset:
    found = ds.copy()
    for variable in found.variables.values():
        variable.attrs = change(variable.attrs)
    return found
