"""Doses from a data set in the format of NONMEM: TIME, AMT, EVID, II, ADDL, ID."""

from __future__ import annotations

from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.tables import read_columns
from vcohort.treatments import Infusion

_OBSERVATION, _DOSE, _OTHER = 0, 1, 2

_EXAMPLE = "{'TIME': [0, 100], 'AMT': [1.8e8, 1.8e8]}"


def doses(rows: Any) -> list[Infusion]:
    """Return the infusions of a data set; see :meth:`vcohort.Regimen.from_nonmem`."""
    table = _table(rows)
    days, cells = table["TIME"], table["AMT"]
    event = table.get("EVID", np.where(cells > 0, _DOSE, _OBSERVATION))
    resets = event[~np.isin(event, (_OBSERVATION, _DOSE, _OTHER))]
    if resets.size:
        raise VcohortError(
            f"EVID = {resets[0]:g} is not known here: 0 (observation), 1 (dose) and 2 (other) are."
        )
    nothing = np.zeros_like(days)
    interval, additional = table.get("II", nothing), table.get("ADDL", nothing)
    patient = table.get("ID", nothing)
    given: dict[float, list[tuple[float, float]]] = {float(each): [] for each in patient}
    for row in np.flatnonzero(event == _DOSE):
        for repeat in range(_repeats(additional[row], interval[row]) + 1):
            day = float(days[row] + repeat * interval[row])
            given[float(patient[row])].append((day, float(cells[row])))
    return _infusions([sorted(each) for each in given.values()])


def _infusions(patients: list[list[tuple[float, float]]]) -> list[Infusion]:
    """Return the k-th doses of all patients as one infusion; who has none gets it never."""
    for given in patients:
        if not given or given[0][0] != 0.0:
            first = f"at TIME {given[0][0]:g}" if given else "missing"
            raise VcohortError(
                f"The first dose of a patient is {first}: it must be at TIME 0, since days are "
                "counted from the first infusion."
            )
    most = max(len(given) for given in patients)
    never = (np.inf, 0.0)
    padded = np.array([given + [never] * (most - len(given)) for given in patients])
    if len(patients) == 1:
        return [Infusion(float(day), float(cells)) for day, cells in padded[0]]
    return [Infusion(padded[:, k, 0], padded[:, k, 1]) for k in range(most)]


def _repeats(additional: float, interval: float) -> int:
    if additional > 0 and not interval > 0:
        raise VcohortError(f"ADDL = {additional:g} needs II, the days between doses, above 0.")
    if additional < 0 or additional != int(additional):
        raise VcohortError(f"ADDL = {additional:g} is impossible: it must be a whole number.")
    return int(additional)


def _table(rows: Any) -> dict[str, np.ndarray]:
    """Return the known columns as numbers, each of one length."""
    columns = {name.upper(): column for name, column in read_columns(rows, _EXAMPLE).items()}
    missing = [name for name in ("TIME", "AMT") if name not in columns]
    if missing:
        raise VcohortError(
            f"The rows have no {' and no '.join(missing)}. Columns: {', '.join(columns) or 'none'}."
        )
    known = ("ID", "TIME", "AMT", "EVID", "II", "ADDL")
    table = {name: _numbers(name, columns[name]) for name in known if name in columns}
    sizes = {name: values.size for name, values in table.items()}
    if len(set(sizes.values())) > 1 or not sizes["TIME"]:
        raise VcohortError(f"The columns must have one length, at least one row, not {sizes}.")
    return table


def _numbers(name: str, column: Any) -> np.ndarray:
    """Return a column as numbers; NONMEM's dot is a zero."""
    values = [0.0 if str(value).strip() in {".", ""} else value for value in column]
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise VcohortError(f"Column {name} holds text: it must hold numbers.") from None
    if not np.isfinite(numbers).all():
        raise VcohortError(f"Column {name} holds {numbers[~np.isfinite(numbers)][0]:g}.")
    return numbers
