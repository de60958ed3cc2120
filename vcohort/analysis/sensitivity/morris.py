"""Morris' elementary effects, by SALib, around noise-free measures of patients."""

from __future__ import annotations

import numpy as np
import xarray as xr

from vcohort.analysis.sensitivity.evaluation import OutputsLike, evaluate_at, varied
from vcohort.analysis.sensitivity.salib import attributes_of, dataset_of, salib, unit_cube
from vcohort.errors import VcohortError
from vcohort.given import confidence_of, whole
from vcohort.populations.distributions import values_at, varies
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run, settle

# The most extreme patients of a design that holds both ends of each range, as probabilities: the
# first of them between which a parameter varies.
_TAILS = (0.025, 1e-3, 1e-6, float(np.finfo(np.float64).epsneg))


def morris(
    population: Population,
    outputs: OutputsLike = ("cure",),
    n: int = 256,
    *,
    levels: int = 8,
    confidence: float = 0.95,
    horizon: float | None = None,
    progression: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Screen the parameters that vary by Morris' elementary effects.

    Morris 1991, Technometrics 33:161; Campolongo et al. 2007, Environ. Model. Softw. 22:1509.
    Each parameter moves between the 2.5 % and the 97.5 % quantile of its distribution; effects
    are per that range, in the unit of the output. One that does not vary there, since nearly all
    patients share a value, moves between more extreme quantiles: ``lower`` and ``upper`` are the
    ends. A step is levels / (2 (levels - 1)) of the range, and its effect is divided by that; of a
    distribution of few values only some steps change the value. Needs the extra ``sensitivity``.

    :param n: trajectories of (k + 1) patients each, for k parameters.
    :param levels: of each parameter, an even number.
    :param outputs, confidence, horizon: as for :func:`vcohort.sobol_indices`.
    :return: over (output, parameter): ``mu``, ``mu_star`` (mean of absolute effects), the half
        width of its interval ``mu_star_interval``, and ``sigma`` (spread: interactions, curvature).
    :raises VcohortError: as for :func:`vcohort.sobol_indices`.
    """
    sample, analyse = salib("sample.morris"), salib("analyze.morris")
    given = {"horizon": horizon, "progression": progression, "regimen": regimen, "seed": seed,
             "tolerance": tolerance}  # fmt: skip
    run = settle("morris", run, given, method="deterministic")
    names, confidence = varied(population), confidence_of(confidence)
    n, levels = whole("n", n, least=2), whole("levels", levels)
    if levels < 2 or levels % 2:
        raise VcohortError(f"levels = {levels} is impossible: it must be an even number.")
    problem = unit_cube(names)
    points = sample.sample(problem, n, num_levels=levels, seed=run.seed)
    laws = [population.distributions[name] for name in names]
    tails = np.array([next(tail for tail in _TAILS if varies(law, tail)) for law in laws])
    inside = tails + (1.0 - 2.0 * tails) * points
    found = evaluate_at(population, names, inside, outputs, run, progress)
    kept = found.whole(len(names) + 1, "trajectories")
    each = [
        analyse.analyze(
            problem, points[kept], found.values[kept, column], conf_level=confidence,
            num_levels=levels, seed=run.seed,
        )
        for column in range(len(found.names))
    ]  # fmt: skip
    kinds = {
        "mu": ("mu", "mean elementary effect"),
        "mu_star": ("mu_star", "mean absolute elementary effect"),
        "mu_star_interval": ("mu_star_conf", "half width of the interval of mu_star"),
        "sigma": ("sigma", "standard deviation of the elementary effects"),
    }
    ends = [
        values_at(law, np.array([tail, 1.0 - tail])) for law, tail in zip(laws, tails, strict=True)
    ]
    lower, upper = np.transpose(ends)
    return dataset_of("Morris", each, kinds, names, found, {
        "trajectories": n, "levels": levels, "evaluations": len(points),
        "evaluations_left_out": int((~kept).sum()), "confidence": confidence, "seed": str(run.seed),
        **attributes_of(population, names, outputs, run),
    }).assign_coords(lower=("parameter", lower), upper=("parameter", upper))  # fmt: skip
