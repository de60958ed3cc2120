"""What a patient comes to, in numbers that have no chance in them: cure, survival, kinetics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr

from vcohort.endpoints import Kinetics
from vcohort.engine.closed_forms.free_days import mean_free_days
from vcohort.engine.closed_forms.path import Path, path
from vcohort.engine.closed_forms.progression import progression_free
from vcohort.engine.execution.blocks import Job
from vcohort.engine.execution.derivatives import differentiable
from vcohort.engine.inputs import GridSpec, Patients
from vcohort.engine.integrator.grid import Grid, grid_points, room_for
from vcohort.errors import VcohortError, unknown
from vcohort.given import names_of
from vcohort.models import Model
from vcohort.populations.cohort import Cohort, check_cohort, check_values
from vcohort.progress import progress_bar
from vcohort.simulation.checks import require_law
from vcohort.simulation.jobs import cure_programs
from vcohort.simulation.missing import LOST, check_kept
from vcohort.simulation.preparation import prepare
from vcohort.simulation.probability import warn_small_tumours
from vcohort.simulation.run import Run

_FORMS = {
    "cure": "P(cure by the horizon)",
    "pfs_DAY": "P(no progression by the day)",
    "rmst_DAY": "mean progression-free days until the day",
    "C_max": "largest number of CAR T cells",
    "T_max": "day of the largest number of CAR T cells",
    "C_auc_DAY": "area under CAR T cells until the day",
}

_UNITS = {"cure": "1", "pfs": "1", "rmst": "day", "C_max": "cells", "T_max": "day",
          "C_auc": "cells day"}  # fmt: skip

# Peaks are followed together with an area: until this day, where none is asked for.
_AUC_DAY = 28.0


@dataclass(frozen=True)
class Measure:
    """One number per patient; ``day`` where it speaks of one."""

    name: str
    kind: str
    day: float | None

    @property
    def unit(self) -> str:
        """Its unit."""
        return _UNITS[self.kind]

    @property
    def long_name(self) -> str:
        """What it is."""
        form = self.kind if self.day is None else f"{self.kind}_DAY"
        return _FORMS[form].replace("the day", f"day {self.day:g}" if self.day else "")

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the grid must hold."""
        if self.day is None:
            return ()
        return (self.day,)

    @property
    def needs_tumour(self) -> bool:
        """Whether it needs the closed form of the tumour's law."""
        return self.kind in {"cure", "pfs", "rmst"}


def find_measures(names: Sequence[str]) -> tuple[Measure, ...]:
    """Return measures by their names, such as ``cure``, ``pfs_365`` and ``C_auc_28``."""
    given = names_of("outputs", names, "['cure', 'pfs_365']", "measures")
    found = tuple(_find(name) for name in given)
    twice = [each.name for each in found if found.count(each) > 1]
    if twice:
        raise VcohortError(f"{twice[0]} is twice among the outputs. Keep one.")
    return found


def _find(name: str) -> Measure:
    found = re.fullmatch(r"(\w+?)(?:_(\d+(?:\.\d+)?))?", name)
    kind, day = found.groups() if found else (name, None)
    if (f"{kind}_DAY" if day else kind) not in _FORMS:
        raise unknown("measure", name, [form.replace("DAY", "365") for form in _FORMS])
    if day and not 0 < float(day) <= 1e6:
        raise VcohortError(f"{name}: the day must be greater than 0, and at most 1e6.")
    return Measure(name, kind, float(day) if day else None)


