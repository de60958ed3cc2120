"""Doses from a data set in the format of NONMEM: TIME, AMT, EVID, II, ADDL, ID."""

from __future__ import annotations

from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.regimens.nonmem_rules import (
    DAY_UNITS,
    DOSE_UNITS,
    dose_rows,
    intervals,
    patient_rows,
    zeros,
)
from vcohort.regimens.treatments import Infusion
from vcohort.tables.table import Table, read_table

_EXAMPLE = "{'TIME': [0, 100], 'AMT': [1.8e8, 1.8e8]}"


def doses(rows: Any) -> list[Infusion]:
    """Return the infusions of a data set; see :meth:`vcohort.Regimen.from_nonmem`."""
    table = _table(rows)
    is_dose = dose_rows(table)
    if "ID" in table:
        table.numbers("ID")  # Those of NONMEM are numbers.
    return _infusions(_by_patient(table, is_dose))


def doses_of(table: Table) -> tuple[list[str], list[Infusion]]:
    """Return the patients' labels, in the order of first appearance, and their infusions.

    ``table``: with TIME and AMT, names in capitals; other columns as of
    :meth:`vcohort.Regimen.from_nonmem`, and any text in ID.
    """
    given = _by_patient(table, dose_rows(table))
    return list(given), _infusions(given)


def _by_patient(table: Table, is_dose: np.ndarray) -> dict[str, list[tuple[float, float]]]:
    rows = patient_rows(table)
    return {label: _given(table, own[is_dose[own]]) for label, own in rows.items()}


def _table(rows: Any) -> Table:
    table = read_table(rows, _EXAMPLE).named(str.upper)
    missing = [name for name in ("TIME", "AMT") if name not in table]
    if missing:
        raise VcohortError(
            f"The rows have no {' and no '.join(missing)}. Columns: "
            f"{', '.join(table.columns) or 'none'}."
        )
    if not len(table):
        raise VcohortError("There is no row: give at least one dose.")
    for name, told_by in (("TIME", DAY_UNITS), ("AMT", DOSE_UNITS)):
        for each in told_by:
            table = table.with_unit_of([name], each) if each in table else table
    return table


def _given(table: Table, rows: np.ndarray) -> list[tuple[float, float]]:
    """Return day and cells of a patient's doses, in order, each as often as it is repeated."""
    repeats = zeros(table, "ADDL")[rows].astype(int)
    row = np.repeat(rows, repeats + 1)
    within = np.array([k for count in repeats for k in range(count + 1)])
    days = table.days("TIME")[row] + within * intervals(table)[row]
    return sorted(zip(days.tolist(), zeros(table, "AMT")[row].tolist(), strict=True))


def _infusions(patients: dict[str, list[tuple[float, float]]]) -> list[Infusion]:
    """Return the k-th doses of all patients as one infusion; who has none gets it never."""
    for label, given in patients.items():
        if not given or given[0][0] != 0.0:
            first = f"at TIME {given[0][0]:g}" if given else "missing"
            whose = f"patient {label}" if label else "a patient"
            raise VcohortError(
                f"The first dose of {whose} is {first}: it must be at TIME 0, since days are "
                "counted from the first infusion."
            )
    most = max(len(given) for given in patients.values())
    never = (np.inf, 0.0)
    padded = np.array([given + [never] * (most - len(given)) for given in patients.values()])
    if len(patients) == 1:
        return [Infusion(float(day), float(cells)) for day, cells in padded[0]]
    return [Infusion(padded[:, k, 0], padded[:, k, 1]) for k in range(most)]
