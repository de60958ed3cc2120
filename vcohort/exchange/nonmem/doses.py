"""When each patient is given how many cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion, Lymphodepletion


class Doses(NamedTuple):
    """Days and cells (patient, dose); of what a patient is not given the day is infinite."""

    day: np.ndarray
    cells: np.ndarray


def doses_of(regimen: Regimen, patients: int, first: np.ndarray | None = None) -> Doses:
    """Return the infusions of a regimen.

    :param first: cells (patient,) of the first infusion, which is always there, and of each whose
        number of cells is not told.
    :raises VcohortError: where a number of cells is told nowhere.
    """
    given = [each for each in regimen.treatments if isinstance(each, Infusion)]
    day = [np.broadcast_to(np.asarray(each.day, float), patients) for each in given]
    cells = [_cells(each, patients, first) for each in given]
    if first is not None:
        # An infusion on day 0 takes the place of the first.
        replaced = np.any([each == 0.0 for each in day], axis=0) if day else np.False_
        day.insert(0, np.where(replaced, np.inf, np.zeros(patients)))
        cells.insert(0, first)
    return Doses(*(np.array(each).reshape(len(day), patients).T for each in (day, cells)))


def _cells(infusion: Infusion, patients: int, first: np.ndarray | None) -> np.ndarray:
    cells = first if infusion.cells is None else infusion.cells
    if cells is None:
        raise VcohortError(
            f"Of {infusion!r} no number of cells is told. Give it: vc.Infusion(day, cells)."
        )
    return np.broadcast_to(np.asarray(cells, float), patients)


def lymphodepletions_of(regimen: Regimen, patients: int) -> dict[str, np.ndarray]:
    """Return days and shares of lymphodepletions (patient,), which no dose can say, by name.

    Who never gets one has no day.
    """
    names = [prefix for prefix, each in regimen.named_treatments()
             if isinstance(each, Lymphodepletion)]  # fmt: skip
    found = {
        name: np.broadcast_to(np.asarray(value, float), patients)
        for name, value, _ in regimen.named_fields()
        if any(name.startswith(f"{prefix}_") for prefix in names)
    }
    return {name: without_never(value) for name, value in found.items()}


def without_never(days: np.ndarray) -> np.ndarray:
    """Return days, NaN in place of infinite ones, which are no number to these programs."""
    return np.where(np.isinf(days), np.nan, days)
