"""A trial's survival beside that of replicates: its patients drawn anew, followed as they were."""

from __future__ import annotations

import warnings
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.analysis.estimation.problem import Problem
from vcohort.analysis.mixed_effects.problem import MixedProblem
from vcohort.endpoints.outcome import MISSING, PROGRESSION, Outcome
from vcohort.errors import VcohortWarning
from vcohort.results.followed import Followed
from vcohort.results.kaplan_meier import Steps, steps_of
from vcohort.results.trial import follow
from vcohort.simulation.checks import has_law
from vcohort.simulation.simulate import simulate
from vcohort.trials.trial_data import TrialData

# Days on which curves are compared, beside those of the trial's own progressions.
_DAYS = 101

# Ends of the interval of replicates, and their middle.
_ENDS = (0.05, 0.5, 0.95)


class SurvivalCheck(NamedTuple):
    """Kaplan and Meier's estimates (day,): of the trial, and ``drawn`` (low, middle, high) ones."""

    day: np.ndarray
    seen: np.ndarray
    drawn: np.ndarray


def survival_check(
    problem: MixedProblem, trial: TrialData, vector: np.ndarray, replicates: int, seed: int
) -> SurvivalCheck | None:
    """Return the check of a trial's events; None where there are none, or no model of them.

    Each replicate has the trial's patients with their doses and covariates, new random effects and
    new chance, and follows each to its own end.
    """
    single = problem.single
    if single is None or trial.events is None:
        return None
    followed, random = follow(trial), np.random.default_rng(seed)
    own = np.tile(trial.events.patient, replicates)
    place = _drawn(problem, vector, own, random)
    progressed = _progressions(single, own, place, followed.last, seed)
    progressed = _after(progressed.reshape(replicates, -1), followed.start, random)
    ends = _ends_of(followed, replicates, random)
    days = np.unique([0.0, *followed.event_days, *np.linspace(0.0, followed.last, _DAYS)])
    curves = [_curve(followed.start, *pair, days) for pair in zip(progressed, ends, strict=True)]
    with warnings.catch_warnings():
        # On the last days there may be nobody in any replicate.
        warnings.simplefilter("ignore", RuntimeWarning)
        drawn = np.nanquantile(curves, _ENDS, axis=0)
    return SurvivalCheck(days, steps_of(followed).survival_at(days), drawn)


def _drawn(
    problem: MixedProblem, vector: np.ndarray, patients: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return parameters (patient, parameter) of draws that have the covariates of ``patients``."""
    spec = problem.spec
    whitened = random.standard_normal((patients.size, len(spec.layout.random)))
    with jax.enable_x64(True):
        effects = spec.layout.effects_of(jnp.asarray(vector))
        own = jax.tree.map(lambda part: part[patients], problem.patients)
        place = jax.vmap(partial(spec.individual, effects))(own, jnp.asarray(whitened))
    return problem.values_at(np.asarray(place))


def _progressions(
    single: Problem, patients: np.ndarray, values: np.ndarray, last: float, seed: int
) -> np.ndarray:
    """Return the day of progression of each draw, infinite without one, NaN where it is lost."""
    named = dict(zip(single.spec.names, values.T, strict=True))
    run = single.run
    with warnings.catch_warnings():
        # Some draws lie far out, and may be lost: what is told of them is no mistake of the user's.
        warnings.simplefilter("ignore", VcohortWarning)
        cohort = single.cohort.select(patients).renumbered().replace(**named)
        ds = simulate(
            cohort, "exact" if has_law(cohort.model) else "hybrid",
            max(last, run.horizon), regimen=run.regimen.select(patients), seed=seed,
            progression=run.progression, threshold=run.threshold, endpoints=[Outcome()],
            progress=False,
        )  # fmt: skip
    outcome, day = ds["outcome"].values, ds["event_time"].values.astype(float)
    found = np.where(outcome == PROGRESSION, day, np.inf)
    return np.where(outcome == MISSING, np.nan, found)


def _after(days: np.ndarray, start: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return days (replicate, patient) after ``start`` (patient,): others are drawn among these.

    A trial has no patient who progressed before it was watched. NaN where no draw is after it.
    """
    found = days.copy()
    for patient in np.flatnonzero(start > 0):
        is_late = days[:, patient] > start[patient]
        late = days[is_late, patient]
        count = int((~is_late).sum())
        found[~is_late, patient] = random.choice(late, count) if late.size else np.nan
    return found


def _ends_of(followed: Followed, replicates: int, random: np.random.Generator) -> np.ndarray:
    """Return until when patients (replicate, patient) are followed, whatever comes of them.

    Who was censored, to that day; of who progressed it is not known, and drawn from the estimate
    of Kaplan and Meier of the days of censoring, after that of the progression.
    """
    turned = steps_of(followed._replace(event=~followed.event))
    ends = np.tile(followed.time, (replicates, 1))
    for patient in np.flatnonzero(followed.event):
        ends[:, patient] = _censored_after(turned, followed, followed.time[patient],
                                           random.random(replicates))  # fmt: skip
    return ends


def _censored_after(
    turned: Steps, followed: Followed, day: float, shares: np.ndarray
) -> np.ndarray:
    """Return days of censoring after ``day``, where the estimate of being followed falls so far."""
    left = shares * turned.survival_at(np.array([day]))
    place = np.searchsorted(-turned.survival, -left, side="left")
    # What is left at the end is followed to the last day.
    return np.append(turned.time, followed.last)[np.minimum(place, turned.time.size)]


def _curve(
    start: np.ndarray, progressed: np.ndarray, ends: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """Return one replicate's estimate on ``days``, NaN where nobody is followed any more."""
    kept = ~np.isnan(progressed)
    event = progressed <= ends
    followed = Followed(
        start[kept], np.minimum(progressed, ends)[kept], event[kept], int((~kept).sum()), kept
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VcohortWarning)
        found = steps_of(followed).survival_at(days)
    return np.where(days <= followed.known_until, found, np.nan)
