"""Which patients of a dataset are drawn, and how a title says so."""

from __future__ import annotations

import numpy as np
import xarray as xr


def by_patient(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset over ``patient``; one that was selected is a dimension again.

    What is no dataset is left to those who refuse it.
    """
    is_one = isinstance(ds, xr.Dataset) and "patient" not in ds.dims
    return ds.expand_dims("patient") if is_one else ds


def first_patient(ds: xr.Dataset) -> tuple[xr.Dataset, str]:
    """Return the first patient, and a title that says who that is, and of how many."""
    ds = by_patient(ds)
    count = ds.sizes["patient"]
    more = f", the first of {count:,}" if count > 1 else ""
    return ds.isel(patient=0), f"patient {ds['patient'].values[0]}{more}"


def asks_for_log(values: np.ndarray) -> bool:
    """Return whether all numbers are above 0 and span more than a factor of ten."""
    known = values[np.isfinite(values)]
    return bool(known.size) and bool(known.min() > 0) and bool(known.max() > 10 * known.min())


def first_few(ds: xr.Dataset, most: int) -> tuple[xr.Dataset, str]:
    """Return as many patients as can be told apart, and a sentence where there are more."""
    count = ds.sizes["patient"]
    told = f"The first {most:,} of {count:,} patients." if count > most else ""
    return ds.isel(patient=slice(most)), told
