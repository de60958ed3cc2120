"""Outputs of patients at points of the unit cube, as designs of global sensitivity ask for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from vcohort.analysis.sensitivity.outputs import Outputs, evaluate, find_measures
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.given import floats
from vcohort.populations.cohort import Cohort
from vcohort.populations.distributions import median_of, values_at, varies
from vcohort.populations.population import Population, check_population
from vcohort.simulation.missing import check_kept
from vcohort.simulation.run import Run

OutputsLike: TypeAlias = Sequence[str] | Mapping[str, Callable[[Cohort], Any]]

# Measures are computed in float32: what is less apart than this share of itself is not apart.
_ROUNDING = 4.0 * float(np.finfo(np.float32).eps)


class Evaluated(NamedTuple):
    """Outputs (evaluation, output), with their names and units.

    ``unseen``: parameters that had one value in all evaluations. ``rounding``: the share of a value
    below which two of them do not differ.
    """

    values: np.ndarray
    names: list[str]
    units: list[str]
    unseen: list[str]
    rounding: float

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

    def is_steady(self, values: np.ndarray) -> bool:
        """Whether values of an output are all one."""
        return bool(np.ptp(values) <= self.rounding * np.abs(values).max())


def varied(population: Population) -> list[str]:
    """Return the parameters that vary, however rarely; each must do so by itself."""
    check_population(population)
    if population.joint is not None:
        raise VcohortError(
            "Sobol' and Morris need parameters that vary independently; joint ties "
            f"{', '.join(population.joint.names)} together. Leave joint out."
        )
    found = [name for name, law in population.distributions.items() if varies(law)]
    if not found:
        raise VcohortError(
            f"In {population!r} nothing varies. Give sigma, or a distribution for one of "
            f"{', '.join(population.distributions)}."
        )
    return found


def evaluate_at(
    population: Population,
    names: list[str],
    points: np.ndarray,
    outputs: OutputsLike,
    run: Run,
    progress: bool | None,
) -> Evaluated:
    """Return the outputs of patients at probabilities (evaluation, parameter).

    Warns of parameters that have one value in all of them.
    """
    edge = np.finfo(np.float64).epsneg
    inside = np.clip(points, edge, 1.0 - edge)
    values = {
        name: values_at(law, inside[:, names.index(name)]) if name in names
        else np.full(len(points), median_of(law))
        for name, law in population.distributions.items()
    }  # fmt: skip
    unseen = [name for name in names if np.ptp(values[name]) == 0.0]
    if unseen:
        warnings.warn(
            f"{', '.join(unseen)}: all {len(points):,} patients drawn have one value, though"
            " the distribution has others. Of its effect nothing is known (NaN). Draw more.",
            VcohortWarning,
            stacklevel=3,
        )
    origin = (("preset", population.preset),)
    cohort = Cohort(values, np.arange(len(points)), population.model, origin)
    if isinstance(outputs, Mapping):
        found = _called(cohort, outputs, run)
        return Evaluated(found, list(outputs), [""] * len(outputs), unseen, 0.0)
    asked = Outputs(find_measures(outputs), run)
    found = evaluate(cohort, asked, progress, "sensitivity, patients").astype(np.float64)
    units = [measure.unit for measure in asked.measures]
    return Evaluated(found, [each.name for each in asked.measures], units, unseen, _ROUNDING)


def _called(cohort: Cohort, outputs: Mapping[str, Callable[[Cohort], Any]], run: Run) -> np.ndarray:
    """Return what functions say of a cohort (patient, output)."""
    plain = Run(method=run.method)
    unused = [name for name in ("horizon", "progression", "regimen", "tolerance")
              if getattr(run, name) != getattr(plain, name)]  # fmt: skip
    if unused or not outputs:
        raise VcohortError(
            f"{' and '.join(unused)}: of no meaning where outputs are functions, which run the "
            "cohort by themselves. Put it into the functions."
            if unused
            else "outputs = {} is impossible: give a function of a cohort by its name."
        )
    columns: list[np.ndarray] = []
    for name, function in outputs.items():
        found: Any = function(cohort)
        is_flag = getattr(found, "dtype", None) == np.bool_
        column = floats(f"Output {name!r}", found.astype(float) if is_flag else found)
        if column.shape != (len(cohort),):
            raise VcohortError(
                f"Output {name!r} has the shape {column.shape}, not one number for each of "
                f"{len(cohort)} patients."
            )
        columns.append(column)
    return np.stack(columns, axis=1)
