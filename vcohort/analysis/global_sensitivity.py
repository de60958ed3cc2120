"""Global sensitivity by SALib's designs and estimators, around noise-free measures of patients."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import xarray as xr

from vcohort.analysis.measures import ask, evaluate
from vcohort.cohort import Cohort
from vcohort.dataset import provenance
from vcohort.distributions import Fixed, median_of
from vcohort.errors import VcohortError
from vcohort.missing import check_kept
from vcohort.population import Population
from vcohort.regimen import Regimen

Outputs: TypeAlias = Sequence[str] | Mapping[str, Callable[[Cohort], Any]]

# The most extreme patients of a design that holds both ends of each range, as probabilities.
_TAIL = 0.025


class _Evaluated(NamedTuple):
    """Outputs (evaluation, output), with their names and units."""

    values: np.ndarray
    names: list[str]
    units: list[str]

    def whole(self, group: int, what: str) -> np.ndarray:
        """Return which evaluations to analyse: those of groups without a patient that is lost.

        ``group``: evaluations that an estimator takes together, ``what`` it calls them.
        """
        finite = np.isfinite(self.values).all(axis=1)
        kept = np.repeat(finite.reshape(-1, group).all(axis=1), group)
        check_kept(
            kept, f"belong to {what} of which an output is no number: a patient could not be "
            "followed, or has no such output", stacklevel=4,
        )  # fmt: skip
        if kept.sum() < 2 * group:
            raise VcohortError(
                f"Of one of the {what} alone all outputs are numbers, and two are the least. "
                "Narrow the distributions."
            )
        return kept


class _Options(NamedTuple):
    """How a cohort is measured; see :func:`vcohort.sobol_indices`."""

    horizon: float
    progression: float
    regimen: Regimen | None
    tolerance: float
    progress: bool | None


def sobol_indices(
    population: Population,
    outputs: Outputs = ("cure",),
    n: int = 4096,
    *,
    second_order: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
    horizon: float = 2000.0,
    progression: float = 1.2,
    regimen: Regimen | None = None,
    tolerance: float = 1e-3,
    progress: bool | None = None,
) -> xr.Dataset:
    """Return Sobol' indices of each parameter that varies in the population.

    Which share of an output's variance a parameter explains alone (first order) and with all
    its interactions (total): Sobol' 2001, Math. Comput. Simul. 55:271; Saltelli et al. 2010,
    Comput. Phys. Commun. 181:259. Design and estimators are SALib's; the outputs are exact for
    each patient, so the intervals hold no Monte Carlo error of the tumour. Needs the extra:
    ``pip install "vcohort[sensitivity]"``. A base sample with an output that is no number is left
    out whole, with a warning.

    :param outputs: of ``cure``, ``pfs_DAY``, ``rmst_DAY`` (mean progression-free days until DAY),
        ``C_max``, ``T_max``, ``C_auc_DAY``; or, by name, functions of a cohort that return
        (patient,).
    :param n: base samples, a power of 2; (k + 2) n patients are run for k parameters, with
        ``second_order`` (2k + 2) n.
    :param confidence: of the intervals, by bootstrap.
    :return: over (output, parameter): ``first``, ``total`` and half widths of their intervals
        ``first_interval``, ``total_interval``; with ``second_order`` ``second`` (…, other) too.
    :raises VcohortError: for unknown outputs, a population in which nothing varies, an n that is
        no power of 2, and where SALib is not installed.
    """
    sample, analyse = _salib("sample.sobol"), _salib("analyze.sobol")
    names = _varied(population)
    if n < 2 or n & (n - 1):
        raise VcohortError(f"n = {n} is impossible: give a power of 2, such as 1024.")
    problem = _unit_cube(names)
    points = sample.sample(problem, n, calc_second_order=second_order, seed=seed)
    options = _Options(horizon, progression, regimen, tolerance, progress)
    found = _evaluate(population, names, points, outputs, options)
    kept = found.whole(len(points) // n, "base samples")
    each = [
        analyse.analyze(
            problem, found.values[kept, column], calc_second_order=second_order,
            conf_level=confidence, seed=seed,
        )
        for column in range(len(found.names))
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
        "confidence": confidence, "seed": str(seed), "population": repr(population),
        "horizon": horizon,
    })  # fmt: skip


def morris(
    population: Population,
    outputs: Outputs = ("cure",),
    trajectories: int = 256,
    *,
    levels: int = 8,
    confidence: float = 0.95,
    seed: int = 0,
    horizon: float = 2000.0,
    progression: float = 1.2,
    regimen: Regimen | None = None,
    tolerance: float = 1e-3,
    progress: bool | None = None,
) -> xr.Dataset:
    """Screen the parameters that vary by Morris' elementary effects.

    Morris 1991, Technometrics 33:161; Campolongo et al. 2007, Environ. Model. Softw. 22:1509.
    Each parameter moves between the 2.5 % and the 97.5 % quantile of its distribution; effects
    are per that range, in the unit of the output. Needs the extra ``sensitivity``.

    :param trajectories: (k + 1) patients each, for k parameters.
    :param levels: of each parameter, an even number.
    :param outputs, confidence: as for :func:`vcohort.sobol_indices`.
    :return: over (output, parameter): ``mu``, ``mu_star`` (mean of absolute effects), the half
        width of its interval ``mu_star_interval``, and ``sigma`` (spread: interactions, curvature).
    :raises VcohortError: as for :func:`vcohort.sobol_indices`.
    """
    sample, analyse = _salib("sample.morris"), _salib("analyze.morris")
    names = _varied(population)
    if trajectories < 2 or levels < 2 or levels % 2:
        raise VcohortError(
            f"trajectories = {trajectories}, levels = {levels}: give 2 trajectories at least, and "
            "an even number of levels."
        )
    problem = _unit_cube(names)
    points = sample.sample(problem, trajectories, num_levels=levels, seed=seed)
    options = _Options(horizon, progression, regimen, tolerance, progress)
    inside = _TAIL + (1.0 - 2.0 * _TAIL) * points
    found = _evaluate(population, names, inside, outputs, options)
    kept = found.whole(len(names) + 1, "trajectories")
    each = [
        analyse.analyze(
            problem, points[kept], found.values[kept, column], conf_level=confidence,
            num_levels=levels, seed=seed,
        )
        for column in range(len(found.names))
    ]  # fmt: skip
    kinds = {
        "mu": ("mu", "mean elementary effect"),
        "mu_star": ("mu_star", "mean absolute elementary effect"),
        "mu_star_interval": ("mu_star_conf", "half width of the interval of mu_star"),
        "sigma": ("sigma", "standard deviation of the elementary effects"),
    }
    return _dataset("Morris", each, kinds, names, found, {
        "trajectories": trajectories, "levels": levels, "evaluations": len(points),
        "evaluations_left_out": int((~kept).sum()), "confidence": confidence, "seed": str(seed),
        "population": repr(population), "horizon": horizon,
    })  # fmt: skip


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


def _varied(population: Population) -> list[str]:
    """Return the parameters that vary; each must do so by itself."""
    if population.joint is not None:
        raise VcohortError(
            f"Sobol' and Morris need parameters that vary independently; {population.joint!r} ties "
            "some together. Leave joint out."
        )
    one = Population(population.preset, model=population.model).distributions
    varied = [
        name for name, law in population.distributions.items()
        if not isinstance(law, Fixed) and np.ptp(law.quantile(np.array([0.25, 0.5, 0.75]))) > 0
    ]  # fmt: skip
    if not varied:
        raise VcohortError(
            f"In {population!r} nothing varies. Give sigma, or a distribution for one of "
            f"{', '.join(one)}."
        )
    return varied


def _evaluate(
    population: Population,
    names: list[str],
    points: np.ndarray,
    outputs: Outputs,
    options: _Options,
) -> _Evaluated:
    """Return the outputs of patients at probabilities (evaluation, parameter)."""
    edge = np.finfo(np.float64).epsneg
    inside = np.clip(points, edge, 1.0 - edge)
    values = {
        name: law.quantile(inside[:, names.index(name)]) if name in names
        else np.full(len(points), median_of(law))
        for name, law in population.distributions.items()
    }  # fmt: skip
    cohort = Cohort(values, np.arange(len(points)), population.model)
    if isinstance(outputs, Mapping):
        columns = [np.asarray(function(cohort), float) for function in outputs.values()]
        for name, column in zip(outputs, columns, strict=True):
            if column.shape != (len(cohort),):
                raise VcohortError(
                    f"Output {name!r} has the shape {column.shape}, not one number for each of "
                    f"{len(cohort)} patients."
                )
        return _Evaluated(np.stack(columns, axis=1), list(outputs), [""] * len(outputs))
    asked = ask(outputs, options.horizon, options.progression, options.regimen,
                options.tolerance, "float32")  # fmt: skip
    found = evaluate(cohort, asked, options.progress, "sensitivity, patients")
    units = [measure.unit for measure in asked.measures]
    return _Evaluated(found.astype(np.float64), [each.name for each in asked.measures], units)


def _dataset(
    method: str,
    each: list[Any],
    kinds: dict[str, tuple[str, str]],
    names: list[str],
    found: _Evaluated,
    attributes: dict[str, Any],
) -> xr.Dataset:
    variables: dict[str, Any] = {}
    for name, (key, text) in kinds.items():
        values = np.stack([np.asarray(result[key], dtype=float) for result in each])
        over = ("output", "parameter", "other")[: values.ndim]
        unit = "1" if method == "Sobol'" else "as the output"
        variables[name] = (over, values, {"units": unit, "long_name": text})
    coords: dict[str, Any] = {"output": found.names, "parameter": names}
    if any(len(variable[0]) == 3 for variable in variables.values()):
        coords["other"] = names
    coords["unit"] = ("output", found.units)
    kind = "sobol" if method == "Sobol'" else "morris"
    return xr.Dataset(variables, coords, {"method": method, **attributes, **provenance(kind)})
