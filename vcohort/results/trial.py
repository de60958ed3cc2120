"""Progression-free survival of a trial: of its patients, a row each, or as a published curve."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import scipy
import xarray as xr

from vcohort.errors import VcohortError, unknown
from vcohort.given import floats
from vcohort.results.followed import Followed, follow_cohort
from vcohort.tables.days import TIMES, in_days
from vcohort.tables.table import Table, read_table

Patients: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | pd.DataFrame
"""A table of a trial's patients, a row each: a CSV file's path, columns by name."""

Trial: TypeAlias = Patients | xr.DataArray | xr.Dataset
"""A trial's patients, or its survival curve."""

_PATIENTS = "{'id': ['P1', 'P2'], 'time': [90, 365], 'event': [1, 0]}"
_CURVE = "{'day': [0, 90, 365], 'pfs': [1, 0.6, 0.4]}"
_FORMS = "a CSV file's path, a data frame or columns by name"
_EXAMPLE = f"the patients {_PATIENTS} (event 1: progression, 0: censored) or the curve {_CURVE}"

_IDS = ("id", "patient")
_CURVES = ("pfs", "survival", "progression_free_survival")
_BANDS = ("lower", "upper")

# Where patients are watched only from a day on, of whom those who progressed before are not seen.
_ENTRIES = ("entry", "enter", "entry_day", "entry_time", "start", "tstart", "time0", "t0", "left",
            "truncation", "delayed_entry", "stop", "tstop", "time1", "time2")  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """A trial's survival in steps: each value holds from its day on, 1 before the first.

    ``last``: day until which it is known; ``label``: its name in pictures; ``patients``: how many,
    where it is told.
    """

    days: np.ndarray
    survival: np.ndarray
    last: float
    label: str
    patients: int | None = None

    def at(self, days: np.ndarray) -> np.ndarray:
        """Return the survival on ``days``."""
        place = np.searchsorted(self.days, days, side="right") - 1
        return np.where(place < 0, 1.0, self.survival[place])


def read_curve(trial: Any) -> Curve:
    """Return a trial's curve: as it is given, or the Kaplan-Meier estimate of its patients.

    ``trial``: a DataArray over ``day``; or a CSV file's path, a data frame or columns by name, of
    a curve (``day``; ``pfs`` or ``survival``, whose band ``lower`` and ``upper`` is not read) or
    of patients (see :func:`follow`). Days may be given in a column ``week``, ``month`` or ``year``.

    :raises VcohortError: for anything else, and for a curve that is no survival.
    """
    if isinstance(trial, xr.DataArray):
        return _of_array(trial)
    if _is_cohort(trial):
        raise VcohortError(f"This dataset is a virtual cohort, and no trial. Give {_EXAMPLE}.")
    table = _table(trial, f"A trial must be a DataArray over 'day', or {_FORMS}: {_EXAMPLE}.")
    if not _is_of_patients(table):
        return _of_curve(table)
    followed = _of_patients(table)
    days = np.union1d(0.0, followed.event_days)
    survival = scipy.stats.ecdf(followed.times).sf.evaluate(days)
    return Curve(days, survival, followed.last, f"trial (n = {len(table):,})", len(table))


def follow(cohort: Any) -> Followed:
    """Return how long patients were followed, those of a virtual cohort or those of a trial.

    ``cohort``: a dataset of :func:`vcohort.simulate`; or a table, a row a patient, as a CSV file's
    path, a data frame or columns by name: ``time`` in days (or ``day``, ``week``, ``month``,
    ``year``), ``event`` (1: progression, 0: censored) and, if wanted, ``id``.

    :raises VcohortError: for anything else: a curve, which does not tell how many are followed;
        patients who are watched only from a later day on; other columns; a patient twice.
    """
    if _is_cohort(cohort):
        return follow_cohort(cohort)
    wanted = f"Give a dataset of vc.simulate, or a trial's patients, as {_FORMS}: {_PATIENTS}."
    table = _table(cohort, wanted)
    if not _is_of_patients(table):
        raise VcohortError(f"A curve does not tell how many patients are followed. {wanted}")
    return _of_patients(table)


