"""P(cure) and its derivatives on a grid of two parameters, without Monte Carlo noise."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from functools import partial

import jax
import numpy as np
import xarray as xr
from jax import Array
from numpy.typing import ArrayLike

from vcohort.analysis.sensitivity.outputs import keep_followed
from vcohort.engine.execution.blocks import Job
from vcohort.engine.execution.derivatives import differentiable
from vcohort.engine.inputs import GridSpec, Patients
from vcohort.errors import VcohortError
from vcohort.given import floats, whole
from vcohort.populations.cohort import Cohort, check_values
from vcohort.populations.population import Population, check_population
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.checks import require_law
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.jobs import cure_programs
from vcohort.simulation.preparation import prepare
from vcohort.simulation.run import Run, settle


def sensitivity_map(
    population: Population,
    axes: Mapping[str, ArrayLike],
    n: int = 256,
    *,
    horizon: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Return mean P(cure) on a grid of two parameters, and its derivative to every parameter.

    Each cell holds the same ``n`` patients (a Sobol' design), their distributions of the two
    parameters centred at the cell's values. One differentiated pass gives all derivatives.

    :param axes: two parameters and their values, in cells and days, by name.
    :param n: patients per cell; 1 where nothing varies in the population.
    :param horizon: and ``regimen``, ``seed``, ``tolerance``: settings of a :class:`Run`.
    :return: over both names: ``cure_probability``, and ``sensitivity`` (…, parameter): the
        derivative of mean P(cure) to ln(parameter) of all patients of the cell. ``missing``:
        patients that could not be followed; they are left out, with a warning.
    :raises VcohortError: for other than two parameters, unknown ones, impossible values, and
        where a rate of the model depends on the tumour.
    """
    given = {"horizon": horizon, "regimen": regimen, "seed": seed, "tolerance": tolerance}
    run = settle("sensitivity_map", run, given, method="exact")
    grids, n = _axes(population, axes), whole("n", n, least=1)
    (first, rows), (second, columns) = grids.items()
    cells = [
        population.at(**{first: float(x), second: float(y)}).sample(n, run.seed, design="sobol")
        for x in rows for y in columns
    ]  # fmt: skip
    names = list(cells[0].values)
    values = {name: np.concatenate([cell[name] for cell in cells]) for name in names}
    cohort = Cohort(values, np.arange(n * len(cells)), population.model, cells[0].origin)
    instead = "Use simulate(method='hybrid') on a grid."
    require_law("sensitivity_map", cohort.model, instead, any_clones=True)
    cured, slopes = _differentiate(cohort, run, progress)
    kept = keep_followed(np.column_stack([cured, slopes]))
    shape = (rows.size, columns.size)
    count = kept.reshape(*shape, n).sum(axis=2)

    def mean_of(values: np.ndarray) -> np.ndarray:
        """Return the mean over a cell's patients, NaN where none is left."""
        inside = np.where(kept[:, None], values, 0.0).reshape(*shape, n, -1)
        return inside.sum(axis=2) / np.where(count > 0, count, np.nan)[..., None]

    mean, slope = mean_of(cured[:, None])[..., 0], mean_of(slopes)
    param = {name: population.model.param(name) for name in (first, second)}
    over = (first, second)
    return xr.Dataset(
        {
            "cure_probability": (over, mean, {"units": "1", "long_name": "mean P(cure)"}),
            "sensitivity": (
                (*over, "parameter"), slope,
                {"units": "1", "long_name": "d mean P(cure) / d ln(parameter)"},
            ),
            "missing": (
                over, n - count,
                {"units": "1", "long_name": "patients whose equations could not be followed"},
            ),
        },
        {
            **{
                name: (name, at, {"units": param[name].unit, "long_name": param[name].description})
                for name, at in grids.items()
            },
            "parameter": names,
        },
        {
            **recorded(population=population, regimen=run.regimen), "n": n, "seed": str(run.seed),
            "horizon": run.horizon, "tolerance": run.tolerance, **provenance("sensitivity_map"),
        },
    )  # fmt: skip


def _axes(population: Population, axes: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    check_population(population)
    if not isinstance(axes, Mapping) or len(axes) != 2:
        raise VcohortError(
            f"A map has two axes, by name, not {reprlib.repr(axes)}. Try "
            "{'K_C': values, 'gamma_B': values}."
        )
    grids = {name: np.atleast_1d(floats(name, values)) for name, values in axes.items()}
    for name, values in grids.items():
        param = population.model.param(name)
        if values.ndim != 1 or not values.size:
            raise VcohortError(f"The axis {name} must be a list of values.")
        param.check(values)
        param.advise(values)
    return grids


def _differentiate(
    cohort: Cohort, run: Run, progress: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return P(cure) (patient,) and its derivatives to ln(parameter) (patient, parameter)."""
    check_values(cohort)
    run.regimen.check(len(cohort), run.horizon)
    ready = prepare(cohort, run, ())
    results = [np.empty(len(cohort), run.dtype) for _ in range(1 + len(cohort.values))]

    programs = cure_programs(cohort.model)

    def work(plan: GridSpec, patients: Patients) -> list[Array]:
        grid = plan.grid(patients)

        def probability(values: dict[str, Array]) -> tuple[Array, Array]:
            return differentiable(programs, values, patients.schedule, grid)

        cured, back, strain = jax.vjp(probability, patients.values, has_aux=True)
        (slopes,) = back(jax.numpy.ones_like(cured))
        return [cured, *(slopes[name] * patients.values[name] for name in cohort.values), strain]

    def job_of(plan: GridSpec) -> Job:
        return Job(("slopes", programs, plan.steps), partial(work, plan))

    with progress_bar("map, patients", len(cohort), progress) as on_done:
        followed = ready.fill(job_of, results, on_done=on_done)
    found = np.stack(results, axis=1)
    found[followed.lost] = np.nan
    return found[:, 0], found[:, 1:]
