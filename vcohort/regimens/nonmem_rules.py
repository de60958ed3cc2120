"""What the rows of a NONMEM data set may say: a dose is given as they say, or they are refused.

NONMEM stops where a row speaks of a dose and its event does not, or the other way round. What it
knows and is not known here is refused: a dose would become another one.
"""

from __future__ import annotations

import numpy as np

from vcohort.errors import VcohortError
from vcohort.tables.cells import is_blank, number_of
from vcohort.tables.table import Table

_OBSERVATION, _DOSE, _OTHER = 0, 1, 2

# Columns that must say nothing, and what they would say.
_NOT_KNOWN = {
    "SS": "Doses at steady state are",
    "RATE": "An infusion that takes time is",
    "DUR": "An infusion that takes time is",
    "TINF": "An infusion that takes time is",
    "CONT": "A record of several rows is",
    "DATE": "A date is",
    "DAT1": "A date is",
    "DAT2": "A date is",
    "DAT3": "A date is",
    "EXCL": "A row that does not count is",
    "EXCLUDE": "A row that does not count is",
    "IGNORE": "A row that does not count is",
    "OMIT": "A row that does not count is",
}

# Columns that say in which unit another is, as the data sets of pharmacometricians have them.
DAY_UNITS = ("TIMEU", "TIME_UNIT", "TIMEUNIT")
DOSE_UNITS = ("AMTU", "AMT_UNIT", "AMTUNIT", "DOSEU", "DOSE_UNIT", "DOSU")

# Where a dose goes.
_TARGETS = ("CMT", "ADM")

READ_OF_DOSES = frozenset((*_NOT_KNOWN, *_TARGETS, "ADDL", "II"))
"""Columns that say nothing but what a dose is."""

_MOST_REPEATS = 10_000


def dose_rows(table: Table) -> np.ndarray:
    """Return which rows are doses; refuse what would make them others than AMT and TIME say."""
    _refuse_comments(table)
    for name, what in _NOT_KNOWN.items():
        for row in _filled_rows(table, name):
            table.refuse(row, name, f"{what} not known here")
    is_dose = _events(table)
    _check_repeats(table, is_dose)
    _check_targets(table, is_dose)
    return is_dose


def patient_rows(table: Table) -> dict[str, np.ndarray]:
    """Return the rows of each patient by label, in the order of first appearance.

    The one patient of a table without ID has the label "". The days of each do not fall.
    """
    days = table.days("TIME")
    table.refuse_where(np.isnan(days), "TIME", "Every row needs its day")
    labels = table.labels("ID") if "ID" in table else [""] * len(table)
    begins = [row for row, label in enumerate(labels) if not row or labels[row - 1] != label]
    seen: set[str] = set()
    for row in begins:
        if labels[row] in seen:
            table.refuse(
                row,
                "ID",
                "It came before, and others since: NONMEM would begin a new "
                "patient. Put the rows of each patient together",
            )
        seen.add(labels[row])
    falls = np.append(False, np.diff(days) < 0)
    falls[begins] = False
    table.refuse_where(
        falls, "TIME", "It is before that of the row above, and the days of a patient must not fall"
    )
    rows = np.split(np.arange(len(table)), begins[1:])
    return {labels[own[0]]: own for own in rows}


def zeros(table: Table, name: str) -> np.ndarray:
    """Return a column of numbers, zero where it is blank or absent, as NONMEM does."""
    return np.nan_to_num(table.numbers(name)) if name in table else np.zeros(len(table))


def intervals(table: Table) -> np.ndarray:
    """Return the days between doses, zero where there are none; in the unit of TIME by default."""
    if "II" not in table:
        return np.zeros(len(table))
    unit = table.units.get("II", table.units.get("TIME"))
    return np.nan_to_num(table.days("II", unit))


def _events(table: Table) -> np.ndarray:
    """Return which rows are doses by their event; their amount must say the same."""
    table.check_unit("AMT", ("cells",))
    cells = zeros(table, "AMT")
    event = zeros(table, "EVID") if "EVID" in table else np.where(cells > 0, _DOSE, _OBSERVATION)
    for row in np.flatnonzero(~np.isin(event, (_OBSERVATION, _DOSE, _OTHER))):
        raise VcohortError(
            f"EVID = {event[row]:g} is not known here ({table.places[row]}): 0 (observation), 1 "
            "(dose) and 2 (other) are."
        )
    is_dose = event == _DOSE
    table.refuse_where(cells < 0, "AMT", "A dose is of more than no cells")
    table.refuse_where(
        is_dose & (cells == 0), "AMT", "EVID says that the row is a dose: give its cells, or EVID 0"
    )
    table.refuse_where(
        ~is_dose & (cells > 0), "AMT", "EVID says that the row is no dose: make EVID 1, or AMT 0"
    )
    if "MDV" in table:
        table.refuse_where(
            is_dose & (zeros(table, "MDV") != 1),
            "MDV",
            "The row is a dose, of which nothing is measured: make it 1",
        )
    return is_dose


def _check_repeats(table: Table, is_dose: np.ndarray) -> None:
    interval, additional = intervals(table), zeros(table, "ADDL")
    whole = (additional == np.floor(additional)) & (additional >= 0)
    table.refuse_where(
        ~(whole & (additional <= _MOST_REPEATS)),
        "ADDL",
        f"It must be a whole number, at most {_MOST_REPEATS}",
    )
    table.refuse_where(
        (additional > 0) & ~(interval > 0), "ADDL", "It needs II, the days between doses, above 0"
    )
    table.refuse_where(
        (interval != 0) & (additional == 0), "II", "It needs ADDL, how many doses follow, above 0"
    )
    table.refuse_where(
        ~is_dose & (additional > 0), "ADDL", "The row is no dose that could be repeated"
    )


def _check_targets(table: Table, is_dose: np.ndarray) -> None:
    """Refuse doses that go elsewhere than the first, or are told in two ways."""
    for name in _TARGETS:
        where = zeros(table, name)
        table.refuse_where(where < 0, name, "A compartment that is turned off is not known here")
        table.refuse_where(
            is_dose & ~np.isin(where, where[is_dose][:1]),
            name,
            "The first dose goes elsewhere, and all are infusions of CAR T cells here. "
            "Keep those; chemotherapy is vc.Lymphodepletion",
        )
    if "DOSE" in table:
        told = ~np.isnan(table.numbers("DOSE"))
        other = told & (zeros(table, "DOSE") != zeros(table, "AMT"))
        table.refuse_where(
            is_dose & other,
            "DOSE",
            "AMT is another, and it is not plain which of them is given. Keep one of "
            "the two columns",
        )


def _refuse_comments(table: Table) -> None:
    """Refuse rows that are marked as comments, in the first column or in C."""
    first = next(iter(table.columns))
    for name in dict.fromkeys((first, "C")):
        for row in _filled_rows(table, name):
            text = str(table.columns[name][row]).strip().upper()
            if text[0] in "#@;" or text == "C" or (name == "C" and text[0].isalpha()):
                table.refuse(row, name, "It marks the row as a comment. Delete such rows")


def _filled_rows(table: Table, name: str) -> list[int]:
    """Return the rows in which a column, if there is one, holds something else than 0."""
    return [row for row, cell in enumerate(table.columns.get(name, ())) if not _is_zero(cell)]


def _is_zero(cell: object) -> bool:
    try:
        return is_blank(cell) or number_of(cell) == 0
    except ValueError:
        return False
