"""Cells that are counted together in a dataset: all CAR T cells, all tumour cells."""

from __future__ import annotations

import xarray as xr


def names_counted(ds: xr.Dataset, name: str) -> list[str]:
    """Return the names of a state and of others that count with it, by their ``counted_as``.

    So do memory cells with ``"C"``, and other clones with ``"B"``.
    """
    return [name, *(str(each) for each, values in ds.data_vars.items()
                    if values.attrs.get("counted_as") == name)]  # fmt: skip


def counted(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return the cells of a state, with those of others that count with it."""
    first, *others = (ds[each] for each in names_counted(ds, name))
    return sum(others, first)


def first_tumour(ds: xr.Dataset) -> xr.DataArray:
    """Return the cells (patient,) of each tumour on day 0, of all clones."""
    first, *others = (ds[f"{name}0"] for name in names_counted(ds, "B"))
    return sum(others, first)
