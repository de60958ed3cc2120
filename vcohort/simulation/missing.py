"""Patients whose equations could not be followed: how they are marked, and left out by readers.

Such a patient is missing: its flags are -1, its numbers NaN. It is neither undecided nor free of
events, and no reader counts it. Patients that were masked (``ds.where``) are read alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.endpoints import Variable
from vcohort.endpoints.outcome import MISSING, OUTCOMES
from vcohort.errors import VcohortError, VcohortWarning, refuse_other

LOST = "could not be followed: a rate is too fast for the steps, or becomes impossible"
NO_PATH = "have no path: they were masked, or their equations could not be followed"
_NO_OUTCOME = NO_PATH.replace("path", "outcome")


def fill_of(kind: np.dtype) -> float | int:
    """Return what stands for a missing value: NaN, or -1 in whole numbers."""
    return float("nan") if kind.kind == "f" else MISSING


def mask_missing(
    results: Mapping[str, np.ndarray], variables: Iterable[Variable], lost: np.ndarray
) -> None:
    """Mark the lost patients (patient,) as missing in results (patient, …) by name, in place.

    ``variables``: what the results are; those that were not asked for are passed over.
    """
    for variable in variables:
        if variable.name in results:
            values = results[variable.name]
            values[lost] = fill_of(values.dtype)


def warn_missing(count: int, total: int, what_to_do: str, *, stacklevel: int = 3) -> None:
    """Warn of ``count`` missing patients of ``total``, if there are any."""
    if count:
        warnings.warn(
            f"The equations of {_share(count, total)} could not be followed: they are missing "
            f"(outcome -1, numbers NaN), and left out of all that is counted. {what_to_do}",
            VcohortWarning,
            stacklevel=stacklevel,
        )


def check_kept(found: ArrayLike, why: str = _NO_OUTCOME, *, stacklevel: int = 3) -> np.ndarray:
    """Return which patients are kept; warn of those left out, and refuse to go on with none.

    :param found: whether each is kept (patient,).
    :param why: completes "3 of 400 patients …".
    """
    kept = np.asarray(found, bool)
    count = int(kept.size - kept.sum())
    if count == kept.size:
        raise VcohortError(
            f"No patient is left: all {kept.size:,} {why}. Check the mask, and the parameters' "
            "units (per day, cells)."
        )
    if count:
        warnings.warn(
            f"{_share(count, kept.size)} {why}. They are left out.",
            VcohortWarning,
            stacklevel=stacklevel,
        )
    return kept


def known_outcomes(ds: xr.Dataset, *, stacklevel: int = 3) -> np.ndarray:
    """Return which patients' outcomes are known, in the shape of ``outcome``.

    Warns of those that are not.

    :raises VcohortError: where there is no ``outcome``, none is known, or one is none of -1, 0, 1
        and 2.
    """
    refuse_other("ds", ds, xr.Dataset, "what vc.simulate returns")
    for name in ("outcome", "event_time"):
        if name not in ds:
            raise VcohortError(
                f"There is no variable {name!r}. Give a dataset of vc.simulate, or a cell of a "
                "sweep with keep_patients=True."
            )
        if ds[name].dtype.kind not in "biuf":
            raise VcohortError(f"{name} is of the type {ds[name].dtype}: it must be numbers.")
    outcome, day = ds["outcome"].values, ds["event_time"].values
    odd = strange_outcomes(outcome)
    if odd.size:
        raise VcohortError(f"outcome holds {odd[0]:g}: it must be {_allowed()}.")
    kept = ~np.isnan(outcome) & (outcome != MISSING) & np.isfinite(day)
    return check_kept(kept, stacklevel=stacklevel + 1)


def strange_outcomes(outcome: np.ndarray) -> np.ndarray:
    """Return the values that no outcome has; NaN stands for a masked one."""
    return outcome[~(np.isin(outcome, (*OUTCOMES, MISSING)) | np.isnan(outcome))]


def _allowed() -> str:
    return f"one of {', '.join(map(str, OUTCOMES))}, or {MISSING} where it is missing"


def _share(count: int, total: int) -> str:
    return f"{count:,} of {total:,} patients"
