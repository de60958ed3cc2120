"""From the tables of a trial to one object, checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.measurements.observations import gathered
from vcohort.regimens.nonmem import doses_of
from vcohort.regimens.regimen import Regimen
from vcohort.tables.labels import compare_labels
from vcohort.tables.table import Table, read_table
from vcohort.trials.columns import Columns, as_nonmem, columns_of
from vcohort.trials.covariates import Source, covariates_of
from vcohort.trials.events import EventRows, event_table, is_adtte, read_events
from vcohort.trials.limits import checked_limits, limited
from vcohort.trials.naming import Naming, Observables, naming_of, refuse_unused_codes
from vcohort.trials.rows import Rows, long_rows, wide_columns, wide_rows
from vcohort.trials.trial_data import Events, TrialData
from vcohort.trials.units import Unit, checked_units, dosed, in_own_units, refuse_unused, timed

_EXAMPLE = "{'ID': [1, 1], 'TIME': [0, 7], 'AMT': [1.8e8, 0], 'EVID': [1, 0], 'DV': ['.', 31.6]}"
_SURVIVAL = "{'id': [1, 2], 'time': [90, 365], 'event': [1, 0]}"
_DOSES = "{'ID': [1, 2], 'TIME': [0, 0], 'AMT': [1.8e8, 2e8]}"


def read_trial(
    table: Any,
    *,
    survival: Any = None,
    doses: Any = None,
    observables: Observables = None,
    units: Mapping[str, Unit] | None = None,
    limit: Mapping[str, float] | float | None = None,
    covariates: Sequence[str] | None = None,
    endpoint: str | None = None,
) -> TrialData:
    """Read a trial's own patients: measurements, doses, events and covariates in one object.

    Tables are CSV files (fields parted by commas, semicolons or tabs; decimal points or commas;
    UTF-8 or UTF-16, with a BOM or without), data frames, or columns by name. Names of columns are
    read in capitals and small letters. Blank cells, "." and NA are missing.

    **Measurements** come in one of three forms:

    - NONMEM and Monolix: ``ID``, ``TIME``, ``DV`` (``Y``), ``DVID`` (``YTYPE``; else ``CMT``),
      ``MDV``, ``EVID``, ``AMT``, ``ADDL``, ``II``; a limit of quantification by ``BLQ`` (1: below
      it) or ``CENS``, with ``LLOQ`` or ``LIMIT``;
    - a long table: ``patient``, ``day``, ``observable``, ``value``; if wanted ``error``, ``below``,
      ``limit``, ``unit``;
    - a wide one: ``patient``, ``day`` and a column for each observable; or one row a patient with
      the days in the names, ``C_per_ul_day_7``.

    A row of NONMEM is a measurement unless ``EVID`` or ``MDV`` says otherwise; one whose ``DV`` is
    missing is a gap. Doses are read as by :meth:`vcohort.Regimen.from_nonmem`. **Below a limit** is
    what its row flags; what is written ``<0.5`` or ``BLQ``; and where no column flags, what is
    smaller than its limit. Its value is then the limit (of ``CENS`` without one: ``DV``, as Monolix
    has it, whose ``LIMIT`` is the lower end of an interval and must be 0).

    :param survival: a row a patient: ``id``, ``time``, ``event`` (1: progression, 0: censored),
        if wanted ``start`` (watched from then on only) and ``last_free`` (the last day seen free of
        a progression that was seen on ``time``); or ADTTE (``USUBJID``, ``PARAMCD``, ``AVAL``,
        ``CNSR``), days in AVAL unless PARAM or AVALU says another unit, if wanted ``ENTRY`` and
        ``LASTFREE`` for the last two.
    :param doses: where they stand in a table of their own, its columns as those of NONMEM.
    :param observables: what was measured, ``"C_per_ul"``; or by code of DVID or column,
        ``{1: "C_per_ul", 2: "B_ml", 3: None}``, None for what is left out; names as of
        :func:`vcohort.fit`, or :class:`vcohort.Observable` objects.
    :param units: by observable, in which unit the table is, where it is not the observable's:
        ``cells/ml``, ``1e6/l``, ``mm`` (a diameter; of the volume of a sphere); any other with how
        many of the observable's unit it is, ``{"C_per_ul": ("copies/ug", 0.05)}``. Also of
        ``time``, ``survival`` (day, week, month, year; hours of time) and ``dose``
        (``1e6 cells``). Columns may say it, too: ``unit`` (``DVU``) in each row of a measurement,
        ``TIMEU`` and ``AMTU`` one for all.
    :param limit: of quantification, one or by observable, in the table's unit, where no column
        tells it.
    :param covariates: names of columns, each with one value a patient; by default all that are
        nothing else. Others are not read.
    :param endpoint: the ``PARAMCD`` of an ADTTE that holds several.
    :return: :class:`TrialData`, which :func:`vcohort.fit`, :func:`vcohort.calibrate` and the
        survival estimates take in place of tables. Patients without measurements are kept, with a
        warning.
    :raises VcohortError: for what is no such table, with the row and the column; for no
        measurement, none above its limit, and a survival table of other patients.
    """
    naming, known, limits = naming_of(observables), checked_units(units), checked_limits(limit)
    data = read_table(table, _EXAMPLE)
    columns = columns_of(data)
    data = _in_units(data, columns, known)
    rows, others = _measurements(data, columns, naming)
    refuse_unused_codes(naming, data, columns)
    if not rows.place:
        raise VcohortError("The data hold no measurement: give at least one.")
    rows = limited(rows, limits, two_ends=columns.found.get("below", "").upper() == "CENS")
    if rows.below.all():
        raise VcohortError("All measurements are below their limits: at least one must be above.")
    refuse_unused(known, [*(kind.name for kind in rows.kind), *_named(columns, survival, doses)])
    rows = in_own_units(rows, known, data.units)
    labels = data.labels(columns["patient"]) if "patient" in columns else ["all"] * len(data)
    followed = None if survival is None else _events(survival, endpoint, known.get("survival"))
    if followed is None and endpoint is not None:
        raise VcohortError(f"endpoint = {endpoint!r} is one of survival=…: give that table, too.")
    patients = _patients(labels, rows, followed)
    sources = [Source(data, others, labels), *_more_covariates(followed, covariates)]
    return TrialData(
        patients,
        gathered(patients, rows.patient, rows.day, rows.kind, rows.value, np.ones(len(rows.place)),
                 rows.error, rows.below),
        _regimen(_dose_table(data, columns, doses, known), patients),
        None if followed is None else _placed(followed, patients),
        covariates_of(sources, covariates, patients),
    )  # fmt: skip


def _in_units(data: Table, columns: Columns, units: Mapping[str, Unit]) -> Table:
    """Return the table with days in days and doses in cells."""
    # In a table of doses alone, whatever has a unit is a dose.
    dose_unit = "unit" if "unit" in columns and "value" not in columns else "unit of doses"
    for role, told_by in (("day", "unit of days"), ("dose", dose_unit)):
        if role in columns and told_by in columns:
            data = data.with_unit_of([columns[role]], columns[told_by])
    if "day" in columns:
        name = columns["day"]
        names = [name, *(each for each in data.columns if each.upper() == "II")]
        data = timed(data, names, units.get("time", data.units.get(name)))
    if "dose" in columns:
        name = columns["dose"]
        data = dosed(data, name, units.get("dose", data.units.get(name)))
    return data


def _named(columns: Columns, survival: Any, doses: Any) -> list[str]:
    """Return what else than observables has a unit here."""
    has_dose = "dose" in columns or doses is not None
    found = {"time": "day" in columns, "dose": has_dose, "survival": survival is not None}
    return [name for name, is_there in found.items() if is_there]


def _measurements(data: Table, columns: Columns, naming: Naming) -> tuple[Rows, list[str]]:
    """Return the measurements, and the columns that are left."""
    if "value" in columns:
        if "day" not in columns:
            raise VcohortError(f"The data have no column of days. Try {_EXAMPLE}.")
        return long_rows(data, columns, naming), list(columns.others)
    for role in ("observable", "error", "below", "limit", "unit", "no value", "event", "dose"):
        if role in columns:
            raise VcohortError(
                f"Column {columns[role]} is of a table with a row for each measurement, and no "
                f"column DV or value holds them. Columns: {', '.join(data.columns)}."
            )
    measured = wide_columns(columns, naming)
    left = [name for name in columns.others if name not in measured and not naming.leaves_out(name)]
    return wide_rows(data, columns, measured), left


def _patients(labels: Sequence[str], rows: Rows, followed: EventRows | None) -> tuple[str, ...]:
    """Return all patients; tell of those of whom nothing was measured."""
    more = [] if followed is None else followed.labels or []
    found = tuple(dict.fromkeys([*labels, *more]))
    compare_labels("id of the tables", found)
    if more and not set(more) & set(labels):
        raise VcohortError(
            f"No patient of the survival table, such as {more[0]!r}, is among the data, such as "
            f"{labels[0]!r}: give both the same labels."
        )
    unmeasured = [label for label in found if label not in set(rows.patient)]
    if unmeasured:
        shown = ", ".join(unmeasured[:5]) + (", …" if len(unmeasured) > 5 else "")
        warnings.warn(
            f"Of {len(unmeasured)} of {len(found)} patients nothing was measured: {shown}.",
            VcohortWarning,
            stacklevel=3,
        )
    return found


def _events(survival: Any, endpoint: str | None, unit: Unit | None) -> EventRows:
    table = event_table(read_table(survival, _SURVIVAL))
    found = read_events(table, endpoint, unit)
    if found.labels is None:
        raise VcohortError(f"The survival table names no patients. Try {_SURVIVAL}.")
    return found


def _placed(followed: EventRows, patients: Sequence[str]) -> Events:
    places = {label: place for place, label in enumerate(patients)}
    index = np.array([places[label] for label in followed.labels or ()], int)
    return Events(index, followed.start, followed.time, followed.event, followed.last_free)


def _more_covariates(followed: EventRows | None, asked: Sequence[str] | None) -> list[Source]:
    """Return the survival table's; of ADTTE, whose columns are many, those that are asked for."""
    if followed is None or (asked is None and is_adtte(followed.table)):
        return []
    return [Source(followed.table, followed.others, followed.labels or ())]


