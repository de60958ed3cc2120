"""How far a treatment does good, with its derivatives, and the climb along them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import minimize

from vcohort.analysis.cache import Both, remember_last
from vcohort.analysis.optimization.plan import Plan
from vcohort.analysis.sensitivity.outputs import measure
from vcohort.engine.compiling.flags import nan_is_meant
from vcohort.engine.inputs import Patients
from vcohort.populations.cohort import Cohort
from vcohort.simulation.preparation import grid_spec, prepare

# Share of the patients that keep to the limit of toxicity.
_SAFE = 0.95

# Normal error of ln(tumour), which gives survival on a day its derivatives.
_BLUR = 0.02

# Steps of the optimiser from each start.
_STEPS = 40

Climb: TypeAlias = Callable[..., Both]


def climb_of(plan: Plan) -> Climb:
    """Return a function of a position (field,): objective and ln C_max, and their derivatives.

    NaN where a patient gets lost.
    """
    cohort, asked = plan.cohort, plan.asked
    run = replace(asked.run, regimen=plan.middle())
    ready = prepare(cohort, run, asked.required_days, one_grid=True)
    steps = ready.grid.steps
    block = ready.table.take(np.arange(len(cohort)), np.dtype(np.float32))
    plain = {name: np.asarray(value, np.float32) for name, value in cohort.values.items()}

    def outcome(position: Array, values: dict[str, Array], block: Patients) -> tuple[Array, Array]:
        regimen = plan.regimen(position)
        schedule = regimen.schedule(Cohort(values, cohort.patient, cohort.model, cohort.origin))
        schedule = jax.tree.map(lambda part: jnp.asarray(part, jnp.float32), schedule)
        days = grid_spec(replace(run, regimen=regimen), asked.required_days).with_steps(steps)
        patients = block._replace(schedule=schedule)
        found, _ = measure(
            cohort.model, asked.measures, patients, days.grid(patients), run.progression, _BLUR
        )
        told = jnp.stack([found[:, 0].mean(), jnp.log(jnp.quantile(found[:, 1], _SAFE))])
        return told, told

    # The patients' numbers are handed over: one program, kept on the disk, serves all cohorts.
    slopes = jax.jit(jax.jacfwd(outcome, has_aux=True))

    def climb(position: np.ndarray) -> Both:
        with jax.enable_x64(False), nan_is_meant():
            slope, value = slopes(np.float32(position), plain, block)
        return np.asarray(value, float), np.asarray(slope, float)

    return remember_last(climb)


def ascend(plan: Plan, climb: Climb, start: np.ndarray) -> np.ndarray:
    """Climb from a start, keeping to the limit and to where all patients can be followed."""
    limits: list[dict[str, Any]] = []
    if plan.limit is not None:
        level = np.log(plan.limit)
        limits = [{"type": "ineq", "fun": lambda at: level - climb(at)[0][1],
                   "jac": lambda at: -climb(at)[1][1]}]  # fmt: skip
    found = minimize(
        lambda at: -climb(at)[0][0], start, jac=lambda at: -climb(at)[1][0], method="SLSQP",
        bounds=[(0.0, 1.0)] * start.size, constraints=limits, options={"maxiter": _STEPS},
    )  # fmt: skip
    end = np.clip(found.x, 0.0, 1.0)
    kept = plan.limit is None or climb(end)[0][1] <= np.log(plan.limit) + 1e-4
    return end if kept and climb(end)[0][0] >= climb(start)[0][0] else start
