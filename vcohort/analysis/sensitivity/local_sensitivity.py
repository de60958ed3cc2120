"""Local sensitivities: how paths and outputs change with each parameter, by forward derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike

from vcohort.analysis.sensitivity.outputs import (
    Measure,
    Outputs,
    cured_of,
    find_measures,
    kinetics_of,
    read,
)
from vcohort.engine.closed_forms.path import path
from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.inputs import Patients
from vcohort.engine.integrator.clones import LOG_NONE
from vcohort.engine.integrator.grid import Grid, grid_points, room_for
from vcohort.errors import VcohortError
from vcohort.given import is_list, names_of
from vcohort.models import Model
from vcohort.populations.cohort import Cohort, check_cohort
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import PATIENT, TIME, provenance, states_of
from vcohort.simulation.missing import LOST, check_kept
from vcohort.simulation.preparation import prepare
from vcohort.simulation.run import Run, settle
from vcohort.tables.days import days_of

# Patients differentiated at a time; a small cohort takes the small block.
_BLOCKS = (8, 64)

# A parameter may be given as its inverse: 1/k_B is what the paper's code fits.
_INVERSE = "1/"


class _Slopes(NamedTuple):
    """Logs (state, time, patient), their derivatives (…, parameter); outputs and P(cure) alike."""

    logs: np.ndarray
    slopes: np.ndarray
    outputs: np.ndarray
    output_slopes: np.ndarray
    cure_slopes: np.ndarray


def local_sensitivity(
    cohort: Cohort,
    days: ArrayLike,
    parameters: Sequence[str] | None = None,
    *,
    outputs: Sequence[str] = (),
    progression: float | None = None,
    regimen: Regimen | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Return the sensitivities of each patient to each parameter, along the deterministic path.

    - ``sensitivity`` (state, patient, time, parameter): d ln(state) / d ln(parameter) of N, C, B;
    - ``ranking`` (patient, parameter): its square, integrated over time and added over the
      states, relative to the largest (Kimmel, Locke & Altrock 2021, figure 2c);
    - ``cure_sensitivity`` (patient, parameter): d P(cure by the last day) / d ln(parameter), where
      the model has the closed form;
    - ``output_value``, ``output_sensitivity`` (patient, output, parameter): each of ``outputs``,
      and d output / d ln(parameter);
    - ``N``, ``C``, ``B`` (patient, time): the path, in cells.

    Derivatives are exact, those of the integrator's own steps, in double precision. All of a
    patient that could not be followed is NaN, with a warning.

    :param days: increasing, at least two.
    :param parameters: by default all but the first numbers of cells; ``"1/k_B"`` is the
        inverse of a parameter.
    :param outputs: ``cure``, ``pfs_DAY``, ``rmst_DAY``, ``C_max``, ``T_max``, ``C_auc_DAY``, within
        the last day.
    :param progression: and ``regimen``, ``tolerance`` (by default 1e-6): settings of a
        :class:`Run`.
    :raises VcohortError: for unknown parameters or outputs, or impossible days.
    """
    at = days_of("days", days)
    if at.size < 2:
        raise VcohortError("local_sensitivity needs at least two days, to follow a path.")
    check_cohort(cohort)
    names = _names(cohort, parameters)
    run = settle(
        "local_sensitivity", run,
        {"progression": progression, "regimen": regimen, "tolerance": tolerance},
        tolerance=1e-6, method="deterministic", horizon=float(at[-1]), save_at=tuple(at),
        dtype="float64",
    )  # fmt: skip
    asked = Outputs(() if is_list(outputs) and not len(outputs) else find_measures(outputs), run)
    asked.check(cohort)
    found = _derivatives(cohort, names, asked, at, progress)
    return _dataset(cohort, names, asked.measures, at, found)


def _names(cohort: Cohort, parameters: Sequence[str] | None) -> list[str]:
    """Return the parameters asked for, each known to the model."""
    if parameters is None:
        return [name for name in cohort.model.parameters if name not in cohort.model.initial]
    names = list(names_of("parameters", parameters, "['K_C', 'r_B']"))
    for name in names:
        cohort.model.param(name.removeprefix(_INVERSE))
    if len({*names}) < len(names):
        raise VcohortError(f"parameters = {names} names one twice. Name each once.")
    return names


