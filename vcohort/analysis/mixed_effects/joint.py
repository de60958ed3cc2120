"""Progressions of a trial's patients in the same likelihood, by their exact probabilities.

The closed form gives each patient's P(no progression by a day) = Phi(z) (see
:func:`vcohort.progression_free_probability`): what is told of its progression has a likelihood with
no random number in it, and z, smooth in the parameters, carries it as one more prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.analysis.estimation.problem import FitSpec, Problem, Subject, course_of, measured_on
from vcohort.analysis.mixed_effects.likelihood import Event
from vcohort.engine.closed_forms.progression import progression_free
from vcohort.engine.integrator.grid import grid_points
from vcohort.errors import VcohortError
from vcohort.simulation.checks import require_law
from vcohort.trials.trial_data import TrialData

# A progression that is known to the day lies within half a day of it.
_HALF_A_DAY = 0.5


class JointInputs(NamedTuple):
    """One patient, grid points of its three days, ln of the progression size, noise of ln B."""

    subject: Subject
    points: Array
    log_progression: Array
    noise: Array


@dataclass(frozen=True)
class JointCourse:
    """The model's course, and z of P(no progression) on three days, from one pass."""

    spec: FitSpec

    def __call__(self, inputs: JointInputs, values: Array) -> Array:
        """Return predictions (row + 3,) for values (parameter,)."""
        subject = inputs.subject
        found = course_of(self.spec, subject, jnp.log(values))
        level = found.log_tumour[0] + inputs.log_progression
        z = progression_free(found, level, inputs.points[:, None], inputs.noise)
        return jnp.concatenate([measured_on(self.spec, subject, found), z[:, 0]])


class Told(NamedTuple):
    """What is told of each patient: three days (patient, 3), and what they mean.

    The last day known free, the first known progressed, and the day of entry.
    """

    days: np.ndarray
    event: Event


def told_of(trial: object) -> Told:
    """Return what a trial tells of its patients' progressions.

    :raises VcohortError: for what is no trial with a survival table.
    """
    if not isinstance(trial, TrialData) or trial.events is None:
        raise VcohortError(
            "events=True needs a trial with a survival table, and there is none. Try "
            "vc.read_trial(table, survival=...)."
        )
    events, count = trial.events, len(trial)
    days = np.zeros((count, 3))
    is_seen, is_told, is_late = (np.zeros(count, bool) for _ in range(3))
    is_exact = events.event & np.isnan(events.last_free)
    start = np.where(events.event & ~is_exact, events.last_free, events.time)
    start = np.where(is_exact, np.maximum(events.time - _HALF_A_DAY, 0.0), start)
    end = np.where(is_exact, events.time + _HALF_A_DAY, events.time)
    days[events.patient] = np.stack([start, end, events.start], axis=1)
    is_seen[events.patient], is_told[events.patient] = events.event, True
    is_late[events.patient] = events.start > 0
    # Who was watched late cannot have been seen to progress before.
    days[:, 0] = np.maximum(days[:, 0], np.where(is_late, days[:, 2], 0.0))
    return Told(days, Event(jnp.asarray(is_seen), jnp.asarray(is_told), jnp.asarray(is_late)))


def check_law(spec: FitSpec) -> None:
    """Refuse models of which no closed form is known."""
    require_law(
        "fit_population(events=True)", spec.model,
        "Leave events out, and compare the survival of vc.fitted_population(fit).",
        any_clones=False,
    )  # fmt: skip


def joint_inputs(single: Problem, told: Told, noise: float) -> JointInputs:
    """Return all patients with their days on the grid."""
    subjects, count = single.subjects, len(told.days)
    with jax.enable_x64(True):
        points = jax.vmap(lambda grid, at: grid_points(grid, at)[:, 0])(
            subjects.grid, jnp.asarray(told.days)
        )
        size = jnp.full(count, np.log(single.run.progression))
        return JointInputs(subjects, points, size, jnp.full(count, noise))
