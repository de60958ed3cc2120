"""Local sensitivities: how paths and cure change with each parameter, by forward derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike

from vcohort.cohort import Cohort, check_values
from vcohort.engine.grid import grid_points
from vcohort.engine.inputs import Patients, TimePlan
from vcohort.engine.path import path
from vcohort.errors import VcohortError
from vcohort.preparation import choose_grid, make_roster
from vcohort.regimen import Regimen
from vcohort.schema import STATES, TIME
from vcohort.settings import RunSettings


def local_sensitivity(
    cohort: Cohort,
    days: ArrayLike,
    parameters: Sequence[str] | None = None,
    *,
    regimen: Regimen | None = None,
    tolerance: float = 1e-6,
) -> xr.Dataset:
    """Return the sensitivities of each patient to each parameter, along the deterministic path.

    - ``sensitivity`` (state, patient, time, parameter): d ln(state) / d ln(parameter) of N, C, B;
    - ``ranking`` (patient, parameter): its square, integrated over time and added over the
      states, relative to the largest (Kimmel, Locke & Altrock 2021, figure 2c);
    - ``cure_sensitivity`` (patient, parameter): d P(cure by the last day) / d ln(parameter), where
      the model has the closed form;
    - ``N``, ``C``, ``B`` (patient, time): the path, in cells.

    Derivatives are exact, those of the integrator's own steps, in double precision.

    :param days: increasing, at least two.
    :param parameters: by default all but the initial numbers N0, C0, B0.
    :param tolerance: largest error of the logs of the path.
    :raises VcohortError: for unknown parameters or impossible days.
    """
    at = np.atleast_1d(np.asarray(days, dtype=np.float64))
    if at.size < 2:
        raise VcohortError("local_sensitivity needs at least two days, to follow a path.")
    names = _names(cohort, parameters)
    run = RunSettings(
        "deterministic", float(at[-1]), save_at=tuple(at), tolerance=tolerance, dtype="float64",
        regimen=Regimen() if regimen is None else regimen,
    )  # fmt: skip
    check_values(cohort)
    run.regimen.check(len(cohort), run.horizon)
    roster = make_roster(cohort, run)
    time = choose_grid(cohort, roster, run, run.knots).plan
    with jax.enable_x64(True):
        patients = roster.take(np.arange(len(cohort)), np.dtype(np.float64))
        logs, slopes, cure = _derivatives(cohort, names, patients, time, at)
    return _dataset(cohort, names, at, logs, slopes, cure)


def _names(cohort: Cohort, parameters: Sequence[str] | None) -> list[str]:
    """Return the parameters asked for, each known to the model."""
    if parameters is None:
        return [name for name in cohort.model.parameters if name not in ("N0", "C0", "B0")]
    if isinstance(parameters, str) or not parameters:
        raise VcohortError(f"parameters = {parameters!r} is no list of names. Try ['K_C', 'r_B'].")
    return [cohort.model.param(name).name for name in parameters]


def _derivatives(
    cohort: Cohort, names: list[str], patients: Patients, time: TimePlan, days: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logs (state, time, patient), their derivatives (…, parameter), those of P(cure)."""
    model, schedule = cohort.model, patients.schedule
    grid = time.grid(patients)
    point = grid_points(grid, jnp.asarray(days))

    def moved(shift: Array) -> dict[str, Array]:
        values = dict(patients.values)
        for index, name in enumerate(names):
            values[name] = values[name] * jnp.exp(shift[index])
        return values

    def follow(shift: Array) -> tuple[tuple[Array, Array], Array]:
        found = path(model, moved(shift), schedule, grid)
        logs = jnp.take_along_axis(found.logs, point[None], axis=1)
        return (logs, found.cured), logs

    (slopes, cured), logs = jax.jacfwd(follow, has_aux=True)(jnp.zeros(len(names)))
    return np.asarray(logs), np.asarray(slopes), np.asarray(cured)


def _dataset(
    cohort: Cohort,
    names: list[str],
    days: np.ndarray,
    logs: np.ndarray,
    slopes: np.ndarray,
    cure: np.ndarray,
) -> xr.Dataset:
    sensitivity = slopes.transpose(0, 2, 1, 3)
    norm = np.trapezoid((sensitivity**2).sum(axis=0), days, axis=1)
    largest = norm.max(axis=1, keepdims=True)
    about = {"units": "1", "long_name": "d ln(state) / d ln(parameter)"}
    ranked = {"units": "1", "long_name": "squared L2 norm of the sensitivity, to the largest"}
    variables = {
        "sensitivity": (("state", "patient", "time", "parameter"), sensitivity, about),
        "ranking": (("patient", "parameter"), norm / np.where(largest > 0, largest, 1), ranked),
    }
    if cohort.model.tumour_is_linear:
        text = {"units": "1", "long_name": "d P(cure by the last day) / d ln(parameter)"}
        variables["cure_sensitivity"] = (("patient", "parameter"), cure, text)
    with np.errstate(over="ignore"):
        cells = np.exp(logs.transpose(0, 2, 1))
    for index, (name, attrs) in enumerate(STATES.items()):
        variables[name] = (("patient", "time"), cells[index], attrs)
    coords = {
        "state": list(STATES),
        "patient": np.asarray(cohort.patient),
        "time": ("time", days, TIME),
        "parameter": names,
    }
    return xr.Dataset(variables, coords, {"model": cohort.model.name, **dict(cohort.origin)})
