"""Sobol' indices, by SALib's design and estimators, around noise-free measures of patients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.sensitivity.evaluation import Evaluated, OutputsLike, evaluate_at, varied
from vcohort.analysis.sensitivity.salib import attributes_of, dataset_of, salib, unit_cube
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import confidence_of, truth, whole
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run, settle


def sobol_indices(
    population: Population,
    outputs: OutputsLike = ("cure",),
    n: int = 4096,
    *,
    second_order: bool = False,
    confidence: float = 0.95,
    horizon: float | None = None,
    progression: float | None = None,
    regimen: Regimen | None = None,
    seed: int | None = None,
    tolerance: float | None = None,
    run: Run | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Return Sobol' indices of each parameter that varies in the population.

    Which share of an output's variance a parameter explains alone (first order) and with all
    its interactions (total): Sobol' 2001, Math. Comput. Simul. 55:271; Saltelli et al. 2010,
    Comput. Phys. Commun. 181:259. Design and estimators are SALib's; the outputs are exact for
    each patient, so the intervals hold no Monte Carlo error of the tumour. Needs the extra:
    ``pip install "vcohort[sensitivity]"``. A base sample with an output that is no number is left
    out whole, with a warning. Of an output that all patients share, and of a parameter of which
    the design has one value alone, nothing is known: NaN, with a warning.

    :param outputs: of ``cure``, ``pfs_DAY``, ``rmst_DAY`` (mean progression-free days until DAY),
        ``C_max``, ``T_max``, ``C_auc_DAY``; or, by name, functions of a cohort that return
        (patient,).
    :param n: base samples, a power of 2; (k + 2) n patients are run for k parameters, with
        ``second_order`` (2k + 2) n.
    :param confidence: of the intervals, by bootstrap.
    :param horizon: and ``progression``, ``regimen``, ``seed``, ``tolerance``: settings of a
        :class:`Run`.
    :return: over (output, parameter): ``first``, ``total`` and half widths of their intervals
        ``first_interval``, ``total_interval``; with ``second_order`` ``second`` (…, other) too. The
        attribute ``not_varied`` names the parameters that the population does not vary.
    :raises VcohortError: for unknown outputs, a population in which nothing varies, an n that is
        no power of 2, and where SALib is not installed.
    """
    sample, analyse = salib("sample.sobol"), salib("analyze.sobol")
    given = {"horizon": horizon, "progression": progression, "regimen": regimen, "seed": seed,
             "tolerance": tolerance}  # fmt: skip
    run = settle("sobol_indices", run, given, method="deterministic")
    names, confidence = varied(population), confidence_of(confidence)
    n, second_order = whole("n", n, least=2), truth("second_order", second_order)
    if n & (n - 1):
        raise VcohortError(f"n = {n} is impossible: give a power of 2, such as 1024.")
    problem = unit_cube(names)
    points = sample.sample(problem, n, calc_second_order=second_order, seed=run.seed)
    found = evaluate_at(population, names, points, outputs, run, progress)
    group = len(points) // n
    kept = found.whole(group, "base samples")
    steady = _steady(found, kept, group)
    each = [
        None if name in steady else analyse.analyze(
            problem, found.values[kept, column], calc_second_order=second_order,
            conf_level=confidence, seed=_source(run.seed),
        )
        for column, name in enumerate(found.names)
    ]  # fmt: skip
    kinds = {
        "first": ("S1", "share of the variance that the parameter explains alone"),
        "first_interval": ("S1_conf", "half width of the interval of first"),
        "total": ("ST", "share of the variance with the parameter's interactions"),
        "total_interval": ("ST_conf", "half width of the interval of total"),
    }
    if second_order:
        kinds |= {
            "second": ("S2", "share of the variance that two parameters explain together"),
            "second_interval": ("S2_conf", "half width of the interval of second"),
        }
    return dataset_of("Sobol'", each, kinds, names, found, {
        "n": n, "evaluations": len(points), "evaluations_left_out": int((~kept).sum()),
        "confidence": confidence, "seed": str(run.seed),
        **attributes_of(population, names, outputs, run),
    })  # fmt: skip


def _source(seed: int) -> Any:
    """Return what seeds SALib's bootstrap: of the number 0 it would take none."""
    return np.random.SeedSequence(seed)


def _steady(found: Evaluated, kept: np.ndarray, group: int) -> list[str]:
    """Return the outputs that are the same for all patients of the base samples; warn of them."""
    base = found.values[kept].reshape(-1, group, len(found.names))[:, [0, -1]]
    steady = [name for column, name in enumerate(found.names) if found.is_steady(base[..., column])]
    if steady:
        warnings.warn(
            f"{', '.join(steady)}: all patients have one value: there is no variance to explain."
            " The indices are NaN.",
            VcohortWarning,
            stacklevel=3,
        )
    return steady
