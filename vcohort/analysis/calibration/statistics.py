"""Statistics of patients and what their means should be, put together by name or in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.given import as_array, floats
from vcohort.tables.columns import refuse_shuffled


class Match(NamedTuple):
    """Statistics (patient, k), targets (k,) and their names: numbers where they have none."""

    statistics: np.ndarray
    targets: np.ndarray
    names: tuple[Any, ...]
    is_named: bool


def match(statistics: Any, targets: Any) -> Match:
    """Return statistics and targets in one order.

    :raises VcohortError: for shapes or names that do not fit, and values that are not finite.
    """
    found, names = read_statistics(statistics)
    wanted, wanted_names = _targets(targets)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or not found.size or wanted.shape != (found.shape[1],):
        raise VcohortError(
            f"statistics of shape {found.shape} need as many targets as columns, not "
            f"{wanted.shape}: give (patient, k) and (k,)."
        )
    if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
        raise VcohortError("statistics and targets must be finite numbers.")
    for some in (names, wanted_names):
        if some is not None and len(set(some)) < len(some):
            raise VcohortError(f"A statistic has its name twice: {', '.join(map(str, some))}.")
    if names is not None and wanted_names is not None:
        if set(names) != set(wanted_names):
            raise VcohortError(
                f"The statistics are called {', '.join(map(str, names))}, the targets "
                f"{', '.join(map(str, wanted_names))}: give them the same names."
            )
        wanted = wanted[[wanted_names.index(name) for name in names]]
    known = names or wanted_names
    return Match(found, wanted, known or tuple(range(wanted.size)), known is not None)


def read_statistics(given: Any) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    """Return values (patient,) or (patient, k), and the columns' names if they have any."""
    if isinstance(given, xr.Dataset):
        others = [str(name) for name, each in given.data_vars.items() if each.dims != ("patient",)]
        if others or not given.data_vars:
            raise VcohortError(
                f"A dataset of statistics has variables over 'patient' alone, not "
                f"{', '.join(others) or 'none'}. Choose them: ds[['C_max', 'nadir']]."
            )
        given = given.to_dataarray("statistic")
    if isinstance(given, xr.DataArray):
        return _of_array(given)
    if isinstance(given, pd.DataFrame):
        names = None if isinstance(given.columns, pd.RangeIndex) else tuple(given.columns)
        return np.column_stack([_numbers(given.iloc[:, k]) for k in range(given.shape[1])]), names
    if isinstance(given, Mapping):
        refuse_shuffled(given)
        columns = [_numbers(each) for each in given.values()]
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise VcohortError("statistics must be columns of one length: (patient,) each.")
        return np.column_stack(columns), tuple(given)
    return _numbers(given), None


def _of_array(given: xr.DataArray) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    if given.ndim == 1:
        return _numbers(given), None
    if given.ndim != 2 or "patient" not in given.dims:
        raise VcohortError(
            f"statistics have the dimensions {given.dims}: one must be 'patient', the other that "
            "of the statistics."
        )
    given = given.transpose("patient", ...)
    other = given.dims[1]
    names = tuple(given[other].values.tolist()) if other in given.coords else None
    return _numbers(given), names


def _targets(given: Any) -> tuple[np.ndarray, tuple[Any, ...] | None]:
    names: tuple[Any, ...] | None = None
    if isinstance(given, xr.Dataset):
        given = {str(name): each.item() for name, each in given.data_vars.items()}
    if isinstance(given, Mapping):
        names, given = tuple(given), list(given.values())
    elif isinstance(given, pd.Series) and not isinstance(given.index, pd.RangeIndex):
        names = tuple(given.index)
    elif isinstance(given, xr.DataArray) and given.ndim == 1 and given.dims[0] in given.coords:
        names = tuple(given[given.dims[0]].values.tolist())
    return np.atleast_1d(floats("targets", given)), names


def _numbers(given: Any) -> np.ndarray:
    """Return numbers; of truth values, those whose mean is the share that is true."""
    array = as_array(given)
    return array.astype(float) if array.dtype == bool else floats("statistics", given)
