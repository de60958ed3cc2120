"""What is known of patients, of a trial or virtual: measurements, doses, covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, unknown
from vcohort.exchange.cohorts import one_cohort
from vcohort.exchange.nonmem.doses import Doses, doses_of, lymphodepletions_of, without_never
from vcohort.given import names_of
from vcohort.measurements.observables import Observable, find_observables
from vcohort.measurements.observations import Observations
from vcohort.models import Cells, Species
from vcohort.results.counted import counted, names_counted
from vcohort.results.needed import need
from vcohort.results.patients import regimen_of
from vcohort.trials.limits import checked_limits
from vcohort.trials.trial_data import TrialData

_USUAL = ("C_per_ul", "B_ml")
_SOURCE = "vc.simulate with save_at=[0, 7, 14, 28]"


class Subjects(NamedTuple):
    """Patients; ``doses`` is None where none are known, covariates are (patient,) by name."""

    observations: Observations
    doses: Doses | None
    covariates: Mapping[str, np.ndarray]

    @property
    def labels(self) -> tuple[str, ...]:
        """Who they are."""
        return self.observations.patients


def of_trial(trial: TrialData, observables: Any, limit: Any, covariates: Any) -> Subjects:
    """Return the patients of a trial; ``observables`` and ``covariates`` choose among its own."""
    if limit is not None:
        raise VcohortError(
            f"limit = {limit!r} is for virtual cohorts: a trial has its own. Give it to "
            "vc.read_trial."
        )
    rows = trial.observations
    if (rows.weight != 1).any():
        raise VcohortError("These observations have weights, which neither form can say.")
    if observables is not None:
        rows = _only(rows, [getattr(each, "name", each) for each in observables])
    known = trial.covariates
    chosen = [*known] if covariates is None else _named(covariates, known)
    values = {name: known[name] for name in chosen}
    if trial.regimen is None:
        return Subjects(rows, None, values)
    count = len(trial)
    depleted = lymphodepletions_of(trial.regimen, count)
    return Subjects(rows, doses_of(trial.regimen, count), values | depleted)


def of_cohort(whole: xr.Dataset, observables: Any, limit: Any, covariates: Any) -> Subjects:
    """Return virtual patients, as a trial without errors of measurement would see them.

    Those without an outcome are left out, with a warning.
    """
    over = {**dict.fromkeys(("outcome", "event_time", "C0"), ("patient",)),
            **dict.fromkeys("NCB", ("patient", "time"))}  # fmt: skip
    need(whole, _SOURCE, over, ("regimen_record",), what="patients")
    ds, labels = one_cohort(whole)
    asked = find_observables(_USUAL if observables is None else observables)
    kinds = list(dict.fromkeys(asked))
    known = [str(name) for name, each in ds.data_vars.items() if each.dims == ("patient",)]
    names = [] if covariates is None else _named(covariates, known)
    regimen = regimen_of(ds)
    first = ds["C0"].values.astype(float)
    return Subjects(
        _observed(ds, labels, kinds, limit),
        doses_of(regimen, len(labels), first),
        {name: _covariate(ds[name]) for name in names} | lymphodepletions_of(regimen, len(labels)),
    )


def _covariate(column: xr.DataArray) -> np.ndarray:
    is_day = column.attrs.get("units") == "day"
    return without_never(column.values) if is_day else column.values


def _observed(
    ds: xr.Dataset, labels: Sequence[str], kinds: Sequence[Observable], limit: Any
) -> Observations:
    """Return what is measured of each patient on each day, in the order of patient, day, kind.

    A state that is not known was not measured.
    """
    states = ds[[each for name in "NCB" for each in names_counted(ds, name)]].astype(float)
    counts = {name: counted(states, name).transpose("patient", "time").values for name in "NCB"}
    with jax.enable_x64(True), np.errstate(divide="ignore"):
        cells = Cells.counted(Species(), counts)
        values = np.stack([np.exp(np.asarray(kind.log_measured(cells))) for kind in kinds], -1)
    limits = _limits(limit, [kind.name for kind in kinds])
    below = values < limits
    patient, day, kind = np.nonzero(~np.isnan(values))
    return Observations(
        tuple(labels),
        patient,
        ds["time"].values.astype(float)[day],
        tuple(kinds[each].name for each in kind.tolist()),
        np.where(below, limits, values)[patient, day, kind],
        np.ones(kind.size),
        np.full(kind.size, np.nan),
        below[patient, day, kind],
        tuple(kinds),
    )


def _limits(limit: Any, names: Sequence[str]) -> np.ndarray:
    """Return the limit (kind,) of each observable, 0 where it has none."""
    checked = checked_limits(limit)
    by_name = checked if isinstance(checked, Mapping) else dict.fromkeys(names, checked or 0.0)
    for name in by_name:
        if name not in names:
            raise unknown("observable of a limit", name, names)
    return np.array([by_name.get(name, 0.0) for name in names])


def _only(rows: Observations, names: Sequence[str]) -> Observations:
    known = [kind.name for kind in rows.kinds]
    for name in names:
        if name not in known:
            raise unknown("observable of this trial", name, known)
    own = np.flatnonzero([name in names for name in rows.observable])
    return Observations(
        rows.patients, rows.patient[own], rows.day[own],
        tuple(rows.observable[row] for row in own), rows.value[own], rows.weight[own],
        rows.error[own], rows.below[own], tuple(kind for kind in rows.kinds if kind.name in names),
    )  # fmt: skip


def _named(asked: Any, known: Any) -> list[str]:
    """Return the covariates that are asked for, by their names; an empty list is none."""
    if not isinstance(asked, str) and len(asked) == 0:
        return []
    names = names_of("covariates", asked, "covariates=['K_C']")
    for name in names:
        if name not in known:
            raise unknown("covariate", name, known)
    return list(names)