def _derivatives(
    cohort: Cohort, names: list[str], asked: Outputs, days: np.ndarray, progress: bool | None
) -> _Slopes:
    """Differentiate all patients, in blocks; NaN for those that get lost."""
    days_read = (*asked.run.required_days, *asked.required_days)
    ready = prepare(cohort, asked.run, days_read, one_grid=True)
    table, time = ready.table, ready.grid
    total, parts = len(cohort), list[_Slopes]()
    block = _BLOCKS[0] if total <= _BLOCKS[0] else _BLOCKS[-1]
    bar = progress_bar("sensitivity, patients", total, progress)
    with bar as advance, jax.enable_x64(True), nan_is_meant():
        for first in range(0, total, block):
            count = min(block, total - first)
            chosen = np.minimum(np.arange(first, first + block), total - 1)
            patients = table.take(chosen, np.dtype(np.float64))
            found = _differentiate(
                cohort.model, tuple(names), asked.measures, patients,
                time.grid(patients, room_for(time.steps)),
                jnp.asarray(days), jnp.asarray(asked.run.progression),
            )  # fmt: skip
            parts.append(_Slopes(*(np.asarray(part)[_first(index, count)]
                                   for index, part in enumerate(found))))  # fmt: skip
            advance(count)
    axes = (2, 2, 0, 0, 0)
    found = _Slopes(
        *(np.concatenate(part, axis) for part, axis in zip(zip(*parts, strict=True), axes,
                                                           strict=True))
    )  # fmt: skip
    lost = ~(found.logs < np.inf).all(axis=(0, 1))
    check_kept(~lost, LOST, stacklevel=4)
    for part, axis in zip(found, axes, strict=True):
        np.moveaxis(part, axis, 0)[lost] = np.nan
    return found


def _first(index: int, count: int) -> Any:
    """Return the slice of the first patients of the parts of _Slopes."""
    return (slice(None), slice(None), slice(count)) if index < 2 else slice(count)


@partial(jax.jit, static_argnames=("model", "names", "measures"))
def _differentiate(
    model: Model,
    names: tuple[str, ...],
    measures: tuple[Measure, ...],
    patients: Patients,
    grid: Grid,
    days: Array,
    progression: Array,
) -> tuple[Array, ...]:
    point = grid_points(grid, days)

    def moved(shift: Array) -> Patients:
        values = dict(patients.values)
        for index, name in enumerate(names):
            sign = -1.0 if name.startswith(_INVERSE) else 1.0
            plain = name.removeprefix(_INVERSE)
            values[plain] = values[plain] * jnp.exp(sign * shift[index])
        return patients._replace(values=values)

    def follow(shift: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        shifted = moved(shift)
        endpoints = kinetics_of(measures)
        found = path(model, shifted.values, shifted.schedule, grid, endpoints)
        # Of no cells nothing changes.
        every = jnp.stack(
            [jnp.maximum(found.cells.log(name), 0.5 * LOG_NONE) for name in model.species.names]
        )
        logs = jnp.take_along_axis(every, point[None], axis=1)
        cured = found.cured
        if model.tumour_is_linear:
            cured = cured_of(model, found, shifted, grid)
        number = jnp.zeros((cured.size, 0))
        outputs = read(measures, found, cured, grid, progression) if measures else number
        return (logs, outputs, cured), (logs, outputs)

    slopes, (logs, outputs) = jax.jacfwd(follow, has_aux=True)(jnp.zeros(len(names)))
    return logs, slopes[0], outputs, slopes[1], slopes[2]


def _dataset(
    cohort: Cohort,
    names: list[str],
    measures: tuple[Measure, ...],
    days: np.ndarray,
    found: _Slopes,
) -> xr.Dataset:
    sensitivity = found.slopes.transpose(0, 2, 1, 3)
    norm = np.trapezoid((sensitivity**2).sum(axis=0), days, axis=1)
    largest = norm.max(axis=1, keepdims=True)
    about = {"units": "1", "long_name": "d ln(state) / d ln(parameter)"}
    ranked = {"units": "1", "long_name": "squared L2 norm of the sensitivity, to the largest"}
    variables: dict[str, Any] = {
        "sensitivity": (("state", "patient", "time", "parameter"), sensitivity, about),
        "ranking": (("patient", "parameter"), norm / np.where(largest > 0, largest, 1), ranked),
    }
    if cohort.model.tumour_is_linear:
        text = {"units": "1", "long_name": "d P(cure by the last day) / d ln(parameter)"}
        variables["cure_sensitivity"] = (("patient", "parameter"), found.cure_slopes, text)
    coords: dict[str, Any] = {
        "state": list(cohort.model.species.names),
        "patient": ("patient", np.asarray(cohort.patient), PATIENT),
        "time": ("time", days, TIME),
        "parameter": names,
    }
    if measures:
        unit = {"units": "as the output"}
        variables["output_value"] = (
            ("patient", "output"), found.outputs, unit | {"long_name": "output"},
        )  # fmt: skip
        variables["output_sensitivity"] = (
            ("patient", "output", "parameter"), found.output_slopes,
            unit | {"long_name": "d output / d ln(parameter)"},
        )  # fmt: skip
        coords["output"] = [each.name for each in measures]
        coords["unit"] = ("output", [each.unit for each in measures])
    with np.errstate(over="ignore"):
        cells = np.exp(found.logs.transpose(0, 2, 1))
    for index, (name, attrs) in enumerate(states_of(cohort.model).items()):
        variables[name] = (("patient", "time"), cells[index], attrs)
    attributes = {
        "model": cohort.model.name,
        **dict(cohort.origin),
        **provenance("local_sensitivity"),
    }
    return xr.Dataset(variables, coords, attributes)
