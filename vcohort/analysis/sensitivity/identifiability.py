"""Which parameters data on N, C and B could tell apart: correlations of their estimates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr

from vcohort.analysis.information import Told, correlation_of
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.results.counted import names_counted
from vcohort.results.needed import need
from vcohort.simulation.dataset import provenance
from vcohort.units import CELLS_PER_ML, CELLS_PER_UL

_UNITS = {"N": CELLS_PER_UL, "C": CELLS_PER_UL, "B": CELLS_PER_ML}

# Eigenvalues of one part in this, and below, are rounding: the matrix has no inverse.
_RANK = 1e-20
# What a direction that no data tell holds of a parameter, at least, to name it.
_NAMED = 1e-3


class _Removed(NamedTuple):
    """By parameter: the turn of removal, 0 where it stays, its partner, and their correlation."""

    turn: np.ndarray
    partner: np.ndarray
    correlation: np.ndarray


def identifiability(sensitivities: xr.Dataset, threshold: float = 0.9) -> xr.Dataset:
    """Return which parameters are identifiable together, for one patient.

    Were N and C (cells per microlitre, memory cells counted with C) and B (ml, all clones) measured
    on all days of ``sensitivities``, with one standard error, the estimates would have the
    covariance (S'S)^-1, where S are the raw sensitivities, all states and times stacked. While two
    estimates are correlated by ``threshold`` or more, of the most correlated pair the parameter
    that ranks lower is removed, that is, held at its value, and the inverse is taken anew of what
    is left (Kimmel, Locke & Altrock 2021, section 3a).

    - ``correlation`` (parameter, other): of the estimates, all parameters being free;
    - ``correlation_left`` (parameter, other): of the estimates of those that stay; NaN for others;
    - ``sensitivity_correlation`` (parameter, other): Pearson's, of the raw sensitivities;
    - ``removed`` (parameter): in which turn it was removed; 0 for those that stay;
    - ``partner``, ``partner_correlation`` (parameter): with which it was correlated then, and how;
    - ``eigenvalue`` (direction), ``eigenvector`` (direction, parameter): of the Fisher information
      S'S of the logs of the parameters, for a standard error of one cell/ul and one ml;
    - ``condition_number``: its largest eigenvalue over its smallest;
    - ``ranking`` (parameter).

    :param sensitivities: of one patient, from :func:`local_sensitivity`; with ``"1/k_B"`` among
        its parameters, signs are those of the inverse.
    :raises VcohortError: for more than one patient, a threshold outside 0 … 1, sensitivities that
        are no numbers, parameters without any effect, and parameters that no data on these days
        could tell apart, for the information has no inverse then.
    """
    threshold = number("threshold", threshold)
    if not 0 < threshold <= 1:
        raise VcohortError(f"threshold = {threshold:g} is impossible: it must be between 0 and 1.")
    raw, ranking = _stacked(sensitivities)
    names = ranking["parameter"].values
    _check(raw, [str(name) for name in names])
    correlation = _of_estimates(raw)
    removed = _remove(raw, correlation, ranking.values, threshold)
    partner = np.array(["" if index < 0 else str(names[index]) for index in removed.partner])
    values, vectors = Told.by(raw)
    pair, each = ("parameter", "other"), "parameter"
    return xr.Dataset(
        {
            "correlation": (pair, correlation, _about("correlation of the estimates")),
            "correlation_left": (
                pair, _left(raw, removed.turn), _about("correlation of the estimates that stay"),
            ),
            "sensitivity_correlation": (
                pair, np.atleast_2d(np.corrcoef(raw.T)),
                _about("correlation of the raw sensitivities"),
            ),
            "removed": (
                each, removed.turn, _about("turn of removal; 0 for parameters that stay"),
            ),
            "partner": (each, partner, {"long_name": "parameter for which it was removed"}),
            "partner_correlation": (
                each, removed.correlation, _about("correlation of the two estimates then"),
            ),
            "eigenvalue": (
                "direction", values, _about("eigenvalue of the Fisher information of the logs"),
            ),
            "eigenvector": (
                ("direction", each), vectors, _about("direction in the logs of the parameters"),
            ),
            "condition_number": ((), values[0] / values[-1], _about("largest to least eigenvalue")),
            "ranking": (each, ranking.values, ranking.attrs),
        },
        {"parameter": names, "other": names},
        {"threshold": threshold, **provenance("identifiability")},
    )  # fmt: skip


def _about(long_name: str) -> dict[str, str]:
    return {"units": "1", "long_name": long_name}


def _stacked(sensitivities: xr.Dataset) -> tuple[np.ndarray, xr.DataArray]:
    """Return a patient's d state / d ln(parameter), (state and time, parameter), and ranking."""
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
    return np.concatenate([each.values for each in raw]), one["ranking"]


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
    worth, direction = _told(raw)
    if worth[-1] <= _RANK * worth[0]:
        tied = [name for name, part in zip(names, direction[-1], strict=True) if abs(part) > _NAMED]
        raise VcohortError(
            f"No data on these days could tell {', '.join(tied)} apart: a change of one is undone "
            "by the others, and the Fisher information has no inverse. Leave one of them out of "
            "local_sensitivity's parameters, or give it more days."
        )


def _told(raw: np.ndarray) -> Told:
    """Return what the sensitivities tell, each scaled to length one."""
    return Told.by(raw / np.linalg.norm(raw, axis=0))


def _of_estimates(raw: np.ndarray) -> np.ndarray:
    """Return the correlations of (S'S)^-1; the scale of the columns leaves them as they are."""
    return correlation_of(_told(raw).covariance(_RANK))


def _remove(
    raw: np.ndarray, correlation: np.ndarray, ranking: np.ndarray, threshold: float
) -> _Removed:
    """Remove, one per turn, the lower ranking one of the most correlated pair that is left."""
    removed = _Removed(
        np.zeros(ranking.size, np.int32), np.full(ranking.size, -1), np.full(ranking.size, np.nan)
    )
    left = np.arange(ranking.size)
    for turn in range(1, ranking.size):
        between = np.abs(np.triu(correlation, 1))
        pair = np.unravel_index(int(between.argmax()), between.shape)
        if between[pair] < threshold:
            break
        loser, winner = sorted(pair, key=lambda index: ranking[left[index]])
        removed.turn[left[loser]] = turn
        removed.partner[left[loser]] = left[winner]
        removed.correlation[left[loser]] = correlation[pair]
        left = np.delete(left, loser)
        correlation = _of_estimates(raw[:, left])
    return removed


def _left(raw: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return the correlations of the estimates that stay, NaN for those that were removed."""
    matrix, left = np.full((turn.size, turn.size), np.nan), np.flatnonzero(turn == 0)
    matrix[np.ix_(left, left)] = _of_estimates(raw[:, left])
    return matrix