@dataclass(frozen=True)
class Outputs:
    """The measures of a run, with what they are measured against."""

    measures: tuple[Measure, ...]
    run: Run

    def check(self, cohort: Cohort) -> None:
        """Refuse days past the horizon, and a cohort that cannot be measured so."""
        check_cohort(cohort)
        horizon = self.run.horizon
        for each in self.measures:
            if each.day is not None and each.day > horizon:
                raise VcohortError(
                    f"{each.name}: the day is past the horizon of {horizon:g} days. Give an "
                    "earlier day, or a longer horizon."
                )
        needy = [each.name for each in self.measures if each.needs_tumour]
        if needy:
            lawless = [name for name in needy if name != "cure"] or needy
            more = "cure, " if cohort.model.tumour_is_linear else ""
            require_law(
                lawless[0], cohort.model, f"Measure {more}C_max, T_max or C_auc instead.",
                any_clones=lawless == ["cure"],
            )  # fmt: skip
        if any(each.kind in {"pfs", "rmst"} for each in self.measures):
            warn_small_tumours(cohort, stacklevel=4)
        check_values(cohort)
        self.run.regimen.check(len(cohort), horizon)

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the grid must hold."""
        return tuple(day for measure in self.measures for day in measure.required_days)


def evaluate(
    cohort: Cohort, asked: Outputs, progress: bool | None = None, what: str = "patients"
) -> np.ndarray:
    """Return all measures of all patients, (patient, measure); NaN for one that gets lost."""
    asked.check(cohort)
    ready = prepare(cohort, asked.run, asked.required_days)
    model, measures, level = cohort.model, asked.measures, asked.run.progression
    result = np.empty((len(cohort), len(measures)), asked.run.dtype)

    def job_of(plan: GridSpec) -> Job:
        room = room_for(plan.steps)

        def work(patients: Patients) -> tuple[Array, Array]:
            grid = plan.grid(patients, room)
            return measure(model, measures, patients, grid, np.asarray(level, result.dtype))

        return Job(("measures", model, measures, room), work)

    with progress_bar(what, len(cohort), progress) as on_done:
        followed = ready.fill(job_of, [result], on_done=on_done)
    result[followed.lost] = np.nan
    return result


def keep_followed(values: np.ndarray, *, stacklevel: int = 3) -> np.ndarray:
    """Return which patients have all their values (patient, …); warn of the others."""
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    return check_kept(finite, LOST, stacklevel=stacklevel + 1)


@partial(jax.jit, static_argnames=("model", "measures"))
def measure(
    model: Model,
    measures: tuple[Measure, ...],
    patients: Patients,
    grid: Grid,
    progression: Array | float,
    noise: Array | float = 0.0,
) -> tuple[Array, Array]:
    """Return the measures of a block, (patient, measure), and its strain, as of ``Outcomes``.

    ``noise``: see ``progression_free``.
    """
    found = path(model, patients.values, patients.schedule, grid, kinetics_of(measures))
    asked = {measure.kind for measure in measures}
    cured = cured_of(model, found, patients, grid) if "cure" in asked else found.cured
    return read(measures, found, cured, grid, progression, noise), found.strain


def cured_of(model: Model, found: Path, patients: Patients, grid: Grid) -> Array:
    """Return P(no cell is left at the end) (patient,), of one clone from its path alone."""
    if model.has_one_clone:
        return found.cured
    return differentiable(cure_programs(model), patients.values, patients.schedule, grid)[0]


def kinetics_of(measures: tuple[Measure, ...]) -> tuple[Kinetics, ...]:
    """Return the endpoints that a path must fold for the measures: one per day of an area."""
    days = dict.fromkeys(each.day or _AUC_DAY for each in measures if not each.needs_tumour)
    return tuple(Kinetics(auc_until=day) for day in days)


def read(
    measures: tuple[Measure, ...],
    found: Path,
    cured: Array,
    grid: Grid,
    progression: Array | float,
    noise: Array | float = 0.0,
) -> Array:
    """Return the measures (patient, measure) of a path that folded their kinetics.

    ``cured``: P(no cell is left at the end) (patient,).
    NaN for patients that could not be followed to the end, also where a day comes before.
    """
    folded = kinetics_of(measures)
    each_of = len(Kinetics().variables)
    seen = {
        kinetics.auc_until: found.seen[each_of * index : each_of * (index + 1)]
        for index, kinetics in enumerate(folded)
    }
    level = found.log_tumour[0] + jnp.log(progression)
    free: dict[float | None, Array] = {}
    if days := [measure.day for measure in measures if measure.kind == "pfs"]:
        points = grid_points(grid, jnp.array(days, found.w.dtype))
        free = dict(zip(days, ndtr(progression_free(found, level, points, noise)), strict=True))

    def one(measure: Measure) -> Array:
        day = jnp.asarray(measure.day or 0.0, found.w.dtype)
        match measure.kind:
            case "cure":
                return cured
            case "pfs":
                return free[measure.day]
            case "rmst":
                return mean_free_days(found, grid, level, day, noise)
            case kind:
                names = [variable.name for variable in folded[0].variables]
                return seen[measure.day or _AUC_DAY][names.index(kind)]

    values = jnp.stack([one(measure) for measure in measures], axis=1)
    return jnp.where(found.lost[:, None], jnp.nan, values)
