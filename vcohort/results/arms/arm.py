"""One arm as it is compared: who its patients are, and what became of them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, VcohortWarning, refuse_other
from vcohort.models import known_parameters
from vcohort.results.followed import first_events

# What says which patients were drawn: others are no pairs, whatever their numbers.
_DRAWN_BY = ("cohort_seed", "design")

# What says of whom patients are drawn; an arm may have another dose or product all the same.
_DRAWN_FROM = ("preset", "sigma", "joint")

# Of the parameters of the same patients, an arm changes less than this share.
_LEAST_ALIKE = 0.5

# What says when a patient progresses: arms that differ in it count other events.
_MEANING = ("progression", "seen_at_visits")

# The method by which no tumour dies out.
_CERTAIN = "deterministic"

# Attributes that are told of each arm: records, and what is shorter than this; not those of all
# files alike.
_TOLD = 2000
_OF_FILES = ("Conventions", "title", "schema_version", "kind")


@dataclass(frozen=True)
class Arm:
    """First events of those patients of an arm whose outcome is known.

    ``patient``: labels of all; None where they have none. ``kept``: of whom the rest is;
    ``last``: day to which all were followed; ``ds``: what else is known of all.
    """

    ds: xr.Dataset
    patient: np.ndarray | None
    kept: np.ndarray
    outcome: np.ndarray
    days: np.ndarray
    last: float

    def values(self, name: str) -> np.ndarray:
        """Return a variable of those who are kept."""
        return self.ds[name].values[self.kept]

    def among(self, labels: np.ndarray) -> Arm:
        """Return the arm with these patients alone, in their order."""
        assert self.patient is not None
        places = np.flatnonzero(self.kept)
        order = np.argsort(self.patient[places])
        rows = order[np.searchsorted(self.patient[places], labels, sorter=order)]
        return replace(self, kept=places[rows], outcome=self.outcome[rows], days=self.days[rows])


def read_arm(name: str, ds: Any, *, stacklevel: int = 5) -> Arm:
    """Return an arm of a dataset of patients; refuse all else."""
    refuse_other(f"arm {name!r}", ds, xr.Dataset, "what vc.simulate returns")
    if "outcome" in ds and ds["outcome"].dims != ("patient",):
        raise VcohortError(
            f"The outcome of arm {name!r} is over {ds['outcome'].dims}, and not over patients "
            "alone. Choose one cell: ds.isel(...)."
        )
    seen = first_events(ds, stacklevel=stacklevel)
    labels = ds["patient"].values if "patient" in ds.coords else None
    return Arm(ds, labels, seen.kept, seen.outcome, seen.days, float(seen.until.min()))


def paired_with(arm: Arm, other: Arm) -> bool:
    """Whether two arms have the same patients, each once."""
    if arm.patient is None or other.patient is None:
        return False
    if any(arm.ds.attrs.get(key) != other.ds.attrs.get(key) for key in _DRAWN_BY):
        return False
    mine, theirs = np.argsort(arm.patient), np.argsort(other.patient)
    labels = arm.patient[mine]
    if not np.array_equal(labels, other.patient[theirs]) or (labels[1:] == labels[:-1]).any():
        return False
    alike = [
        _agree(arm.ds[name].values[mine], other.ds[name].values[theirs])
        for name in known_parameters()
        if all(name in each.ds and each.ds[name].dims == ("patient",) for each in (arm, other))
    ]
    return not alike or float(np.mean(alike)) >= _LEAST_ALIKE


def _agree(some: np.ndarray, others: np.ndarray) -> bool:
    """Whether the known of two arrays are the same."""
    return bool(((some == others) | np.isnan(some) | np.isnan(others)).all())


def known_in_all(arms: Mapping[str, Arm], reference: str) -> tuple[dict[str, Arm], dict[str, bool]]:
    """Return the arms, and whether each is paired with the reference.

    Those that are keep the patients whose outcome is known in all of them, in one order, so that
    the difference of two values is their difference.
    """
    base = arms[reference]
    paired = {name: name == reference or paired_with(arm, base) for name, arm in arms.items()}
    if sum(paired.values()) < 2:
        return dict(arms), paired
    labels: np.ndarray | None = None
    for name, arm in arms.items():
        if paired[name] and arm.patient is not None:
            mine = arm.patient[arm.kept]
            labels = np.sort(mine) if labels is None else np.intersect1d(labels, mine)
    if labels is None or not labels.size:
        raise VcohortError(
            "The arms have the same patients, but none has an outcome in all of them. Check the "
            "masks, or give the patients of each arm numbers of their own."
        )
    return {name: arm.among(labels) if paired[name] else arm for name, arm in arms.items()}, paired


def peaks_within(arms: Mapping[str, Arm], last: float) -> bool:
    """Whether all peaks of CAR T cells of all arms are known to be those until a day."""
    horizons = {arm.ds.attrs.get("horizon") for arm in arms.values()}
    if not all("T_max" in arm.ds for arm in arms.values()):
        return len(horizons) == 1
    return not any((arm.values("T_max") > last).any() for arm in arms.values())


def warn_other_events(arms: Mapping[str, Arm], *, stacklevel: int) -> None:
    """Warn of arms in which progression does not mean the same, or chance has no part in some."""
    certain = [name for name, arm in arms.items() if arm.ds.attrs.get("method") == _CERTAIN]
    if 0 < len(certain) < len(arms):
        warnings.warn(
            f"Chance has no part in {', '.join(certain)}, by the method {_CERTAIN}: nobody is "
            "cured there, and in part it differs by that. Run all arms by one method.",
            VcohortWarning,
            stacklevel=stacklevel,
        )
    for key in _MEANING:
        found = {name: str(arm.ds.attrs.get(key, "")) for name, arm in arms.items()}
        if len(set(found.values())) > 1:
            told = ", ".join(f"{name}: {value or 'none'}" for name, value in found.items())
            warnings.warn(
                f"Progression does not mean the same in all arms: {key} differs ({told}). What "
                "differs between them is in part how it was counted.",
                VcohortWarning,
                stacklevel=stacklevel,
            )


def warn_other_populations(arms: Mapping[str, Arm], *, stacklevel: int) -> None:
    """Warn of arms whose patients were drawn from different populations."""
    known = [arm.ds.attrs for arm in arms.values() if "population_record" in arm.ds.attrs]
    differing = [key for key in _DRAWN_FROM if len({str(each.get(key)) for each in known}) > 1]
    if differing:
        warnings.warn(
            f"The arms' patients are of different populations ({', '.join(differing)} differ): "
            f"what differs between {', '.join(arms)} is in part who was treated. To see what a "
            "treatment does, give the same cohort each.",
            VcohortWarning,
            stacklevel=stacklevel,
        )


def shared(arms: Mapping[str, Arm], names: Iterable[str]) -> Sequence[str]:
    """Return which variables all arms have, and mean the same by."""
    return [
        name
        for name in names
        if all(name in arm.ds and arm.ds[name].dims == ("patient",) for arm in arms.values())
        and len({str(arm.ds[name].attrs.get("long_name")) for arm in arms.values()}) == 1
    ]


def settings_of(arms: Mapping[str, xr.Dataset]) -> str:
    """Return the attributes of each arm that are a number, a short text or a record, as JSON."""
    found = {
        name: {str(key): value if isinstance(value, str) else float(value)
               for key, value in ds.attrs.items()
               if isinstance(value, str | int | float | np.number)
               and key not in _OF_FILES
               and (len(str(value)) < _TOLD or str(key).endswith("_record"))}
        for name, ds in arms.items()
    }  # fmt: skip
    return json.dumps(found)
