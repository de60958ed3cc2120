"""Tables of events, a row a patient: when each progressed, or was last seen free; also ADTTE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.tables.days import TIMES
from vcohort.tables.labels import label_of
from vcohort.tables.table import Table
from vcohort.trials.units import Unit, timed

IDS = ("id", "patient", "usubjid", "subjid")

# Days from which on a patient is watched: of whom those who progressed before are not seen.
_STARTS = ("start", "entry", "enter", "entry_day", "entry_time", "tstart", "truncation",
           "delayed_entry")  # fmt: skip
_ENDS = (*TIMES, "stop", "tstop")
_LAST_FREE = "last_free"
_UNITS = ("unit", "units", "timeu", "time_unit")

# What tables of CDISC, whose names are short, call two of these.
_ENTRY, _LASTFREE = "entry", "lastfree"

# Columns of CDISC's table of times to events, of which each name has one meaning.
_ADTTE = ("aval", "cnsr")

KNOWN = frozenset((*IDS, *_STARTS, *_ENDS, _LAST_FREE, _LASTFREE, *_ADTTE, *_UNITS, "event",
                   "paramcd", "param", "avalu"))  # fmt: skip
"""Names of columns that mean something here."""
_TIME_IN_TEXT = re.compile(r"\((day|week|month|year)s?\)", re.IGNORECASE)

PATIENTS = "{'id': ['P1', 'P2'], 'time': [90, 365], 'event': [1, 0]}"


class EventRows(NamedTuple):
    """What a table says of each patient (patient,), as of :class:`vcohort.trials.Events`.

    ``labels``: who each is, None where the table names nobody; ``table``: the rows that are read;
    ``others``: its columns that are none of these.
    """

    labels: list[str] | None
    start: np.ndarray
    time: np.ndarray
    event: np.ndarray
    last_free: np.ndarray
    table: Table
    others: tuple[str, ...]

    def refuse_others(self) -> None:
        """Refuse columns that nobody reads; those of ADTTE are known, and some not needed."""
        for name in self.others:
            if not is_adtte(self.table):
                raise unknown("column", name, ("event", "time", "start", _LAST_FREE, *IDS[:2]))


def is_adtte(table: Table) -> bool:
    """Whether a table, its names in small letters, is CDISC's of times to events."""
    return all(name in table for name in _ADTTE)


def event_table(table: Table) -> Table:
    """Return a table with the names that mean something here in small letters, all others kept."""
    known = table.named(lambda name: name.lower() if name.lower() in KNOWN else name)
    if _LAST_FREE in known:
        return known
    return known.named(lambda name: _LAST_FREE if name == _LASTFREE else name)


def read_events(table: Table, endpoint: str | None = None, unit: Unit | None = None) -> EventRows:
    """Return the events of a table, named as by :func:`event_table`.

    :param unit: of its days, where the table does not tell it.
    :param endpoint: of ADTTE: the PARAMCD that is meant, where it holds several.
    :raises VcohortError: for no days, or two columns of them; impossible days; a start that is not
        before the end; a patient twice; an endpoint that is not there.
    """
    days = [name for name in table.columns if name in (*_ENDS, *_STARTS, _LAST_FREE, "aval")]
    for told_by in _UNITS:
        if told_by in table and not is_adtte(table):
            table = table.with_unit_of(days, told_by)
    table = timed(table, days, unit)
    rows = _of_adtte(table, endpoint) if is_adtte(table) else _of_patients(table, endpoint)
    table = rows.table
    if not len(table):
        raise VcohortError("The trial is empty: give at least one patient.")
    name = _end(table)
    for row in np.flatnonzero(~(rows.time >= 0)):
        raise VcohortError(
            f"{name} = {table.columns[name][row]} in {table.places[row]} is impossible: it must be "
            "a number, at least 0."
        )
    table.refuse_where(~((rows.start >= 0) & ((rows.start < rows.time) | (rows.start == 0))),
                       _only(table, _STARTS) or name,
                       f"A patient is watched from a day on that is before the end, {name}, and at "
                       "least 0")  # fmt: skip
    if _LAST_FREE in table:
        wrong = rows.event & ~np.isnan(rows.last_free)
        wrong &= ~((rows.last_free >= rows.start) & (rows.last_free <= rows.time))
        table.refuse_where(wrong, _LAST_FREE, "It must lie between the first day watched and that "
                           f"of the event, {name}")  # fmt: skip
    _refuse_twice(rows)
    return rows


