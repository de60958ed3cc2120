"""Which parameters data on N, C and B could tell apart: correlations of raw sensitivities."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.results.counted import names_counted
from vcohort.results.needed import need
from vcohort.simulation.dataset import provenance
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

_UNITS = {"N": CELLS_PER_UL, "C": CELLS_PER_UL, "B": CELLS_PER_ML}


def identifiability(sensitivities: xr.Dataset, threshold: float = 0.9) -> xr.Dataset:
    """Return which parameters are identifiable together, for one patient.

    ``sensitivities``: of one patient, from :func:`local_sensitivity`. Raw sensitivities of N and C
    (cells per microlitre) and B (ml), memory cells counted with C, other clones with B,
    all states and times stacked, are correlated; while a pair of parameters is correlated by more
    than ``threshold``, of the most correlated pair the one
    that ranks lower is removed (Kimmel, Locke & Altrock 2021, section 3a).

    - ``correlation`` (parameter, other): Pearson's;
    - ``removed`` (parameter): in which turn it was removed; 0 for those that stay;
    - ``ranking`` (parameter).

    :raises VcohortError: for more than one patient, a threshold outside 0 … 1, sensitivities that
        are no numbers, and parameters without any effect.
    """
    threshold = number("threshold", threshold)
    if not 0 < threshold <= 1:
        raise VcohortError(f"threshold = {threshold:g} is impossible: it must be between 0 and 1.")
    paths = dict.fromkeys(_UNITS, ("patient", "time"))
    slopes = ("state", "patient", "time", "parameter")
    needed = {**paths, "sensitivity": slopes, "ranking": ("patient", "parameter")}
    need(sensitivities, "vc.local_sensitivity", needed)
    patients = sensitivities.sizes.get("patient", 1)
    if patients != 1:
        raise VcohortError(
            f"identifiability looks at one patient, not {patients}. Try "
            "sensitivities.isel(patient=[0])."
        )
    one = sensitivities.squeeze("patient") if "patient" in sensitivities.dims else sensitivities
    raw = [_raw(one, state) / unit for state, unit in _UNITS.items()]
    stacked, names = np.concatenate([each.values for each in raw]), one["parameter"].values
    _check(stacked, [str(name) for name in names])
    matrix = np.atleast_2d(np.corrcoef(stacked.T))
    ranking = one["ranking"].values
    return xr.Dataset(
        {
            "correlation": (
                ("parameter", "other"), matrix,
                {"units": "1", "long_name": "correlation of raw sensitivities"},
            ),
            "removed": (
                "parameter", _removed(matrix, ranking, threshold),
                {"units": "1", "long_name": "turn of removal; 0 for parameters that stay"},
            ),
            "ranking": ("parameter", ranking, one["ranking"].attrs),
        },
        {"parameter": names, "other": names},
        {"threshold": threshold, **provenance("identifiability")},
    )  # fmt: skip


def _raw(one: xr.Dataset, state: str) -> xr.DataArray:
    """Return d cells / d ln(parameter) (time, parameter) of what is counted as a state."""
    first, *others = (
        one["sensitivity"].sel(state=each) * one[each] for each in names_counted(one, state)
    )
    return sum(others, first).transpose("time", "parameter")


def _check(raw: np.ndarray, names: list[str]) -> None:
    """Refuse what has no correlation, for it would count as not correlated."""
    if not np.isfinite(raw).all():
        raise VcohortError(
            "The sensitivities hold values that are not finite: the patient could not be followed. "
            "Check its parameters' units (per day, cells)."
        )
    idle = [name for name, spread in zip(names, np.ptp(raw, axis=0), strict=True) if spread == 0]
    if idle:
        raise VcohortError(
            f"{', '.join(idle)} changes neither N, C nor B, so no data could tell it. Leave it out "
            "of local_sensitivity's parameters."
        )


def _removed(matrix: np.ndarray, ranking: np.ndarray, threshold: float) -> np.ndarray:
    """Remove, one per turn, the lower ranking one of the most correlated pair that is left."""
    removed = np.zeros(ranking.size, np.int32)
    left = np.abs(matrix) - np.eye(ranking.size)
    turn = 0
    while left.max() > threshold:
        turn += 1
        pair = np.unravel_index(int(left.argmax()), left.shape)
        loser = min(pair, key=lambda index: ranking[index])
        removed[loser] = turn
        left[loser, :] = left[:, loser] = 0.0
    return removed
