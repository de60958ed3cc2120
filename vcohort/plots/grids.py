"""Cells of a sweep in a picture: where they lie, on which scale, and what is written beside."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.plots.style import DAYS, symbols

# A share of patients is drawn on the whole of its range; these are shares.
SHARES_OF_PATIENTS = ("cure_probability", "cured", "progressed", "undecided", "pfs",
                      "pfs_probability")  # fmt: skip


def edges_of(centres: xr.DataArray) -> np.ndarray:
    """Return the edges of cells about these centres; a single one is as wide as it is large."""
    values = centres.values
    if values.size == 1:
        half = abs(values[0]) / 2 or 0.5
        return np.array([values[0] - half, values[0] + half])
    if scale_of(centres) == "log":
        return np.exp(_between(np.log(values)))
    return _between(values)


def _between(values: np.ndarray) -> np.ndarray:
    between = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - between[0]], between, [2 * values[-1] - between[-1]]])


def scale_of(values: xr.DataArray) -> str:
    """Return "log" for values in even ratios, which lie on each other else."""
    known = np.sort(values.values.astype(float))
    if known.size < 3 or known[0] <= 0 or known[-1] < 10 * known[0]:
        return "linear"
    return (
        "log" if np.ptp(np.diff(np.log(known))) < 0.01 * np.log(known[-1] / known[0]) else "linear"
    )


def range_of(variable: str, values: xr.DataArray) -> tuple[float | None, float | None]:
    """Return the ends of the colours: of a share always 0 and 1, else those of the values."""
    if variable in SHARES_OF_PATIENTS or variable.endswith("_share"):
        return 0.0, 1.0
    known = values.values[np.isfinite(values.values)]
    return (float(known.min()), float(known.max())) if known.size else (None, None)


def label_of(ds: xr.Dataset, name: str) -> str:
    """Return what is written beside an axis of the sweep."""
    if name == "day":
        return DAYS
    units = ds[name].attrs.get("units", "1")
    (symbol,) = symbols([name])
    return symbol if units == "1" else f"{symbol}, {units}"


def name_of(ds: xr.Dataset, variable: str) -> str:
    """Return what is written beside a variable."""
    about = ds[variable].attrs
    units = about.get("units", "1")
    return about["long_name"] if units == "1" else f"{about['long_name']}, {units}"


def units_of(ds: xr.Dataset) -> dict[str, str]:
    """Return the unit of each coordinate, where it has one."""
    told = {str(name): str(each.attrs.get("units", "1")) for name, each in ds.coords.items()}
    # A day is its own unit.
    return told | {"day": "1"}
