"""The methods of estimation: each leads a problem from its starts to what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import numpy as np

from vcohort.analysis.mixed_effects.found import Found, Told, lost
from vcohort.analysis.mixed_effects.individuals import Individuals, individuals, sampled_deviance
from vcohort.analysis.mixed_effects.laplace import MOST_STEPS, MOST_TURNS, by_newton, by_turns
from vcohort.analysis.mixed_effects.nuts import by_nuts
from vcohort.analysis.mixed_effects.problem import MixedProblem
from vcohort.analysis.mixed_effects.saem import REPORTS, Settled, approximate, has_settled
from vcohort.analysis.mixed_effects.scores import REPORTS as REPORTS_OF_SCORES
from vcohort.analysis.mixed_effects.scores import slopes_by_scores

LAPLACE_REPORTS, SAEM_REPORTS = MOST_TURNS + MOST_STEPS, REPORTS + REPORTS_OF_SCORES


def by_laplace(
    problem: MixedProblem, vectors: np.ndarray, seed: int, told: Told
) -> tuple[MixedProblem, Found]:
    """Maximise Laplace's likelihood."""
    found = by_turns(problem.spec, problem.patients, problem.priors, vectors, seed, told)
    if not np.isfinite(found.deviance[0]):
        raise lost()
    start = individuals(problem.spec, problem.patients, found.vectors[0], found.whitened[0])
    problem = problem.on_a_grid_for(start.place)
    return problem, by_newton(problem.spec, problem.patients, problem.priors, found, told)


def by_saem(
    problem: MixedProblem, vectors: np.ndarray, seed: int, told: Told
) -> tuple[MixedProblem, Found]:
    """Maximise the likelihood by stochastic approximation; again where the grid was too coarse."""
    settled, each, deviance = _settled(problem, vectors, seed, told)
    finer = problem.on_a_grid_for(each[int(np.argmin(deviance))].place)
    if finer.steps != problem.steps:
        settled, each, deviance = _settled(finer, settled.vectors, seed, told)
    problem = finer
    order = np.argsort(deviance, kind="stable")
    best = int(order[0])
    chains = jax.tree.map(lambda part: part[best], settled.chains)
    vector = settled.vectors[best]
    slopes = slopes_by_scores(problem.spec, problem.patients, vector, chains, seed, told)
    bend = 0.5 * slopes.T @ slopes
    number = np.arange(len(problem.typical))
    bend[number, number] += 2.0 * np.asarray(problem.priors.precision)
    return problem, Found(
        settled.vectors[order],
        deviance[order],
        np.stack([each[place].whitened for place in order]),
        settled.trace[order],
        bend,
        has_settled(settled.trace[best], bend),
    )


def _settled(
    problem: MixedProblem, vectors: np.ndarray, seed: int, told: Told
) -> tuple[Settled, list[Individuals], np.ndarray]:
    """Return where the starts lead, the patients of each, and sampled deviances (start,)."""
    spec, patients = problem.spec, problem.patients
    settled = approximate(spec, patients, problem.priors, vectors, seed, told)
    none = np.zeros((len(problem.data.patients), len(spec.layout.random)))
    each = [individuals(spec, patients, vector, none) for vector in settled.vectors]
    found = np.array([
        sampled_deviance(spec, patients, vector, one, seed)[0]
        for vector, one in zip(settled.vectors, each, strict=True)
    ])  # fmt: skip
    deviance = np.where(np.isfinite(found), found, np.inf)
    if not np.isfinite(deviance).any():
        raise lost()
    return settled, each, deviance


def by_both(
    problem: MixedProblem, vectors: np.ndarray, seed: int, told: Told
) -> tuple[MixedProblem, Found]:
    """Draw from the posterior, from the maximum of Laplace's likelihood on."""
    problem, found = by_laplace(problem, vectors, seed, told)
    return problem, by_nuts(problem, found, seed, told)


Method = Callable[[MixedProblem, np.ndarray, int, Told], tuple[MixedProblem, Found]]

METHODS: Mapping[str, Method] = {"laplace": by_laplace, "saem": by_saem, "nuts": by_both}
