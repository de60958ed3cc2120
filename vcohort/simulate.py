"""The front door: cohorts in, datasets and cure probabilities out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from vcohort.cohort import Cohort, check_values, is_traced
from vcohort.dataset import assemble
from vcohort.endpoints import Endpoint, Variable
from vcohort.engine import cure, exact, loop
from vcohort.engine.blocks import Work, run_blocks
from vcohort.engine.grid import Floats, time_grid
from vcohort.engine.loop import Grid, Patients, Settings
from vcohort.engine.pilot import Resolution, resolve
from vcohort.engine.random import seed_key
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.progress import progress_bar
from vcohort.settings import RunSettings, nonlinear

# Where values are traced no pilot can be run: this many steps keep ln B within 1e-3 over
# 2000 days at sigma = 0.1.
_STEPS_WHEN_TRACED = 96

# With an error of this in a log not even the first digit is known, and nothing is returned.
_NO_DIGIT = 1.0


def simulate(
    cohort: Cohort,
    method: str = "hybrid",
    horizon: float = 2000.0,
    threshold: float = 100.0,
    progression: float = 1.2,
    regimen: None = None,
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
    :param regimen: treatment beyond the first infusion; None is that infusion alone.
    :param save_at: days, increasing, at which N, C and B (patient, time) are kept.
    :param seed: of the tumour's random events; a patient's draws depend on it and on the
        patient's number alone.
    :param endpoints: what to read off beside the outcome; by default :class:`Nadir`,
        :class:`Kinetics` and :class:`Response`.
    :param tolerance: largest error of ln N, ln C and ln B; it sets the number of steps.
    :param dtype: ``"float32"`` or ``"float64"``.
    :param block: patients computed at a time; results do not depend on it.
    :param progress: show a progress bar; None shows one on a terminal or in a notebook.
    :raises VcohortError: for impossible input, before any work.
    """
    if regimen is not None:
        raise VcohortError("regimen must be None: one infusion of C0 at day 0 is all there is yet.")
    run = RunSettings(
        method, horizon, threshold, progression,
        None if save_at is None else tuple(save_at), seed, tolerance, dtype, tuple(endpoints),
    )  # fmt: skip
    if block is not None and block < 1:
        raise VcohortError(f"block = {block} is impossible: it must be at least 1 patient.")
    if is_traced(cohort):
        raise VcohortError(
            "simulate draws outcomes, which have no derivative, and cannot be traced by jax.grad "
            "or jax.jit. cure_probability can."
        )
    check_values(cohort)
    run.check_cohort(cohort)
    values = {name: np.asarray(value, np.float64) for name, value in cohort.values.items()}
    resolution = _resolve(cohort, values, run)
    variables = [variable for endpoint in run.endpoints for variable in endpoint.variables]
    results = [_empty(variable, len(cohort), run.dtype) for variable in variables]
    states = _empty_states(run, len(cohort))
    with progress_bar(f"{method}, patients", len(cohort), progress) as on_done:
        run_blocks(
            _work(cohort, run, resolution.days),
            values,
            np.asarray(cohort.patient),
            [*results, *states],
            np.dtype(run.dtype),
            block,
            on_done,
        )
    _exponentiate(states)
    found = dict(zip((variable.name for variable in variables), results, strict=True))
    return assemble(cohort, run, resolution, found, states)


