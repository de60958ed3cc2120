"""Progression-free survival of a trial: of its patients, a row each, or as a published curve."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError, unknown
from vcohort.given import floats, is_list
from vcohort.results.followed import Followed, follow_cohort
from vcohort.results.kaplan_meier import steps_of
from vcohort.results.needed import need
from vcohort.tables.days import TIMES, in_days
from vcohort.tables.table import Table, read_table
from vcohort.trials.events import PATIENTS, EventRows, event_table, is_adtte, read_events
from vcohort.trials.trial_data import Events, TrialData

Patients: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | pd.DataFrame | TrialData
"""A table of a trial's patients, a row each: a CSV file's path, columns by name; or a trial."""

Trial: TypeAlias = Patients | xr.DataArray | xr.Dataset
"""A trial's patients, or its survival curve."""

_CURVE = "{'day': [0, 90, 365], 'pfs': [1, 0.6, 0.4]}"
_FORMS = "a CSV file's path, a data frame or columns by name"
_EXAMPLE = f"the patients {PATIENTS} (event 1: progression, 0: censored) or the curve {_CURVE}"

_CURVES = ("pfs", "survival", "progression_free_survival")
_BANDS = ("lower", "upper")


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

    ``trial``: a DataArray over ``day``; a dataset of :func:`vcohort.kaplan_meier`; or a CSV file's
    path, a data frame or columns by name, of a curve (``day``; ``pfs`` or ``survival``, whose band
    ``lower`` and ``upper`` is not read) or of patients (see :func:`follow`). Days may be given in a
    column ``week``, ``month`` or ``year``.

    :raises VcohortError: for anything else, and for a curve that is no survival.
    """
    if isinstance(trial, xr.DataArray):
        return _of_array(trial)
    if isinstance(trial, xr.Dataset) and trial.attrs.get("kind") == "survival":
        return _of_estimate(trial)
    if _is_cohort(trial):
        raise VcohortError(f"This dataset is a virtual cohort, and no trial. Give {_EXAMPLE}.")
    if isinstance(trial, TrialData):
        return _of_followed(_of_trial(trial)[0])
    table = _table(trial, f"A trial must be a DataArray over 'day', or {_FORMS}: {_EXAMPLE}.")
    return _of_followed(_of_patients(table)[0]) if _is_of_patients(table) else _of_curve(table)


def follow(cohort: Any, endpoint: str | None = None) -> Followed:
    """Return how long patients were followed, those of a virtual cohort or those of a trial.

    ``cohort``: a dataset of :func:`vcohort.simulate`; a trial of :func:`vcohort.read_trial`; or a
    table, a row a patient, as a CSV file's path, a data frame or columns by name: ``time`` in days
    (or ``day``, ``week``, ``month``, ``year``), ``event`` (1: progression, 0: censored) and, if
    wanted, ``id`` and ``start``; or an ADTTE, of which ``endpoint`` chooses the PARAMCD.

    :raises VcohortError: for anything else: a curve, which does not tell how many are followed;
        other columns; a patient twice.
    """
    return follow_with(cohort, (), endpoint)[0]


def follow_with(
    cohort: Any, names: Sequence[str], endpoint: str | None = None
) -> tuple[Followed, dict[str, np.ndarray]]:
    """Return :func:`follow`, and columns by name, of the same patients.

    Columns of a table, variables (patient,) of a virtual cohort, covariates of a trial.
    """
    if isinstance(cohort, TrialData):
        return _of_trial(cohort, names, endpoint)
    if _is_cohort(cohort):
        if endpoint is not None:
            raise VcohortError(f"endpoint = {endpoint!r} is of an ADTTE, not of a virtual cohort.")
        followed = follow_cohort(cohort)
        known = [str(name) for name, each in cohort.variables.items() if each.dims == ("patient",)]
        _refuse_unknown(names, known)
        return followed, {name: cohort[name].values[followed.kept] for name in names}
    wanted = f"Give a dataset of vc.simulate, or a trial's patients, as {_FORMS}: {PATIENTS}."
    table = _table(cohort, wanted)
    if not _is_of_patients(table):
        raise VcohortError(f"A curve does not tell how many patients are followed. {wanted}")
    return _of_patients(table, names, endpoint)


def follow_arrays(time: ArrayLike, event: ArrayLike, start: ArrayLike | None = None) -> Followed:
    """Return the same of lists (patient,): days followed, 1 or 0, and the first days watched."""
    columns = {"time": time, "event": event} | ({} if start is None else {"start": start})
    for name, column in columns.items():
        if not is_list(column):
            raise VcohortError(f"{name} must be a list, a number for each patient: {PATIENTS}.")
    return _followed(read_events(event_table(read_table(columns, PATIENTS))))


def _is_cohort(given: Any) -> bool:
    if not isinstance(given, xr.Dataset):
        return False
    names = {str(name).lower() for name in given.variables}
    return "outcome" in names or not names & {"event", *_CURVES}


def _table(trial: Any, wanted: str) -> Table:
    """Return a table of known form; ``wanted`` says what would be right."""
    if not isinstance(trial, str | os.PathLike | Mapping) and not hasattr(trial, "columns"):
        raise VcohortError(wanted)
    table = event_table(read_table(trial, _EXAMPLE))
    return table.named(lambda name: name.lower() if name.lower() in (*_CURVES, *_BANDS) else name)


def _is_of_patients(table: Table) -> bool:
    curves = [name for name in _CURVES if name in table]
    if ("event" in table or is_adtte(table)) == bool(curves):
        raise VcohortError(
            f"It is not plain what these columns are: {', '.join(table.columns) or 'none'}. Give "
            f"{_EXAMPLE}."
        )
    return not curves


def _of_patients(
    table: Table, names: Sequence[str] = (), endpoint: str | None = None
) -> tuple[Followed, dict[str, np.ndarray]]:
    rows = read_events(table, endpoint)
    if not names:
        rows.refuse_others()
    _refuse_unknown(names, rows.others)
    return _followed(rows), {name: rows.table.values(name) for name in names}


def _followed(rows: EventRows | Events) -> Followed:
    return Followed(rows.start, rows.time, rows.event, 0, np.ones(rows.time.size, bool))


def _of_trial(
    trial: TrialData, names: Sequence[str] = (), endpoint: str | None = None
) -> tuple[Followed, dict[str, np.ndarray]]:
    if trial.events is None:
        raise VcohortError(
            "This trial has no events. Read it with its survival table: vc.read_trial(table, "
            "survival=…)."
        )
    if endpoint is not None:
        raise VcohortError(f"endpoint = {endpoint!r}: it is chosen where the trial is read.")
    _refuse_unknown(names, trial.covariates)
    columns = {name: trial.covariates[name][trial.events.patient] for name in names}
    return _followed(trial.events), columns


def _refuse_unknown(names: Sequence[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown("column", name, known)


def _of_followed(followed: Followed) -> Curve:
    steps = steps_of(followed)
    days = np.union1d(0.0, followed.event_days)
    count = followed.time.size
    return Curve(days, steps.survival_at(days), followed.last, f"trial (n = {count:,})", count)


def _of_estimate(ds: xr.Dataset) -> Curve:
    need(ds, "vc.kaplan_meier", {"survival": ("time",)}, ["patients"])
    count = int(ds.attrs["patients"])
    curve = _curve(in_days("time", ds["time"]), floats("survival", ds["survival"].values), None,
                   f"trial (n = {count:,})")  # fmt: skip
    return replace(curve, patients=count)


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
    table.refuse_where(~(days >= 0), name, "It is impossible: it must be a number, at least 0")
    return days


def _refuse_others(table: Table, known: tuple[str, ...]) -> None:
    for name in table.columns:
        if name not in (*known, *TIMES):
            raise unknown("column", name, (*known, "time"))
