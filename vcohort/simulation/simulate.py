"""The front door: cohorts in, datasets out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np
import xarray as xr

from vcohort.endpoints import Endpoint, Variable
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import whole
from vcohort.populations.cohort import Cohort, check_cohort, check_values, is_traced
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.checks import check_fits
from vcohort.simulation.dataset import assemble
from vcohort.simulation.jobs import outcome_job
from vcohort.simulation.missing import mask_missing, warn_missing
from vcohort.simulation.preparation import prepare
from vcohort.simulation.run import DEFAULTS, Run, settle


def simulate(
    cohort: Cohort,
    method: str | None = None,
    horizon: float | None = None,
    threshold: float | None = None,
    progression: float | None = None,
    regimen: Regimen | None = None,
    save_at: Sequence[float] | None = None,
    seed: int | None = None,
    *,
    endpoints: Sequence[Endpoint] | None = None,
    tolerance: float | None = None,
    dtype: str | None = None,
    run: Run | None = None,
    block: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Run a cohort to the horizon and return a dataset over ``patient`` (docs: the schema).

    :param method: and the other settings: those of a :class:`Run`, with its defaults (2000 days by
        the hybrid method). Patients of one number (drawn with replacement) share all chance, which
        is warned of; :meth:`Cohort.renumbered` gives each its own.
    :param run: all settings at once.
    :param block: patients computed at a time; results do not depend on it.
    :param progress: show a progress bar; None shows one on a terminal or in a notebook.
    :raises VcohortError: for impossible input, before any work.
    """
    check_cohort(cohort)
    run = settle(
        "simulate", run,
        {**dict.fromkeys(DEFAULTS), "method": method, "horizon": horizon, "threshold": threshold,
         "progression": progression, "regimen": regimen, "save_at": save_at, "seed": seed,
         "endpoints": endpoints, "tolerance": tolerance, "dtype": dtype},
    )  # fmt: skip
    if block is not None:
        block = whole("block", block, least=1)
    if is_traced(cohort) or run.regimen.is_traced:
        raise VcohortError(
            "simulate draws outcomes, which have no derivative, and cannot be traced by jax.grad "
            "or jax.jit. cure_probability can."
        )
    check_values(cohort)
    _tell_shared_numbers(cohort)
    check_fits(run, cohort)
    _tell_alike(cohort, run.regimen)
    ready = prepare(cohort, run)
    variables = [variable for endpoint in run.all_endpoints for variable in endpoint.variables]
    results = [_empty(variable, len(cohort), run.dtype) for variable in variables]
    states = _empty_states(run, cohort)
    with progress_bar(f"{run.method}, patients", len(cohort), progress) as on_done:
        followed = ready.fill(
            partial(outcome_job, cohort.model, run),
            [*results, *states], block, on_done, partial(_exponentiate, states),
        )  # fmt: skip
    if followed.lost.all():
        raise VcohortError(
            "The equations of no patient can be followed: a rate is too fast, or becomes "
            "impossible. Check the parameters' units (per day, cells)."
        )
    found = dict(zip((variable.name for variable in variables), results, strict=True))
    mask_missing(found, variables, followed.lost)
    for state in states:
        state[followed.lost] = np.nan
    warn_missing(
        int(followed.lost.sum()), len(cohort),
        "Check their values' units (per day, cells), or narrow the distributions.",
    )  # fmt: skip
    days = ready.first_days()
    error = max(ready.resolution.error, float(followed.error.max()))
    return assemble(cohort, run, days, error, found, states)


def _tell_shared_numbers(cohort: Cohort) -> None:
    """Warn of patients who have one number, and with it all chance."""
    number = np.asarray(cohort.patient)
    if (number[1:] > number[:-1]).all():
        return  # As most are: to see it takes a hundredth of the time of a sort.
    number = np.sort(number)
    shared = int((number[1:] == number[:-1]).sum())
    if shared:
        warnings.warn(
            f"{shared:,} of {number.size:,} patients have the number of another one, and with it "
            "all its random events: they are no draws of their own. To make them so: "
            "cohort.renumbered().",
            VcohortWarning,
            stacklevel=3,
        )


def _tell_alike(cohort: Cohort, regimen: Regimen) -> None:
    """Warn of patients who do not differ in anything."""
    given = [*cohort.values.values(), *(values for _, values, _ in regimen.named_fields())]
    columns = [column for column in map(np.asarray, given) if column.ndim]
    if len(cohort) > 1 and not any((column != column[:1]).any() for column in columns):
        warnings.warn(
            f"All {len(cohort):,} patients have the same parameters: they differ by chance alone. "
            "Give sigma, or a parameter a distribution, or take the population 'zuma1'.",
            VcohortWarning,
            stacklevel=3,
        )


def _empty(variable: Variable, patients: int, dtype: str) -> np.ndarray:
    return np.empty(patients, dtype if variable.dtype == "float" else variable.dtype)


def _empty_states(run: Run, cohort: Cohort) -> list[np.ndarray]:
    if run.save_at is None:
        return []
    species, shape = cohort.model.species, (len(cohort), len(run.save_at))
    # A tumour left to grow to the horizon outgrows the range of float32.
    wide = [np.empty(shape, np.float64) for _ in species.clones]
    return [*(np.empty(shape, run.dtype) for _ in species.compartments), *wide]


def _exponentiate(log_states: list[np.ndarray], rows: slice | np.ndarray) -> None:
    """Turn logs of cells into cells: a slice of rows in place, which is all but a few of them."""
    with np.errstate(over="ignore"):
        for state in log_states:
            part = state[rows]
            np.exp(part, out=part)
            if not isinstance(rows, slice):
                state[rows] = part