def cure_probability(
    cohort: Cohort,
    horizon: float = 2000.0,
    *,
    tolerance: float = 1e-3,
    dtype: str = "float32",
) -> Array:
    """Return each patient's probability (patient,) that no tumour cell is left at the horizon.

    exp(-Lambda(t)) with 1/Lambda(t) = int_0^t mu(s) / B(s) ds on the deterministic path
    (Kendall 1948), whether or not the tumour reached its progression size before. No random
    number, no threshold. Differentiable in the cohort's values::

        jax.grad(lambda K_C: vc.cure_probability(cohort.replace(K_C=K_C)).mean())(cohort["K_C"])

    While values are traced (``jax.grad``, ``jax.jit``) ``tolerance`` has no effect (a grid of
    96 steps is used) and ``dtype`` follows the values.

    :raises VcohortError: where a rate of the model depends on the tumour.
    """
    run = RunSettings("exact", horizon, tolerance=tolerance, dtype=dtype)
    if not cohort.model.tumour_is_linear:
        raise nonlinear("cure_probability", cohort, "Use simulate(method='hybrid').")
    check_values(cohort)
    if is_traced(cohort):
        arrays = {name: jnp.asarray(value) for name, value in cohort.values.items()}
        kind = jnp.result_type(*arrays.values(), jnp.float32)
        arrays = {name: value.astype(kind) for name, value in arrays.items()}
        days = time_grid(run.horizon, _STEPS_WHEN_TRACED)
        return cure.cure_probability(cohort.model, arrays, _grid(days, kind))
    values = {name: np.asarray(value, np.float64) for name, value in cohort.values.items()}
    days = _resolve(cohort, values, run, knots=()).days

    def work(patients: Patients) -> tuple[Array]:
        grid = _grid(days, np.dtype(run.dtype))
        return (cure.cure_probability(cohort.model, patients.values, grid),)

    result = np.empty(len(cohort), run.dtype)
    run_blocks(work, values, np.asarray(cohort.patient), [result], result.dtype)
    with jax.enable_x64(run.dtype == "float64"):
        return jnp.asarray(result)


def _resolve(
    cohort: Cohort,
    values: dict[str, np.ndarray],
    run: RunSettings,
    knots: tuple[float, ...] | None = None,
) -> Resolution:
    """Choose the time grid; warn where it misses the tolerance, refuse where it fails."""
    days = run.knots if knots is None else knots
    with jax.enable_x64(run.dtype == "float64"):
        found = resolve(cohort.model, values, run.horizon, days, run.tolerance, np.dtype(run.dtype))
    if not found.error < _NO_DIGIT:
        raise VcohortError(
            f"The equations cannot be followed with {found.days.size - 1} steps: a rate is too "
            "fast. Check the parameters' units (per day, cells)."
        )
    if found.error > run.tolerance:
        warnings.warn(
            f"The error of {found.error:.1e} misses the tolerance of {run.tolerance:.1e} with "
            f"{found.days.size - 1} steps. Try dtype='float64', or a larger tolerance.",
            VcohortWarning,
            stacklevel=3,
        )
    return found


def _work(cohort: Cohort, run: RunSettings, days: Floats) -> Work:
    """Return what one block runs."""
    dtype = np.dtype(run.dtype)
    save = None if run.save_at is None else np.searchsorted(days, run.save_at)

    def work(patients: Patients) -> list[Array]:
        settings = Settings(
            seed_key(run.seed, run.method),
            *(jnp.asarray(x, dtype) for x in (run.threshold, run.progression, run.horizon)),
        )
        grid = _grid(days, dtype)
        if run.method == "exact":
            return list(exact.run(cohort.model, run.endpoints, patients, grid, settings))
        found, paths = loop.run(
            run.method, cohort.model, run.endpoints, patients, grid, settings, save
        )
        return [*found, *(path.T for path in paths or ())]

    return work


def _grid(days: Floats, dtype: Any) -> Grid:
    return Grid(*(jnp.asarray(x, dtype) for x in (days[:-1], days[1:], np.diff(days))))


def _empty(variable: Variable, patients: int, dtype: str) -> np.ndarray:
    return np.empty(patients, dtype if variable.dtype == "float" else variable.dtype)


def _empty_states(run: RunSettings, patients: int) -> list[np.ndarray]:
    if run.save_at is None:
        return []
    # A tumour left to grow to the horizon outgrows the range of float32.
    return [np.empty((patients, len(run.save_at)), dtype) for dtype in (*[run.dtype] * 2, "f8")]


def _exponentiate(log_states: list[np.ndarray]) -> None:
    """Turn logs of cells into cells, in place."""
    with np.errstate(over="ignore"):
        for state in log_states:
            np.exp(state, out=state)
