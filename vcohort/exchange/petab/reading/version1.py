"""A problem from the tables of PEtab 1.0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError, one_of
from vcohort.exchange.petab.content import Content, Observed, Parameter, Patient
from vcohort.exchange.petab.priors import prior_of
from vcohort.exchange.petab.reading.rows import Row, by_name, rows_of
from vcohort.exchange.petab.reading.shared import (
    OF_PICTURES,
    Files,
    bounds_of,
    check_measured,
    check_observable,
    first_value,
    measurement_of,
    not_extended,
    one_model,
)
from vcohort.exchange.petab.reading.trusted import check_keys, files_of
from vcohort.populations.distributions import Distribution

_FILES = ("sbml_files", "condition_files", "observable_files", "measurement_files")
_PICTURES = "visualization_files"
_SCALES = ("lin", "log", "log10")

_PRIOR = ("objectivePriorType", "objectivePriorParameters")
_STARTS = ("initializationPriorType", "initializationPriorParameters")


def read(folder: Path, problem: Mapping[str, Any]) -> Files:
    """Return the model's file, and what the tables say."""
    check_keys(
        "the problem", problem, ("format_version", "parameter_file", "problems", "extensions")
    )
    not_extended(problem.get("extensions"))
    parts = problem.get("problems")
    if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
        raise VcohortError("The problem must have one part in 'problems'. Fit several apart.")
    check_keys("the problem", parts[0], (*_FILES, _PICTURES))
    # They change no fit, but PEtab's linter reads them.
    for path in files_of(folder, _PICTURES, parts[0].get(_PICTURES, [])):
        rows_of([path], (), None)
    for key in _FILES:
        if key not in parts[0]:
            raise VcohortError(f"The problem names no {key}.")
    models, conditions, observables, measurements = (
        files_of(folder, key, parts[0][key]) for key in _FILES
    )
    parameters = files_of(folder, "parameter_file", problem.get("parameter_file", []))
    content = Content(
        tuple(_parameters(parameters)), tuple(_observables(observables)),
        tuple(_measurements(measurements)), tuple(_patients(conditions)),
    )  # fmt: skip
    check_measured(content)
    return Files(one_model("sbml_files", models), content)


def _parameters(paths: list[Path]) -> Iterable[Parameter]:
    needed = ("parameterId", "parameterScale", "lowerBound", "upperBound", "estimate")
    rows = rows_of(paths, needed, ("parameterName", "nominalValue", *_PRIOR, *_STARTS))
    for name, row in by_name(rows, lambda row: row.needed("parameterId"), "parameter").items():
        scale = one_of("parameterScale", row.text("parameterScale", "lin"), _SCALES)
        if row.number("estimate") not in {0.0, 1.0}:
            raise VcohortError(f"In {row.place}, estimate must be 0 or 1.")
        bounds = bounds_of(row) if row.number("estimate") else None
        row.refuse(_STARTS[0], "here starts lie evenly between the bounds. Leave it out")
        prior = None if bounds is None else _prior(name, row, scale, bounds)
        yield Parameter(name, first_value(row, bounds), bounds, prior)


def _prior(name: str, row: Row, scale: str, bounds: tuple[float, float]) -> Distribution | None:
    """Return a prior; without one, a parameter is uniform on its scale."""
    kind = row.text(_PRIOR[0], "parameterScaleUniform")
    if row.text(_PRIOR[1]):
        return prior_of(name, kind, row.text(_PRIOR[1]), bounds, 1, scale)
    if kind != "parameterScaleUniform":
        raise VcohortError(f"{row.place} has no {_PRIOR[1]}.")
    numbers = ";".join(map(repr, bounds))
    return prior_of(name, "uniform", numbers, bounds, 1, scale) if scale == "lin" else None


def _patients(paths: list[Path]) -> Iterable[Patient]:
    rows = rows_of(paths, ("conditionId",), None)
    for name, row in by_name(rows, lambda row: row.needed("conditionId"), "condition").items():
        values = {target: text for target, text in row.cells.items()
                  if text and target not in {"conditionId", "conditionName"}}  # fmt: skip
        yield Patient(name, row.text("conditionName", name), values)


def _observables(paths: list[Path]) -> Iterable[Observed]:
    needed = ("observableId", "observableFormula", "noiseFormula")
    more = ("observableName", "observableTransformation", "noiseDistribution")
    rows = rows_of(paths, needed, more)
    for name, row in by_name(rows, lambda row: row.needed("observableId"), "observable").items():
        check_observable(row)
        scale = row.text("observableTransformation", "lin")
        noise = row.text("noiseDistribution", "normal")
        if noise != "normal":
            raise VcohortError(
                f"In {row.place}, noiseDistribution is {noise!r}: residuals are normal here."
            )
        deviation = row.needed("noiseFormula")
        asked = re.findall(rf"\bnoiseParameter(\d+)_{re.escape(name)}\b", deviation)
        yield Observed(
            name, row.text("observableName", name), row.needed("observableFormula"), deviation,
            one_of("observableTransformation", scale, _SCALES),
            tuple(f"noiseParameter{number}_{name}" for number in sorted(map(int, set(asked)))),
        )  # fmt: skip


def _measurements(paths: list[Path]) -> Iterable[Any]:
    needed = ("observableId", "simulationConditionId", "measurement", "time")
    more = ("preequilibrationConditionId", "observableParameters", "noiseParameters", *OF_PICTURES)
    for row in rows_of(paths, needed, more):
        row.refuse("preequilibrationConditionId", "there is no equilibrium before day 0 here")
        yield measurement_of(row, row.needed("simulationConditionId"))
