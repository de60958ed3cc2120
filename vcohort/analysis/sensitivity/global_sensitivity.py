"""Global sensitivity by SALib's designs and estimators, around noise-free measures of patients."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.sensitivity.evaluation import Evaluated, OutputsLike, evaluate_at, varied
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import number, truth, whole
from vcohort.populations.distributions import values_at, varies
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.run import Run, settle

# The most extreme patients of a design that holds both ends of each range, as probabilities: the
# first of them between which a parameter varies.
_TAILS = (0.025, 1e-3, 1e-6, float(np.finfo(np.float64).epsneg))


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
    sample, analyse = _salib("sample.sobol"), _salib("analyze.sobol")
    given = {"horizon": horizon, "progression": progression, "regimen": regimen, "seed": seed,
             "tolerance": tolerance}  # fmt: skip
    run = settle("sobol_indices", run, given, method="deterministic")
    names, confidence = varied(population), _share(confidence)
    n, second_order = whole("n", n, least=2), truth("second_order", second_order)
    if n & (n - 1):
        raise VcohortError(f"n = {n} is impossible: give a power of 2, such as 1024.")
    problem = _unit_cube(names)
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
    return _dataset("Sobol'", each, kinds, names, found, {
        "n": n, "evaluations": len(points), "evaluations_left_out": int((~kept).sum()),
        "confidence": confidence, "seed": str(run.seed),
        **_attributes(population, names, outputs, run),
    })  # fmt: skip


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
    sample, analyse = _salib("sample.morris"), _salib("analyze.morris")
    given = {"horizon": horizon, "progression": progression, "regimen": regimen, "seed": seed,
             "tolerance": tolerance}  # fmt: skip
    run = settle("morris", run, given, method="deterministic")
    names, confidence = varied(population), _share(confidence)
    n, levels = whole("n", n, least=2), whole("levels", levels)
    if levels < 2 or levels % 2:
        raise VcohortError(f"levels = {levels} is impossible: it must be an even number.")
    problem = _unit_cube(names)
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
    return _dataset("Morris", each, kinds, names, found, {
        "trajectories": n, "levels": levels, "evaluations": len(points),
        "evaluations_left_out": int((~kept).sum()), "confidence": confidence, "seed": str(run.seed),
        **_attributes(population, names, outputs, run),
    }).assign_coords(lower=("parameter", lower), upper=("parameter", upper))  # fmt: skip


def _unit_cube(names: list[str]) -> dict[str, Any]:
    """Return SALib's problem: each parameter by its probability."""
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def _salib(module: str) -> Any:
    try:
        return importlib.import_module(f"SALib.{module}")
    except ImportError:
        raise VcohortError(
            'Global sensitivity needs SALib. Type: pip install "vcohort[sensitivity]"'
        ) from None


def _share(confidence: float) -> float:
    share = number("confidence", confidence)
    if not 0.0 < share < 1.0:
        raise VcohortError(f"confidence = {share:g} is impossible: it must lie between 0 and 1.")
    return share


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


def _attributes(
    population: Population, names: list[str], outputs: OutputsLike, run: Run
) -> dict[str, Any]:
    """Return the attributes that tell what was run."""
    told: dict[str, Any] = recorded(population=population, regimen=run.regimen)
    told["not_varied"] = ", ".join(each for each in population.distributions if each not in names)
    if isinstance(outputs, Mapping):
        return told
    return told | {
        "horizon": run.horizon, "progression": run.progression, "tolerance": run.tolerance,
    }  # fmt: skip


def _dataset(
    method: str,
    each: list[Any],
    kinds: dict[str, tuple[str, str]],
    names: list[str],
    found: Evaluated,
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Return the results ``each`` of the outputs, None where there is none, as one dataset."""
    variables: dict[str, Any] = {}
    unseen = np.isin(names, found.unseen)
    for name, (key, text) in kinds.items():
        over = ("output", "parameter", "other")[: 3 if name.startswith("second") else 2]
        nothing = np.full((len(names),) * (len(over) - 1), np.nan)
        values = np.stack([
            nothing if result is None else np.asarray(result[key], dtype=float) for result in each
        ])  # fmt: skip
        values[:, unseen] = np.nan
        if len(over) == 3:
            values[:, :, unseen] = np.nan
        unit = "1" if method == "Sobol'" else "as the output"
        variables[name] = (over, values, {"units": unit, "long_name": text})
    coords: dict[str, Any] = {"output": found.names, "parameter": names}
    if any(len(variable[0]) == 3 for variable in variables.values()):
        coords["other"] = names
    coords["unit"] = ("output", found.units)
    kind = "sobol" if method == "Sobol'" else "morris"
    return xr.Dataset(variables, coords, {"method": method, **attributes, **provenance(kind)})
