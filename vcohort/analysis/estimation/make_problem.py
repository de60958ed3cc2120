"""From measurements, parameters and bounds as users give them to a fit problem, checked."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.analysis.estimation.losses import Loss, Measured, Residuals, find_loss, peaks
from vcohort.analysis.estimation.problem import Bounds, FitSpec, Problem, Subject
from vcohort.analysis.free import free_names
from vcohort.engine.inputs import GridSpec, PatientTable
from vcohort.engine.integrator.grid import Grid, grid_points, room_for
from vcohort.errors import VcohortError, VcohortWarning, one_of
from vcohort.given import by_name, floats
from vcohort.measurements.observables import STATES, Observable
from vcohort.measurements.observations import Observations, read_observations
from vcohort.models import Model
from vcohort.populations.cohort import Cohort, check_values
from vcohort.regimens.treatments import Lymphodepletion
from vcohort.simulation.preparation import Prepared, make_patient_table, prepare
from vcohort.simulation.run import Run, settle
from vcohort.trials.trial_data import TrialData

# What upper limits are worth: the probability of a value below, or nothing (Beal 2001).
LIMITS = ("M3", "M1")


class Posed(NamedTuple):
    """A problem as it is asked: one patient of the cohort for each of the data, in their order.

    ``limits`` (parameter, 2): the bounds; ``days`` (patient, day): of each patient's course.
    """

    data: Observations
    names: tuple[str, ...]
    cohort: Cohort
    loss: Loss
    limits: np.ndarray
    days: np.ndarray
    run: Run


def make_problem(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None,
    loss: str | Residuals,
    bounds: Mapping[str, tuple[float, float]] | None,
    run: Run,
    observables: Iterable[Observable],
    limits: str = "M3",
    days: np.ndarray | None = None,
) -> Problem:
    """Return the checked problem; see :func:`vcohort.fit` for its parts.

    ``days`` (patient, day): others than those of the data that each patient's path must hold.

    :raises VcohortError: for one that cannot be solved.
    """
    posed = pose(data, free, cohort, loss, bounds, run, observables, limits, days)
    ready = _prepared(posed.cohort, posed.run, posed.days)
    with jax.enable_x64(True):
        sides = Bounds(*(jnp.asarray(side) for side in np.log(posed.limits).T))
    rows = posed.data
    limited = bool((rows.below & rows.counted).any())
    spec = FitSpec(
        posed.cohort.model, rows.kinds, posed.names, posed.loss, rows.errors_known, limited
    )
    return Problem(
        spec, _subjects(ready.table, ready.grid, rows), sides, posed.limits, posed.cohort, rows,
        posed.days, posed.run, ready.grid.steps, ready.resolution.error,
    )  # fmt: skip


def _prepared(cohort: Cohort, run: Run, days: np.ndarray) -> Prepared:
    """Return patients of a fit, ready to be followed over their days."""
    return prepare(cohort, run, (), own_days=days, one_grid=True)


def pose(
    data: Any,
    free: Sequence[str],
    cohort: Cohort | None,
    loss: str | Residuals,
    bounds: Mapping[str, tuple[float, float]] | None,
    run: Run,
    observables: Iterable[Observable],
    limits: str = "M3",
    days: np.ndarray | None = None,
) -> Posed:
    """Return what is asked of :func:`make_problem`, checked, before any course is followed."""
    rows, known_loss = counting(_measurements(data, observables), limits), find_loss(loss)
    cohort = _one_each(cohort, rows)
    names = free_names(free, cohort.model)
    known_loss.check(rows)
    bounded = _limits(names, cohort.model, {} if bounds is None else bounds)
    own_days = rows.day[rows.by_patient()[0]]
    if days is not None:
        own_days = np.concatenate([own_days, days], axis=1)
    run = _followed_to_the_last_day(run, own_days, _last_own_dose(data, run))
    _check_regimen(run, names, cohort)
    check_values(cohort)
    return Posed(rows, names, cohort, known_loss, bounded, own_days, run)


def counting(data: Observations, limits: str) -> Observations:
    """Return the data with upper limits that count as they should, see :func:`vcohort.fit`."""
    if one_of("limits", limits, LIMITS) == "M3":
        return data
    return replace(data, weight=np.where(data.below, 0.0, data.weight))


def refined(problem: Problem, logs: np.ndarray) -> Problem:
    """Return the problem on a grid that is fine enough for a solution (patient, parameter)."""
    values = dict(zip(problem.spec.names, problem.values_at(logs).T, strict=True))
    ready = _prepared(problem.cohort.replace(**values), problem.run, problem.days)
    problem = problem._replace(error=ready.resolution.error)
    if ready.grid.steps <= problem.steps:
        return problem
    table = make_patient_table(problem.cohort, problem.run)._replace(own_days=problem.days)
    subjects = _subjects(table, ready.grid, problem.data)
    return problem._replace(subjects=subjects, steps=ready.grid.steps)


def _measurements(data: Any, observables: Iterable[Observable]) -> Observations:
    """Return the measurements of a table, or of a trial, where each has its observable already."""
    if not isinstance(data, TrialData):
        return read_observations(data, observables)
    if list(observables):
        raise VcohortError(
            "observables says what names in a table mean, and this trial is read already. Give "
            "them to vc.read_trial(table, observables=…)."
        )
    return data.observations


def _one_each(cohort: Cohort | None, data: Observations) -> Cohort:
    """Return the cohort with one patient for each of the data."""
    cohort = Cohort.from_values("kimmel2021-figures") if cohort is None else cohort
    if not isinstance(cohort, Cohort):
        raise VcohortError(
            f"cohort = {type(cohort).__name__} is no cohort. Try vc.Cohort.from_values(r_B=0.1)."
        )
    if len(cohort) == len(data.patients):
        _warn_of_another_order(cohort, data.patients)
        return cohort
    if len(cohort) != 1:
        raise VcohortError(
            f"The data are of {len(data.patients)} patients, the cohort of {len(cohort)}: give a "
            "cohort of as many, in the order of the data, or of one that stands for all."
        )
    values = {name: np.repeat(np.asarray(value), len(data.patients)) for name, value in
              cohort.values.items()}  # fmt: skip
    return Cohort(values, np.arange(len(data.patients)), cohort.model, cohort.origin)


def _warn_of_another_order(cohort: Cohort, labels: Sequence[str]) -> None:
    """Warn where the data call patients by the cohort's numbers, and in another order."""
    numbers = [str(number) for number in np.asarray(cohort.patient)]
    if numbers != list(labels) and sorted(numbers) == sorted(labels):
        place = next(index for index, label in enumerate(labels) if label != numbers[index])
        warnings.warn(
            f"Patients are taken in the order in which they first come in the data, where number "
            f"{place + 1} is {labels[place]}; of the cohort it is {numbers[place]}. Sort the data "
            "by patient, unless the cohort's values are in the order of the data.",
            VcohortWarning,
            stacklevel=6,
        )


