"""Patients as a data set of NONMEM, or of Monolix: a row for each dose and each measurement."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError
from vcohort.exchange.nonmem.records import Records, records_of
from vcohort.exchange.nonmem.subjects import Subjects, of_cohort, of_trial
from vcohort.exchange.rows import CSV, check_rows, write_rows
from vcohort.given import is_list
from vcohort.measurements.observables import OBSERVABLES, Observable
from vcohort.trials.columns import MEANT
from vcohort.trials.trial_data import TrialData

if TYPE_CHECKING:
    import pandas as pd


class _Form(NamedTuple):
    """What a program calls its columns.

    ``numbered``: patients are numbers there, and the limit stands beside a value that is below it;
    else the lower end of where that may lie, 0.
    """

    where: str
    value: str
    code: str
    below: str
    limit: str
    numbered: bool


_NONMEM = _Form("CMT", "DV", "DVID", "BLQ", "LLOQ", numbered=True)
_MONOLIX = _Form("ADM", "Y", "YTYPE", "CENS", "LIMIT", numbered=False)

# Who a patient is, where NONMEM wants a number.
_LABEL = "LABEL"


def to_nonmem(
    patients: TrialData | xr.Dataset,
    path: str | os.PathLike[str] | None = None,
    *,
    observables: Sequence[str | Observable] | None = None,
    limit: Mapping[str, float] | float | None = None,
    covariates: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return measurements, doses and covariates as NONMEM has them, and write them if wanted.

    Columns: ``ID``; ``TIME`` in days since the first infusion; ``EVID`` (0 measurement, 1 dose, 2
    neither); ``MDV``; ``AMT`` in cells and ``CMT``, 1 of doses, where doses are known; ``DVID``,
    which counts the observables from 1 (``attrs["observables"]`` says which); ``DV`` in the
    observable's unit (``attrs["units"]``); ``BLQ`` and ``LLOQ`` where anything is below a limit,
    ``DV`` then being the limit; ``ERROR`` where errors are known; and covariates. Where a label is
    no whole number, patients are counted from 1, or on from the largest label that is one, and
    ``LABEL`` keeps who they are.
    :func:`vcohort.read_trial` reads it back.

    Days and shares of lymphodepletions, which no dose can say, are covariates
    (``lymphodepletion_1_day``). Covariates that are texts stay so: drop them in ``$INPUT``.

    :param patients: a trial of :func:`vcohort.read_trial`, or a dataset of
        :func:`vcohort.simulate` with ``save_at``, as measured without error on these days. Events
        are written by :func:`vcohort.to_adtte`.
    :param path: CSV file to write, missing cells ".".
    :param observables: what is written, by default all of a trial's; of a dataset CAR T cells per
        microlitre and the tumour in ml.
    :param limit: of quantification of a virtual trial, one or by observable.
    :param covariates: by default all of a trial's, of a dataset none; there they are variables
        (patient,), such as ``K_C``.
    :raises VcohortError: for what holds no measurements, unknown names, a covariate that the form
        takes for something else.
    """
    return _written(_NONMEM, patients, path, observables, limit, covariates)