def _dose_table(
    data: Table, columns: Columns, doses: Any, units: Mapping[str, Unit]
) -> Table | None:
    """Return the table that holds the doses, with NONMEM's names; None where none does."""
    if doses is None:
        return as_nonmem(data, columns) if "dose" in columns else None
    if "dose" in columns:
        raise VcohortError(f"There are doses in {columns['dose']}, and in doses=…: give one.")
    table = read_table(doses, _DOSES)
    own = columns_of(table)
    for role in ("day", "dose"):
        if role not in own:
            raise VcohortError(f"doses has no column of the {role}. Try {_DOSES}.")
    return as_nonmem(_in_units(table, own, units), own)


def _regimen(table: Table | None, patients: Sequence[str]) -> Regimen | None:
    """Return the doses of all patients, in their order."""
    if table is None:
        return None
    labels, infusions = doses_of(table)
    labels = list(patients) if labels == [""] else labels
    for label in patients:
        if label not in labels:
            raise VcohortError(f"Patient {label} has no dose, where others have: give its own.")
    for label in labels:
        if label not in patients:
            raise VcohortError(f"Patient {label} has doses alone: give its measurements, too.")
    order = np.array([labels.index(label) for label in patients])
    # Of one patient, and of several, a dose is a number or an array.
    return Regimen(*infusions) if len(labels) == 1 else Regimen(*infusions).select(order)
