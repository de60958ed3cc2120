"""Patients whose data do not tell what is fitted: each is left out, and said why."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.measurements.observations import Observations

Reasons: TypeAlias = Mapping[int, VcohortError]
"""Why patients are lost, by their places in the data."""


def without_enough(data: Observations, parameters: int) -> Reasons:
    """Return the patients with fewer data than parameters; rows of the weight 0 are no data."""
    rows = [int(((data.patient == index) & data.counted).sum())
            for index in range(len(data.patients))]  # fmt: skip
    return too_few(data.patients, rows, parameters)


def too_few(labels: Sequence[str], rows: Sequence[int], parameters: int) -> Reasons:
    """Return the patients of whom fewer ``rows`` tell anything than there are parameters."""
    return {
        index: VcohortError(
            f"Patient {label!r} has {count} data for {parameters} free parameters: the fit has no "
            "single answer. Free fewer parameters, or give more data; rows of the weight 0, and "
            "upper limits far above the fit, tell nothing."
        )
        for index, (label, count) in enumerate(zip(labels, rows, strict=True))
        if count < parameters
    }


def unobserved(data: Observations) -> Reasons:
    """Return the patients all of whose rows are limits, which any low enough prediction meets."""
    return {
        index: VcohortError(
            f"All rows of patient {label!r} are upper limits: any prediction far enough below "
            "them is as good, so there is no single answer. Give at least one value that was "
            "measured."
        )
        for index, label in enumerate(data.patients)
        if not ((data.patient == index) & data.counted & ~data.below).any()
    }


def refuse(reasons: Reasons) -> None:
    """Refuse the data for the first of its patients who is lost."""
    for reason in reasons.values():
        raise reason


def leave_out(
    labels: Sequence[str], reasons: Reasons, lost: np.ndarray | None = None
) -> np.ndarray:
    """Return which patients are lost (patient,), these too; each new one is told of.

    :raises VcohortError: where nobody is left: the first reason.
    """
    before = np.zeros(len(labels), bool) if lost is None else lost
    new = {index: reason for index, reason in reasons.items() if not before[index]}
    now = before | np.isin(np.arange(len(labels)), list(new))
    if now.all():
        refuse(new)
    for reason in new.values():
        warnings.warn(f"{reason} What is fitted to it is missing.", VcohortWarning, stacklevel=4)
    return now


def blanked(ds: xr.Dataset, lost: np.ndarray, data: Collection[Hashable]) -> xr.Dataset:
    """Return a dataset in which all that was found of lost patients (patient,) is missing.

    NaN, of truth values False. ``data``: variables that were given, and stay.
    """
    if not lost.any():
        return ds
    is_kept = xr.DataArray(~lost, dims="patient")
    found = {
        name: each.where(is_kept, False if each.dtype == bool else np.nan)
        for name, each in ds.data_vars.items()
        if name not in data and "patient" in each.dims
    }
    return ds.assign({name: each.transpose(*ds[name].dims) for name, each in found.items()})
