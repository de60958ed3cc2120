"""Probabilities of each patient by the closed form: no random number, no threshold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from vcohort.engine.chance.random import Key
from vcohort.engine.closed_forms.progression import probabilities
from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.compiling.forks import about_to_run
from vcohort.engine.execution.blocks import Job
from vcohort.engine.execution.derivatives import differentiable
from vcohort.engine.inputs import GridSpec, Patients
from vcohort.engine.integrator.grid import Grid
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import number
from vcohort.populations.cohort import Cohort, check_cohort, check_values, is_traced
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.checks import increasing_days, require_law
from vcohort.simulation.jobs import cure_job, cure_programs, survival_job
from vcohort.simulation.limits import MOST_DAYS
from vcohort.simulation.missing import warn_missing
from vcohort.simulation.preparation import grid_spec, prepare
from vcohort.simulation.run import Run, settle

# Where values are traced no pilot can be run: this many steps keep ln B within 1e-3 over
# 2000 days at sigma = 0.1.
_STEPS_WHEN_TRACED = 96

# Cells below which a tumour grows to its progression size by chance, now and then.
SMALL = 1e4


def cure_probability(
    cohort: Cohort,
    horizon: float | None = None,
    *,
    regimen: Regimen | None = None,
    tolerance: float | None = None,
    dtype: str | None = None,
    run: Run | None = None,
) -> Array:
    """Return each patient's probability (patient,) that no tumour cell is left at the horizon.

    exp(-Lambda(t)) with 1/Lambda(t) = int_0^t mu(s) / B(s) ds on the deterministic path
    (Kendall 1948), whether or not the tumour reached its progression size before. No random
    number, no threshold. Differentiable in the cohort's values and the regimen's fields::

        jax.grad(lambda K_C: vc.cure_probability(cohort.replace(K_C=K_C)).mean())(cohort["K_C"])

    While values are traced (``jax.grad``, ``jax.jit``) ``tolerance`` has no effect (a grid of
    96 steps, and 96 more for each treatment, is used), ``dtype`` follows the values, and a CPU
    computes on one core. Impossible values cannot be refused then: they give NaN.

    :param horizon: and ``regimen``, ``tolerance``, ``dtype``: settings of a :class:`Run`.
    :raises VcohortError: where a rate of the model depends on the tumour.
    """
    check_cohort(cohort)
    given = {"horizon": horizon, "regimen": regimen, "tolerance": tolerance, "dtype": dtype}
    run = settle("cure_probability", run, given, method="exact")

    def traced(patients: Patients, grid: Grid) -> tuple[Array, Array]:
        return differentiable(cure_programs(cohort.model), patients.values, patients.schedule, grid)

    if _is_traced("cure_probability", cohort, run):
        return _trace(cohort, run, (), traced)
    return _fill(cohort, run, (), [()], partial(cure_job, cohort.model))[0]


def progression_free_probability(
    cohort: Cohort,
    days: ArrayLike,
    *,
    progression: float | None = None,
    regimen: Regimen | None = None,
    tolerance: float | None = None,
    dtype: str | None = None,
    run: Run | None = None,
    noise: float | Array = 0.0,
) -> Array:
    """Return each patient's probability (patient, day) of no progression by each day.

    By the law of the tumour on each day: its surviving lineages are Poisson(Lambda) many, each
    with an exponential number of cells. The mean over patients is the survival curve, without
    Monte Carlo noise. Differentiable as :func:`cure_probability` is. Where a later treatment
    shrinks a tumour again, the lowest of the probabilities so far stands for their joint one.
    Warns of tumours below 10,000 cells, which progress by chance that the closed form does not
    know of.

    :param days: increasing, within 0 … 1e6.
    :param progression: and ``regimen``, ``tolerance``, ``dtype``: settings of a :class:`Run`.
    :param noise: standard deviation of a normal error of ln(tumour), such as that of its
        measurement. A tumour of many lineages progresses on one day, whose derivative no
        probability shows; noisy, it does.
    :raises VcohortError: where a rate of the model depends on the tumour; for impossible days.
    """
    check_cohort(cohort)
    warn_small_tumours(cohort)
    at = increasing_days("days", days, MOST_DAYS)
    if not isinstance(noise, jax.core.Tracer):
        noise = number("noise", noise)
        if not 0.0 <= noise < np.inf:
            raise VcohortError(f"noise = {noise:g} is impossible: it must be a number, at least 0.")
    run = settle(
        "progression_free_probability", run,
        {"progression": progression, "regimen": regimen, "tolerance": tolerance, "dtype": dtype},
        method="exact", horizon=float(max(at[-1], 1e-3)),
    )  # fmt: skip

    def traced(patients: Patients, grid: Grid) -> tuple[Array, Array]:
        kind = patients.values["B0"].dtype
        numbers = (jnp.asarray(each, kind) for each in (at, run.progression, noise))
        return probabilities(cohort.model, patients, grid, *numbers)[1:]

    if _is_traced("progression_free_probability", cohort, run):
        return _trace(cohort, run, at, traced)
    return _cured_and_free(cohort, run, at, noise)[1]


def cured_and_free(cohort: Cohort, days: ArrayLike, run: Run) -> tuple[Array, Array]:
    """Return what both functions above tell, (patient,) and (patient, day), at the cost of one.

    ``days``: the last is the run's horizon.
    """
    warn_small_tumours(cohort)
    at = increasing_days("days", days, MOST_DAYS)
    assert at[-1] == run.horizon
    assert not _is_traced("progression_free_probability", cohort, run)
    return _cured_and_free(cohort, run, at)


def _cured_and_free(
    cohort: Cohort, run: Run, days: np.ndarray, noise: float | Array = 0.0
) -> tuple[Array, Array]:
    def job_of(grid: GridSpec) -> Job:
        return survival_job(cohort.model, run, days, grid, noise)

    cured, free = _fill(cohort, run, days, [(), days.shape], job_of)
    return cured, free


def warn_small_tumours(cohort: Cohort, limit: float = SMALL, *, stacklevel: int = 3) -> None:
    """Warn of tumours of which the closed form does not know when they progress."""
    tumours = cohort["B0"]
    if not isinstance(tumours, jax.core.Tracer) and np.min(tumours) < limit:
        warnings.warn(
            f"The smallest tumour has {np.min(tumours):g} cells. Below {limit:g} cells chance "
            "decides when a tumour reaches its progression size, and the closed form does not know "
            "of it. Cure is not affected; for progression use simulate(method='exact').",
            VcohortWarning,
            stacklevel=stacklevel,
        )


def _is_traced(name: str, cohort: Cohort, run: Run) -> bool:
    """Whether a probability is part of a traced function; refuse what has none."""
    any_clones = name == "cure_probability"
    instead = "Use simulate(method='hybrid'), and count fates: vc.progression_free_survival."
    if any_clones:
        instead = "Use simulate(method='hybrid')."
    require_law(name, cohort.model, instead, any_clones=any_clones)
    check_values(cohort)
    run.regimen.check(len(cohort), run.horizon)
    return is_traced(cohort) or run.regimen.is_traced


def _fill(
    cohort: Cohort,
    run: Run,
    required_days: ArrayLike,
    shapes: Sequence[tuple[int, ...]],
    job_of: Callable[[GridSpec], Job],
) -> list[Array]:
    """Compute probabilities of all patients, in blocks: of each patient, arrays of ``shapes``."""
    ready = prepare(cohort, run, tuple(np.asarray(required_days, float)))
    results = [np.empty((len(cohort), *shape), run.dtype) for shape in shapes]
    followed = ready.fill(job_of, results)
    for result in results:
        result[followed.lost] = np.nan
    warn_missing(int(followed.lost.sum()), len(cohort), "Their probabilities are NaN.")
    with jax.enable_x64(run.dtype == "float64"), nan_is_meant():
        return [jnp.asarray(result) for result in results]


def _trace(
    cohort: Cohort,
    run: Run,
    required_days: ArrayLike,
    probability: Callable[[Patients, Grid], tuple[Array, Array]],
) -> Array:
    """Return a probability of all patients as part of a traced function."""
    return probability(*traced_patients(cohort, run, required_days))[0]


def traced_patients(cohort: Cohort, run: Run, required_days: ArrayLike) -> tuple[Patients, Grid]:
    """Return the patients and their grid as parts of a traced function, without random numbers."""
    required_days = tuple(np.asarray(required_days, float))
    about_to_run()
    values, schedule = run.regimen.first_values(cohort), run.regimen.schedule(cohort)
    kind = jnp.result_type(*values.values(), *jax.tree.leaves(schedule), jnp.float32)
    values, schedule = jax.tree.map(lambda value: jnp.asarray(value, kind), (values, schedule))
    # What cannot be looked at cannot be refused: it makes its patient's probability NaN.
    values = {name: cohort.model.param(name).or_nan(value) for name, value in values.items()}
    treatments = 0 if schedule is None else schedule.day.shape[1]
    steps = _STEPS_WHEN_TRACED * (1 + treatments) + len(required_days)
    nobody = Key(*(jnp.zeros(0, jnp.uint32) for _ in range(2)))
    patients = Patients(values, nobody, schedule)
    return patients, grid_spec(run, required_days).with_steps(steps).grid(patients)