def to_monolix(
    patients: TrialData | xr.Dataset,
    path: str | os.PathLike[str] | None = None,
    *,
    observables: Sequence[str | Observable] | None = None,
    limit: Mapping[str, float] | float | None = None,
    covariates: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return measurements, doses and covariates as Monolix and nlmixr2 have them.

    As :func:`to_nonmem`, with other names: ``Y`` for the value, ``YTYPE`` for what it is of,
    ``ADM`` for what is given, ``CENS`` (1: below the limit, which is ``Y``) and ``LIMIT``, then 0:
    the lower end of where the value lies. ``ID`` may be any text. Parameters and errors are those
    of :func:`to_nonmem`.
    """
    return _written(_MONOLIX, patients, path, observables, limit, covariates)


def _written(
    form: _Form, patients: Any, path: Any, observables: Any, limit: Any, covariates: Any
) -> pd.DataFrame:
    if path is not None:
        check_rows(path, CSV)
    of: Any = of_trial if isinstance(patients, TrialData) else of_cohort
    table = _table(form, of(patients, _asked(observables), limit, covariates))
    if path is not None:
        write_rows(table, path)
    return table


def _asked(observables: Any) -> list[Any] | None:
    """Return what is to be written, a list, or one of it; None is what is usual."""
    if observables is None:
        return None
    if isinstance(observables, str | Observable):
        return [observables]
    if not is_list(observables) or not list(observables):
        raise VcohortError(
            f"observables = {observables!r} does not say what was measured. Try "
            "observables=['C_per_ul']."
        )
    return list(observables)


def _table(form: _Form, subjects: Subjects) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415

    rows, kinds = records_of(subjects), subjects.observations.kinds
    columns = _columns(form, subjects, rows)
    _refuse_meant(subjects.covariates, columns)
    columns |= {name: _written_out(values[rows.patient])
                for name, values in subjects.covariates.items()}  # fmt: skip
    if form.numbered:
        _refuse_parted(columns)
    table = pd.DataFrame(columns)
    table.attrs["observables"] = {
        code: kind.name if OBSERVABLES.get(kind.name) == kind else kind
        for code, kind in enumerate(kinds, 1)
    }
    units = {kind.name: kind.unit for kind in kinds}
    table.attrs["units"] = {"TIME": "day", "AMT": "cells", **units}
    return table


def _columns(form: _Form, subjects: Subjects, rows: Records) -> dict[str, np.ndarray]:
    is_dose, is_measured = rows.event == 1, rows.event == 0
    columns = {"ID": _labels(subjects, form)[rows.patient], "TIME": rows.day, "EVID": rows.event,
               "MDV": 1 - is_measured.astype(int)}  # fmt: skip
    if subjects.doses is not None:
        columns |= {"AMT": rows.cells, form.where: is_dose.astype(int)}
    columns |= {form.code: rows.code, form.value: rows.value}
    if rows.below.any():
        limits = rows.value if form.numbered else np.zeros(rows.value.size)
        columns |= {form.below: rows.below.astype(int),
                    form.limit: np.where(rows.below, limits, np.nan)}  # fmt: skip
    if np.isfinite(rows.error).any():
        columns["ERROR"] = rows.error
    if form.numbered and not _are_numbers(subjects.labels):
        columns[_LABEL] = np.array(subjects.labels, object)[rows.patient]
    return columns


def _labels(subjects: Subjects, form: _Form) -> np.ndarray:
    if _are_numbers(subjects.labels):
        return np.array(list(map(int, subjects.labels)))
    if form.numbered:
        # No number may be that of somebody else: tables of events name patients by their labels.
        last = max((int(label) for label in subjects.labels if _are_numbers([label])), default=0)
        return np.arange(last + 1, last + len(subjects.labels) + 1)
    return np.array(subjects.labels, object)


def _are_numbers(labels: Sequence[str]) -> bool:
    # As labels are read: a number and its text are one.
    return all(label.isascii() and label.isdigit() and str(int(label)) == label for label in labels)


def _written_out(values: np.ndarray) -> np.ndarray:
    """Return a covariate with nothing in place of an empty text, and 1 and 0 for yes and no."""
    if values.dtype.kind == "b":
        return values.astype(int)
    if values.dtype.kind in "iuf":
        return values
    return np.array([None if text == "" else str(text) for text in values.tolist()], object)


def _refuse_meant(covariates: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
    taken = {*MEANT, *(name.upper() for name in columns)}
    for name in covariates:
        if name.upper() in taken:
            raise VcohortError(
                f"The covariate {name} would be read as something else: in such a table a column "
                "of that name has its own meaning. Rename it, or choose others: covariates=[…]."
            )


def _refuse_parted(columns: Mapping[str, np.ndarray]) -> None:
    """Refuse texts that NONMEM, which knows no quotes, would take for several fields."""
    for name, cells in columns.items():
        texts = [cell for cell in cells if isinstance(cell, str)] if cells.dtype == object else []
        for text in texts:
            if {*" ,;\t\"'"} & {*text}:
                advice = (
                    "Give patients other labels"
                    if name == _LABEL
                    else "Choose other covariates, covariates=[…]"
                )
                raise VcohortError(
                    f"{name} = {text!r} has a blank, a comma or a quote, by which NONMEM parts "
                    f"fields. {advice}, or take vc.to_monolix."
                )