def _of_patients(table: Table, endpoint: str | None) -> EventRows:
    if endpoint is not None:
        raise VcohortError(
            f"endpoint = {endpoint!r} chooses among the PARAMCD of an ADTTE, which this is not: it "
            "has no AVAL and CNSR. Leave it out."
        )
    if "event" not in table:
        raise VcohortError(
            "There is no column event (1: progression, 0: censored), nor AVAL and CNSR. Columns: "
            f"{', '.join(table.columns)}. Try {PATIENTS}."
        )
    name, begin = _end(table), _only(table, _STARTS)
    unit = TIMES.get(name, "day") if name not in ("time", "stop", "tstop") else None
    count, own = len(table), table.units.get(name, unit)
    start = np.zeros(count) if begin is None else table.days(begin, own)
    free = table.days(_LAST_FREE, own) if _LAST_FREE in table else np.full(count, np.nan)
    event = table.flags("event")
    read = {name, "event", begin, _LAST_FREE, *(each for each in IDS if each in table)}
    return EventRows(
        _labels(table), start, table.days(name, unit), event, np.where(event, free, np.nan), table,
        tuple(each for each in table.columns if each not in read),
    )  # fmt: skip


def _of_adtte(table: Table, endpoint: str | None) -> EventRows:
    if "paramcd" in table:
        table = table.rows(_chosen(table, endpoint))
    elif endpoint is not None:
        raise VcohortError(f"endpoint = {endpoint!r}: the table has no PARAMCD to choose it by.")
    censored = table.numbers("cnsr")
    table.refuse_where(~((censored >= 0) & (censored == np.floor(censored))), "cnsr",
                       "It must be 0 (the event) or a whole number above (censored)")  # fmt: skip
    count, unit, event = len(table), _unit(table), censored == 0
    start = np.nan_to_num(table.days(_ENTRY, unit)) if _ENTRY in table else np.zeros(count)
    free = table.days(_LAST_FREE, unit) if _LAST_FREE in table else np.full(count, np.nan)
    others = tuple(name for name in table.columns
                   if name not in (*_ADTTE, *IDS, _ENTRY, _LAST_FREE))  # fmt: skip
    return EventRows(
        _labels(table), start, table.days("aval", unit), event, np.where(event, free, np.nan),
        table, others,
    )  # fmt: skip


def _chosen(table: Table, endpoint: str | None) -> np.ndarray:
    """Return the rows of one endpoint: the only one, or that which is asked for."""
    codes = table.read("paramcd", label_of, "the endpoint in every row")
    known = list(dict.fromkeys(codes))
    if endpoint is None and len(known) > 1:
        raise VcohortError(
            f"PARAMCD holds {', '.join(known)}: keep the rows of one, or say which is meant, "
            f"endpoint={known[0]!r}, to vc.read_trial, vc.kaplan_meier or vc.cox."
        )
    if endpoint is not None and endpoint not in known:
        raise unknown("endpoint", endpoint, known)
    wanted = known[0] if endpoint is None and known else endpoint
    return np.flatnonzero([code == wanted for code in codes])


def _unit(table: Table) -> str | None:
    """Return the unit of AVAL, from AVALU or from the text of PARAM."""
    told = {str(cell).strip() for cell in table.columns.get("avalu", ())}
    texts = {str(cell) for cell in table.columns.get("param", ())}
    told |= {found[1].lower() for text in texts if (found := _TIME_IN_TEXT.search(text))}
    told = {each.lower().removesuffix("s") for each in told}
    if len(told) > 1:
        raise VcohortError(f"AVAL is in several units, {', '.join(sorted(told))}: give one.")
    return next(iter(told), None)


def _end(table: Table) -> str:
    """Return the column of the days followed."""
    if is_adtte(table):
        return "aval"
    names = [name for name in table.columns if name in _ENDS]
    if len(names) != 1:
        raise VcohortError(
            f"Give one column of days, 'time' or 'day', not {' and '.join(names) or 'none'}."
        )
    return names[0]


def _only(table: Table, names: Sequence[str]) -> str | None:
    found = [name for name in table.columns if name in names]
    if len(found) > 1:
        raise VcohortError(f"{found[0]} and {found[1]} both say from when on: keep one.")
    return found[0] if found else None


def _labels(table: Table) -> list[str] | None:
    name = next((each for each in IDS if each in table), None)
    return None if name is None else table.labels(name)


def _refuse_twice(rows: EventRows) -> None:
    seen: set[str] = set()
    for label, place in zip(rows.labels or (), rows.table.places, strict=False):
        if label in seen:
            raise VcohortError(f"Patient {label} comes again in {place}: give one row a patient.")
        seen.add(label)
