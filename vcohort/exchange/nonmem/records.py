"""Patients as rows: a dose, or a measurement, each; in the order in which they happen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcohort.exchange.nonmem.subjects import Subjects

_OBSERVATION, _DOSE, _OTHER = 0, 1, 2


class Records(NamedTuple):
    """Columns (row,) by what they hold; NaN is nothing.

    ``patient``: index of each row's; ``event``: 0 a measurement, 1 a dose, 2 neither; ``code``: of
    what was measured, from 1 on, 0 of what is no measurement.
    """

    patient: np.ndarray
    day: np.ndarray
    event: np.ndarray
    cells: np.ndarray
    code: np.ndarray
    value: np.ndarray
    below: np.ndarray
    error: np.ndarray


def records_of(subjects: Subjects) -> Records:
    """Return the rows of all patients.

    On day 0 the dose comes first, later the measurement: states on a day of treatment are those
    before it. A dose of no cells is none. Of whom nothing is known on any day there is a row on day
    0 that says so.
    """
    measured, given = _measured(subjects), _given(subjects)
    told = np.concatenate([measured.patient, given.patient])
    silent = np.setdiff1d(np.arange(len(subjects.labels)), told)
    parts = (measured, given, _events(silent, np.zeros(silent.size), _OTHER))
    rows = Records(**{name: np.concatenate([getattr(part, name) for part in parts])
                      for name in Records._fields})  # fmt: skip
    first = np.where(rows.day == 0, -rows.event, rows.event)
    order = np.lexsort((first, rows.day, rows.patient))
    return Records(**{name: getattr(rows, name)[order] for name in Records._fields})


def _measured(subjects: Subjects) -> Records:
    rows = subjects.observations
    codes = {kind.name: code for code, kind in enumerate(rows.kinds, 1)}
    return _events(rows.patient, rows.day, _OBSERVATION)._replace(
        code=np.array([codes[name] for name in rows.observable], int),
        value=rows.value, below=rows.below, error=rows.error,
    )  # fmt: skip


def _given(subjects: Subjects) -> Records:
    if subjects.doses is None:
        return _events(np.zeros(0, int), np.zeros(0), _DOSE)
    day, cells = subjects.doses
    patient, dose = np.nonzero(np.isfinite(day) & (cells != 0.0))
    return _events(patient, day[patient, dose], _DOSE)._replace(cells=cells[patient, dose])


def _events(patient: np.ndarray, day: np.ndarray, event: int) -> Records:
    """Return rows that say nothing but whose they are, when, and of which event."""
    count = patient.size
    none, nothing = np.zeros(count, int), np.full(count, np.nan)
    return Records(
        patient, day, np.full(count, event), np.zeros(count), none, nothing,
        np.zeros(count, bool), nothing,
    )  # fmt: skip