def _limits(
    names: tuple[str, ...], model: Model, bounds: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """Return the bounds (parameter, 2): the usual range where none are given."""
    check_names("bounds", bounds, names, "{'K_C': (1e9, 1e12)}")
    limits = np.array([model.param(name).usual for name in names])
    for row, name in enumerate(names):
        if name in bounds:
            limits[row] = _pair(name, bounds[name])
            model.param(name).check(limits[row])
            model.param(name).advise(limits[row])
    return limits


def check_names(what: str, given: Any, free: tuple[str, ...], example: str) -> None:
    """Refuse what is not given by the names of free parameters."""
    for name in by_name(what, given, example):
        if name not in free:
            raise VcohortError(
                f"There are {what} for {name}, which is not free. Free: {', '.join(free)}."
            )


def _pair(name: str, given: Any) -> np.ndarray:
    """Return two bounds, the lower first, as logs can take them."""
    pair = floats(f"bounds of {name}", given)
    if pair.shape != (2,) or not 0.0 < pair[0] < pair[1] < np.inf:
        raise VcohortError(
            f"The bounds of {name}, {', '.join(f'{side:g}' for side in pair.flat)}, must be two "
            "numbers above 0, the smaller one first."
        )
    return pair


def settle_fit(who: str, data: Any, run: Run | None, **given: Any) -> Run:
    """Return the run of a fit: as :func:`settle`, in the precision that derivatives need.

    Where no treatment is given, a trial's patients have the doses of their own.
    """
    doses = data.regimen if isinstance(data, TrialData) else None
    if run is None and given["regimen"] is None:
        given["regimen"] = doses
    elif isinstance(run, Run) and doses is not None and not run.regimen.treatments:
        run = replace(run, regimen=doses)
    return settle(who, run, given, tolerance=1e-4, method="deterministic", dtype="float64")


def _followed_to_the_last_day(run: Run, asked: np.ndarray, dose: float) -> Run:
    days = np.unique(asked)
    return replace(run, horizon=max(float(days[-1]), dose, 1.0), save_at=tuple(days))


def _last_own_dose(data: Any, run: Run) -> float:
    """Return the day of a trial's last dose: some patients have one after all measurements."""
    if not isinstance(data, TrialData) or data.regimen is None or data.regimen != run.regimen:
        return 0.0
    days = np.concatenate([np.ravel(each.day) for each in data.regimen.treatments])
    return float(days[np.isfinite(days)].max())


def _check_regimen(run: Run, names: tuple[str, ...], cohort: Cohort) -> None:
    """Refuse a regimen that ends after the data, and a free initial number that it also sets."""
    run.regimen.check(len(cohort), run.horizon)
    species = cohort.model.species
    is_cut = any(
        isinstance(each, Lymphodepletion) and np.any(np.equal(each.day, 0.0))
        for each in run.regimen.treatments
    )
    set_here = [f"{name}0" for name in species.grown if name == "C" or is_cut]
    clash = [name for name in set_here if name in names]
    if run.regimen.treatments and clash:
        raise VcohortError(
            f"{clash[0]} cannot be free together with a regimen, whose treatments depend on it."
        )


def _subjects(table: PatientTable, plan: GridSpec, data: Observations) -> Subject:
    """Return the patients on their grids, with their rows."""
    with jax.enable_x64(True):
        patients = table.take(slice(None), np.dtype(np.float64))
        # Each has a grid of its own: the steps are last.
        grid = Grid(*(part.T for part in plan.grid(patients, room_for(plan.steps))))
        kind, day, measured = _rows(data)
        point = jax.vmap(lambda one, at: grid_points(one, at)[:, 0])(grid, jnp.asarray(day))
        return Subject(patients.values, patients.schedule, grid, point, jnp.asarray(kind), measured)


def _rows(data: Observations) -> tuple[np.ndarray, np.ndarray, Measured]:
    """Return kind and day of each patient's rows, and the rows, filled up to the most of one."""
    filled, is_own = data.by_patient()
    kinds = {kind.name: index for index, kind in enumerate(data.kinds)}
    kind = np.array([kinds[name] for name in data.observable])
    states = np.array([STATES.index(each.weighed_as) if each.weighed_as else -1
                       for each in data.kinds])  # fmt: skip

    def harmless(column: np.ndarray) -> np.ndarray:
        # Rows that do not count may hold what a loss cannot take.
        return np.where(data.counted, column, 1.0)[filled]

    columns = (
        harmless(data.value),
        data.weight[filled],
        np.where(np.isnan(data.error), 1.0, data.error)[filled],
        data.below[filled],
        is_own & data.counted[filled],
        harmless(peaks(data)),
        np.array([each.cells for each in data.kinds])[kind[filled]],
        states[kind[filled]],
    )
    return kind[filled], data.day[filled], Measured(*(jnp.asarray(column) for column in columns))
