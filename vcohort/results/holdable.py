"""What a NetCDF file gives back as it was: all else is refused before anything is written."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError

_INSTEAD = {
    "O": "Give texts or numbers; of an index of several levels, reset_index",
    "S": "Give text: .astype(str)",
    "M": "Give days as numbers",
    "m": "Give days as numbers",
    "c": "Give real and imaginary part",
    "V": "Give a variable for each field",
}

# What NetCDF's conventions take for instructions to the reader, of variables and of the whole.
_OF_VARIABLES = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "dtype",
                 "coordinates", "grid_mapping", "_Netcdf4Dimid"}  # fmt: skip
_OF_ALL = {"coordinates", "_NCProperties"}

# Bytes of the floating point numbers that there are.
_FLOATS = (4, 8)


def check_holdable(ds: xr.Dataset) -> None:
    """Refuse a dataset that would not come back from a NetCDF file as it is."""
    for problem in (*_variables(ds), *_attributes("the dataset", ds.attrs, _OF_ALL)):
        raise VcohortError(f"NetCDF cannot hold this dataset: {problem}.")


def _variables(ds: xr.Dataset) -> Iterator[str]:
    for name in (*ds.dims, *ds.variables):
        yield from _name(name)
    for name, variable in ds.variables.items():
        yield from _values(str(name), variable)
        yield from _attributes(str(name), variable.attrs, _OF_VARIABLES)
    for name in ds.coords:
        if " " in str(name):
            yield f"the coordinate {str(name)!r} has a space in its name. Rename it"


def _name(name: Hashable) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"the name {name!r} is no text. Rename it"
    elif not name or "/" in name or name != name.strip() or not _is_text(name):
        yield f"{name!r} is no name there: it is empty, or has a slash, or spaces at its ends"


def _values(name: str, variable: xr.Variable) -> Iterator[str]:
    dtype = variable.dtype
    if dtype.kind == "U" or (dtype.kind == "O" and _are_texts(variable.values)):
        if not all(_is_text(text) for text in variable.values.flat):
            yield f"{name} has a text that is not in UTF-8, or holds a NUL"
    elif dtype.kind in _INSTEAD:
        yield f"{name} is of the type {dtype}. {_INSTEAD[dtype.kind]}"
    elif dtype.kind not in "biuf" or (dtype.kind == "f" and dtype.itemsize not in _FLOATS):
        yield f"{name} is of the type {dtype}. Try .astype(float)"


def _attributes(owner: str, attrs: Mapping[Any, Any], taken: set[str]) -> Iterator[str]:
    for name, value in attrs.items():
        yield from _name(name)
        if name in taken:
            yield f"readers of NetCDF take the attribute {name} of {owner} for theirs. Rename it"
        elif not _comes_back(value):
            yield (
                f"the attribute {name} of {owner} is {value!r}, a {type(value).__name__}. Give a "
                "text, a number, or an array of two numbers or more"
            )


def _comes_back(value: Any) -> bool:
    """Whether an attribute is read as it was written; a list is as an array, the same to xarray."""
    match value:
        case str():
            return _is_text(value)
        case int() if not isinstance(value, bool):
            return -(2**63) <= value < 2**64
        case float():
            return True
        case list():
            are_numbers = all(isinstance(each, int | float) for each in value)
            return are_numbers and _comes_back(np.array(value))
        case np.ndarray() | np.number():
            kind, size = value.dtype.kind, value.dtype.itemsize
            is_number = kind in "iu" or (kind == "f" and size in _FLOATS)
            many = value.ndim == 1 and value.size > 1
            return is_number and (many or isinstance(value, np.number))
        case _:
            return False


def _are_texts(values: np.ndarray) -> bool:
    return all(isinstance(each, str) for each in values.flat)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
