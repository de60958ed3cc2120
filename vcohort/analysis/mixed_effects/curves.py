"""The courses of all patients, for pictures."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.analysis.estimation.fit import fitted_states, observed_curves
from vcohort.analysis.mixed_effects.courses import Times
from vcohort.analysis.mixed_effects.problem import MixedProblem

_POINTS = 201


def curves_of(problem: MixedProblem, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return days, and the course (patient, kind, time) of each observable in its unit.

    ``place`` (patient, parameter): the patients' parameters on their scales.
    """
    values = problem.values_at(place)
    if problem.single is not None:
        days, states = fitted_states(problem.single, values, np.ones(len(values), bool))
        return days, observed_curves(problem.single, states)
    days = np.linspace(0.0, max(problem.data.day.max(), 1e-3), _POINTS)
    with jax.enable_x64(True):
        found = [
            jax.vmap(
                lambda own, kind=kind: problem.spec.course(
                    Times(jnp.asarray(days), jnp.full(_POINTS, kind)), own
                )
            )(jnp.asarray(values))
            for kind in range(len(problem.data.kinds))
        ]
        return days, np.stack([np.asarray(each) for each in found], axis=1)
