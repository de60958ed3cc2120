"""What the page shows of a study: numbers alone, no pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr

import vcohort as vc
from vcohort.endpoints.outcome import CURE, MISSING, PROGRESSION
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.results.counted import counted
from vcohort.simulation.probability import cured_and_free
from vcohort.studies.study import Study

# Days after a treatment, in whose month CAR T cells rise and fall; and how many of the time after.
_AFTER = (0.1, 2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0)
_LAST_COURSE, _LATER, _DAYS_OF_CURVE, _DAYS_OF_COURSES = 365.0, 8, 21, 40

# Days of which tables tell the survival: the curve knows it there, and nothing is read off between.
TOLD_DAYS = (90.0, 180.0, 365.0)

PERCENTILES = (5, 25, 50, 75, 95)

# So many tumours are drawn one by one.
COURSES = 50


@dataclass(frozen=True)
class Outlook:
    """What becomes of a cohort.

    ``cured``: the mean P(cure), or the share that is cured where no law tells it; ``cured_error``:
    by how much another draw of as many patients would differ, NaN of one. ``days``, ``free``: days
    and the progression-free survival on each. ``course_days``, ``car_t`` (percentile, day) in cells
    per microlitre and ``normal`` alike. ``told``: what the engine warned of. ``chances``,
    ``values``: P(cure) of each patient, and its parameters by name.
    """

    study: Study
    cured: float
    cured_error: float
    days: np.ndarray
    free: np.ndarray
    is_exact: bool
    course_days: np.ndarray
    car_t: np.ndarray
    normal: np.ndarray
    told: tuple[str, ...]
    chances: np.ndarray
    values: Mapping[str, np.ndarray]

    def has_patients_of(self, other: Outlook) -> bool:
        """Whether both are of the same draw of one population, whose centre may have moved."""
        mine, others = (
            (each.study.preset, each.study.patients, each.study.run.seed, each.study.design)
            for each in (self, other)
        )
        return mine == others


@dataclass(frozen=True)
class Fates:
    """What befalls patients one by one.

    ``tumour_days``, ``tumours`` (patient, day) in millilitres; ``cure_days``,
    ``progression_days``; ``shares``: of each response, by its name, in per cent, on the day
    ``response_day``, NaN where the run is too short for one.
    """

    tumour_days: np.ndarray
    tumours: np.ndarray
    cure_days: np.ndarray
    progression_days: np.ndarray
    shares: dict[str, float]
    response_day: float


class Patients:
    """The patients of a study, drawn once for all that is shown of them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.cohort = study.cohort()

    def outlook(self) -> Outlook:
        """Return what becomes of the cohort."""
        days = self._days_of_curve()
        # Side by side: neither keeps all cores at work.
        with warnings.catch_warnings(record=True) as told, ThreadPoolExecutor(1) as beside:
            warnings.simplefilter("always", VcohortWarning)
            counts = beside.submit(self._counts)
            cured, free, is_exact = self._expected(days)
        return Outlook(
            self.study, float(np.nanmean(cured)), error_of_mean(cured), days, free, is_exact,
            *counts.result(), tuple(dict.fromkeys(str(each.message) for each in told)),
            cured, {name: np.asarray(each) for name, each in self.cohort.values.items()},
        )  # fmt: skip

    def fates(self) -> Fates:
        """Return what befalls the patients one by one."""
        few = self.cohort.select(np.arange(min(COURSES, len(self.cohort))))
        days = np.linspace(0.0, self.study.run.horizon, _DAYS_OF_COURSES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VcohortWarning)
            run = replace(self.study.run, method="hybrid", save_at=days)
            courses, ds = vc.simulate(few, run=run, progress=False), self._drawn
        outcome, when = ds["outcome"].values, ds["event_time"].values
        tumours = sum(courses[name].values for name in few.model.species.tumour)
        return Fates(
            days, vc.units.tumour_ml(tumours), when[outcome == CURE],
            when[outcome == PROGRESSION], *_responses(ds),
        )  # fmt: skip

    def _days_of_curve(self) -> np.ndarray:
        horizon = self.study.run.horizon
        told = [day for day in TOLD_DAYS if day < horizon]
        return np.union1d(np.linspace(0.0, horizon, _DAYS_OF_CURVE), told)

    def _expected(self, days: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return P(cure) (patient,), P(progression-free) (day,) of all, and whether laws tell them.

        Where no law tells it, it is by chance who is cured, and who is progression-free.
        """
        run = self.study.run
        try:
            cured, free = cured_and_free(self.cohort, days, run)
            return np.asarray(cured, float), np.nanmean(np.asarray(free, float), axis=0), True
        except VcohortError:
            free = vc.progression_free_survival(self._drawn, days).values
        try:
            cured = vc.cure_probability(
                self.cohort, run.horizon, regimen=run.regimen, tolerance=run.tolerance,
                dtype=run.dtype,
            )  # fmt: skip
            return np.asarray(cured, float), free, True
        except VcohortError:
            outcome = self._drawn["outcome"].values
            return np.where(outcome == MISSING, np.nan, 1.0 * (outcome == CURE)), free, False

    def _counts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return days, and percentiles of CAR and normal T cells, along the equations."""
        last = min(self.study.run.horizon, _LAST_COURSE)
        regimen = before(self.study.regimen, last)
        treated = [0.0, *(float(each.day) for each in regimen.later)]
        days = {day + later for day in treated for later in _AFTER}
        days |= {*treated, *np.linspace(_AFTER[-1], last, _LATER + 1).tolist(), last}
        run = replace(self.study.run, method="deterministic", horizon=last,
                      save_at=sorted(day for day in days if day <= last),
                      endpoints=(vc.Outcome(),), regimen=regimen)  # fmt: skip
        courses = vc.simulate(self.cohort, run=run, progress=False)
        car_t, normal = (_percentiles(counted(courses, name)) for name in ("C", "N"))
        return courses["time"].values, car_t, normal

    @cached_property
    def _drawn(self) -> xr.Dataset:
        """The cohort's fates, by the closed form where there is one."""
        try:
            return vc.simulate(self.cohort, run=replace(self.study.run, method="exact"),
                               progress=False)  # fmt: skip
        except VcohortError:
            return vc.simulate(self.cohort, run=replace(self.study.run, method="hybrid"),
                               progress=False)  # fmt: skip


def _percentiles(cells: xr.DataArray) -> np.ndarray:
    """Return percentiles (percentile, day) of cells (patient, day), per microlitre."""
    # Who was lost is not known on any day.
    known = cells.values[~np.isnan(cells.values).any(axis=1)]
    if not len(known):
        return np.full((len(PERCENTILES), cells.shape[1]), np.nan)
    found = np.percentile(np.ascontiguousarray(known.T), PERCENTILES, axis=1)
    return np.asarray(vc.units.t_cells_per_ul(found))


def before(regimen: vc.Regimen, day: float) -> vc.Regimen:
    """Return the treatments before a day, at which a run of it ends."""
    return vc.Regimen(*(each for each in regimen.treatments if each.day < day))


def error_of_mean(values: np.ndarray) -> float:
    """Return the standard error; NaN of one patient, who does not tell how others differ."""
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else float("nan")


def _responses(ds: xr.Dataset) -> tuple[dict[str, float], float]:
    """Return the share of each response in per cent, and its day: the last that has one."""
    start = "response_day_"
    days = [str(each).removeprefix(start) for each in ds.data_vars if str(each).startswith(start)]
    if not days:
        return {}, float("nan")
    last = max(days, key=float)
    found, about = ds[start + last].values, ds[start + last].attrs
    kinds = zip(about["flag_values"], about["flag_meanings"].split(), strict=True)
    # As everywhere, of those who could be followed.
    known = found[found != MISSING]
    shares = {kind: 100.0 * float(np.sum(known == flag)) / max(known.size, 1)
              for flag, kind in kinds if flag != MISSING}  # fmt: skip
    return shares, float(last)
