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
from vcohort.populations.cohort import Cohort, check_values, is_traced
from vcohort.progress import progress_bar
from vcohort.regimens.regimen import Regimen
from vcohort.results.missing import mask_missing, warn_missing
from vcohort.simulation.dataset import assemble
from vcohort.simulation.preparation import (
    choose_grid,
    draw_outcomes,
    first_days,
    make_patient_table,
    program_of,
    run_followed,
)
from vcohort.simulation.settings import RunSettings


def simulate(
    cohort: Cohort,
    method: str = "hybrid",
    horizon: float = 2000.0,
    threshold: float = 100.0,
    progression: float = 1.2,
    regimen: Regimen | None = None,
    save_at: Sequence[float] | None = None,
    seed: int = 0,
    *,
    endpoints: Sequence[Endpoint] = (),
    tolerance: float = 1e-3,
    dtype: str = "float32",
    block: int | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Run a cohort to the horizon and return a dataset over ``patient`` (docs: the schema).

    :param method: ``"hybrid"`` (the paper's: differential equations, and the exact
        birth-death process below the threshold), ``"exact"`` (the closed form; fastest, no
        threshold), ``"gillespie"`` (event by event below the threshold; the oracle) or
        ``"deterministic"`` (differential equations alone).
    :param horizon: days to run.
    :param threshold: cells below which the tumour is stochastic.
    :param progression: tumour size, relative to the first, that counts as progression.
    :param regimen: treatments beside the first infusion; None is that infusion alone.
    :param save_at: days, increasing, at which N, C and B (patient, time) are kept; on a day of
        treatment, before it (on day 0, after it).
    :param seed: of the tumour's random events; a patient's draws depend on it and on the
        patient's number alone. Patients of one number (drawn with replacement) share all chance,
        which is warned of; :meth:`Cohort.renumbered` gives each its own.
    :param endpoints: what to read off beside the outcome; by default :class:`Nadir`,
        :class:`Kinetics` and :class:`Response`.
    :param tolerance: largest error of ln N, ln C and ln B; it sets the number of steps.
    :param dtype: ``"float32"`` or ``"float64"``.
    :param block: patients computed at a time; results do not depend on it.
    :param progress: show a progress bar; None shows one on a terminal or in a notebook.
    :raises VcohortError: for impossible input, before any work.
    """
    run = RunSettings(
        method, horizon, threshold, progression, save_at, seed, tolerance, dtype, tuple(endpoints),
        Regimen() if regimen is None else regimen,
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
    run.check_cohort(cohort)
    table = make_patient_table(cohort, run)
    resolution = choose_grid(cohort, table, run, run.required_days)
    variables = [variable for endpoint in run.endpoints for variable in endpoint.variables]
    results = [_empty(variable, len(cohort), run.dtype) for variable in variables]
    states = _empty_states(run, len(cohort))
    with progress_bar(f"{method}, patients", len(cohort), progress) as on_done:
        followed = run_followed(
            cohort.model, run, resolution, table, partial(program_of, cohort.model, run),
            partial(draw_outcomes, cohort.model, run), [*results, *states], block, on_done,
            partial(_exponentiate, states),
        )  # fmt: skip
    if followed.lost.all():
        raise VcohortError(
            "The equations of no patient can be followed: a rate is too fast. Check the "
            "parameters' units (per day, cells)."
        )
    found = dict(zip((variable.name for variable in variables), results, strict=True))
    mask_missing(found, variables, followed.lost)
    for state in states:
        state[followed.lost] = np.nan
    warn_missing(
        int(followed.lost.sum()), len(cohort),
        "Check their values' units (per day, cells), or narrow the distributions.",
    )  # fmt: skip
    days = first_days(table, resolution, run)
    error = max(resolution.error, float(followed.error.max()))
    return assemble(cohort, run, days, error, found, states)


def _tell_shared_numbers(cohort: Cohort) -> None:
    """Warn of patients who have one number, and with it all chance."""
    number = np.asarray(cohort.patient)
    shared = number.size - np.unique(number).size
    if shared:
        warnings.warn(
            f"{shared:,} of {number.size:,} patients have the number of another one, and with it "
            "all its random events: they are no draws of their own. To make them so: "
            "cohort.renumbered().",
            VcohortWarning,
            stacklevel=3,
        )


def _empty(variable: Variable, patients: int, dtype: str) -> np.ndarray:
    return np.empty(patients, dtype if variable.dtype == "float" else variable.dtype)


def _empty_states(run: RunSettings, patients: int) -> list[np.ndarray]:
    if run.save_at is None:
        return []
    # A tumour left to grow to the horizon outgrows the range of float32.
    return [np.empty((patients, len(run.save_at)), dtype) for dtype in (*[run.dtype] * 2, "f8")]


def _exponentiate(log_states: list[np.ndarray], rows: slice | np.ndarray) -> None:
    """Turn logs of cells into cells: a slice of rows in place, which is all but a few of them."""
    with np.errstate(over="ignore"):
        for state in log_states:
            part = state[rows]
            np.exp(part, out=part)
            if not isinstance(rows, slice):
                state[rows] = part
