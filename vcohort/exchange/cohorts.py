"""Virtual patients as other programs know patients: each has a name, and nobody comes twice."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.simulation.missing import known_outcomes


def one_cohort(whole: xr.Dataset) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Return the patients whose outcome is known, and their labels; warn of those left out.

    ``whole``: with an outcome over patients alone, or of one that was selected.

    :raises VcohortError: for two patients of one number.
    """
    ds = whole if "patient" in whole.dims else whole.expand_dims("patient")
    kept = ds.isel(patient=np.flatnonzero(known_outcomes(ds, stacklevel=6)))
    return kept, _labels(kept)


def _labels(ds: xr.Dataset) -> tuple[str, ...]:
    labels = tuple(map(str, ds["patient"].values.tolist()))
    if len(set(labels)) < len(labels):
        seen: set[str] = set()
        twice = next(each for each in labels if each in seen or seen.add(each))
        raise VcohortError(
            f"Two patients have the number {twice}, as in cohorts that are joined. Give each its "
            "own: ds.assign_coords(patient=range(ds.sizes['patient']))."
        )
    return labels