def _is_cohort(given: Any) -> bool:
    if not isinstance(given, xr.Dataset):
        return False
    names = {str(name).lower() for name in given.variables}
    return "outcome" in names or not names & {"event", *_CURVES}


def _table(trial: Any, wanted: str) -> Table:
    """Return a table of known form; ``wanted`` says what would be right."""
    if not isinstance(trial, str | os.PathLike | Mapping) and not hasattr(trial, "columns"):
        raise VcohortError(wanted)
    table = read_table(trial, _EXAMPLE).named(str.lower)
    for name in table.columns:
        if name in _ENTRIES:
            raise VcohortError(
                f"Column {name!r} says that patients are watched only from a day on (left "
                "truncation), which is not known here. Give time, since the infusion, and event."
            )
    return table


def _is_of_patients(table: Table) -> bool:
    curves = [name for name in _CURVES if name in table]
    if ("event" in table) == bool(curves):
        raise VcohortError(
            f"It is not plain what these columns are: {', '.join(table.columns) or 'none'}. Give "
            f"{_EXAMPLE}."
        )
    return not curves


def _of_patients(table: Table) -> Followed:
    _refuse_others(table, ("event", *_IDS))
    days, progressed = _days(table), table.flags("event")
    if not len(table):
        raise VcohortError("The trial is empty: give at least one patient.")
    for name in _IDS:
        seen: set[str] = set()
        for label, place in zip(table.labels(name) if name in table else (), table.places,
                                strict=False):  # fmt: skip
            if label in seen:
                raise VcohortError(
                    f"Patient {label} comes again in {place}: give one row a patient."
                )
            seen.add(label)
    return Followed(days[progressed], days[~progressed], float(days.max()), 0)


def _of_curve(table: Table) -> Curve:
    curves = [name for name in _CURVES if name in table]
    _refuse_others(table, (*curves, *_BANDS))
    if len(curves) > 1:
        raise VcohortError(f"There are two curves, {curves[0]} and {curves[1]}: keep one.")
    unit = table.units.get(curves[0])
    return _curve(_days(table), table.numbers(curves[0]), unit, "trial")


def _of_array(trial: xr.DataArray) -> Curve:
    if trial.dims != ("day",) or "day" not in trial.coords:
        raise VcohortError(
            "trial must be a DataArray over 'day', whose coordinate holds the days, such as "
            f"vc.data.progression_free_survival(), not over {trial.dims}."
        )
    days = in_days("day", trial["day"])
    label = str(trial.attrs.get("label", "trial"))
    return _curve(days, floats("trial", trial.values), trial.attrs.get("units"), label)


def _curve(days: np.ndarray, survival: np.ndarray, unit: str | None, label: str) -> Curve:
    if unit not in (None, "", "1", "dimensionless", "fraction", "probability"):
        raise VcohortError(f"The unit of the survival is {unit!r}: give fractions, 0 to 1.")
    if not days.size:
        raise VcohortError(f"The trial's curve is empty. Give {_CURVE}.")
    if not (np.isfinite(survival).all() and np.isfinite(days).all()):
        raise VcohortError("The trial's survival holds values that are not finite.")
    if (survival < 0).any() or (survival > 1).any() or (np.diff(survival) > 1e-9).any():
        raise VcohortError(
            "The trial's survival must fall from at most 1 to at least 0, from day to day. (Divide "
            "percent by 100.)"
        )
    if (np.diff(days) <= 0).any() or days[0] < 0:
        raise VcohortError("The trial's days must increase, from day 0 on.")
    return Curve(days, survival, float(days[-1]), label)


def _days(table: Table) -> np.ndarray:
    names = [name for name in table.columns if name in TIMES]
    if len(names) != 1:
        raise VcohortError(
            f"Give one column of days, 'time' or 'day', not {' and '.join(names) or 'none'}."
        )
    name = names[0]
    days = table.days(name, None if name == "time" else TIMES[name])
    for row in np.flatnonzero(~(days >= 0)):
        raise VcohortError(
            f"{name} = {table.columns[name][row]} in {table.places[row]} is impossible: it must be "
            "a number, at least 0."
        )
    return days


def _refuse_others(table: Table, known: tuple[str, ...]) -> None:
    for name in table.columns:
        if name not in (*known, *TIMES):
            raise unknown("column", name, (*known, "time"))
