"""A problem from the tables of PEtab 2.0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vcohort.errors import VcohortError, one_of
from vcohort.exchange.petab.content import (
    Change,
    Content,
    Measurement,
    Observed,
    Parameter,
    Patient,
)
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

_NEEDED = ("parameter_files", "observable_files", "measurement_files")
_OPTIONAL = ("condition_files", "experiment_files", "mapping_files")

_SCALES = {"normal": "lin", "log-normal": "log"}

_AS_IT_IS = Patient("", "all", {})
"""Whom a measurement of no experiment is of: the model as it is."""


def read(folder: Path, problem: Mapping[str, Any]) -> Files:
    """Return the model's file, and what the tables say."""
    known = ("format_version", "id", "model_files", "extensions", *_NEEDED, *_OPTIONAL)
    check_keys("the problem", problem, known)
    not_extended(problem.get("extensions"))
    for key in _NEEDED:
        if not problem.get(key):
            raise VcohortError(f"The problem names no {key}.")
    paths = {key: files_of(folder, key, problem.get(key) or []) for key in (*_NEEDED, *_OPTIONAL)}
    if paths["mapping_files"]:
        raise VcohortError("The problem has mapping_files: names are read as they are.")
    name, model = _model(folder, problem.get("model_files"))
    patients = tuple(_patients(paths["experiment_files"], paths["condition_files"]))
    measurements = tuple(_measurements(paths["measurement_files"], name))
    is_plain = any(not each.patient for each in measurements)
    content = Content(
        tuple(_parameters(paths["parameter_files"])),
        tuple(_observables(paths["observable_files"])),
        measurements,
        (*patients, _AS_IT_IS) if is_plain else patients,
    )
    check_measured(content)
    return Files(model, content)


def _model(folder: Path, given: Any) -> tuple[str, Path]:
    if not isinstance(given, dict):
        raise VcohortError("The problem names no model_files.")
    name, about = one_model("model_files", list(given.items()))
    if not isinstance(about, dict) or about.get("language") != "sbml":
        raise VcohortError(f"The model {name!r} must have a location, and the language sbml.")
    check_keys(f"the model {name!r}", about, ("location", "language"))
    [path] = files_of(folder, "model", [about.get("location")])
    return str(name), path


def _parameters(paths: list[Path]) -> Iterable[Parameter]:
    rows = rows_of(
        paths, ("parameterId", "estimate", "lowerBound", "upperBound"),
        ("parameterName", "nominalValue", "priorDistribution", "priorParameters"),
    )  # fmt: skip
    has_priors = any(row.text("priorDistribution") for row in rows)
    for name, row in by_name(rows, lambda row: row.needed("parameterId"), "parameter").items():
        is_free = one_of("estimate", row.needed("estimate").lower(), ("true", "false")) == "true"
        bounds = bounds_of(row) if is_free else None
        prior = None
        if bounds is not None and has_priors:
            # Beside priors, a parameter without one is uniform.
            kind = row.text("priorDistribution", "uniform")
            numbers = row.text("priorParameters", ";".join(map(repr, bounds)))
            prior = prior_of(name, kind, numbers, bounds, 2, "lin")
        yield Parameter(name, first_value(row, bounds), bounds, prior)


def _patients(experiments: list[Path], conditions: list[Path]) -> Iterable[Patient]:
    changes = _changes(conditions)
    rows: dict[str, list[Row]] = {}
    for row in rows_of(experiments, ("experimentId", "time", "conditionId"), ("experimentName",)):
        rows.setdefault(row.needed("experimentId"), []).append(row)
    for name, own in rows.items():
        days = _by_day(name, own, changes)
        values = days.pop(0.0)
        later = tuple(Change(day, cells) for day, cells in sorted(days.items()) if cells)
        yield Patient(name, own[0].text("experimentName", name), values, later)


def _changes(paths: list[Path]) -> dict[str, dict[str, str]]:
    """Return what each condition changes."""
    found: dict[str, dict[str, str]] = {}
    for row in rows_of(paths, ("conditionId", "targetId", "targetValue")):
        targets = found.setdefault(row.needed("conditionId"), {})
        target = row.needed("targetId")
        if target in targets:
            raise VcohortError(f"{row.place}: {target!r} is changed twice.")
        targets[target] = row.needed("targetValue")
    return found


def _by_day(
    name: str, rows: list[Row], changes: Mapping[str, dict[str, str]]
) -> dict[float, dict[str, str]]:
    """Return what changes on each day of an experiment."""
    found: dict[float, dict[str, str]] = {}
    for row in rows:
        if row.text("time").startswith("-"):
            raise VcohortError(
                f"The experiment {name!r} begins at {row.text('time')}: there is no equilibrium "
                "and nothing else before day 0 here."
            )
        before, condition = found.setdefault(row.number("time"), {}), row.text("conditionId")
        if condition and condition not in changes:
            raise VcohortError(
                f"{row.place}: the condition {condition!r} is in no table of conditions."
            )
        for target, value in changes.get(condition, {}).items():
            if before.setdefault(target, value) is not value:
                raise VcohortError(f"{row.place}: {target!r} is changed twice on one day.")
    if 0.0 not in found:
        raise VcohortError(f"The experiment {name!r} does not begin at 0, when the model does.")
    return found


def _observables(paths: list[Path]) -> Iterable[Observed]:
    needed = ("observableId", "observableFormula", "noiseFormula")
    more = ("observableName", "noiseDistribution", "observablePlaceholders", "noisePlaceholders")
    rows = rows_of(paths, needed, more)
    for name, row in by_name(rows, lambda row: row.needed("observableId"), "observable").items():
        check_observable(row)
        row.refuse("observablePlaceholders", "make it several observables")
        told = row.text("noiseDistribution", "normal")
        noise = one_of("noiseDistribution (residuals are normal here)", told, _SCALES)
        placeholders = row.text("noisePlaceholders")
        yield Observed(
            name, row.text("observableName", name), row.needed("observableFormula"),
            row.needed("noiseFormula"), _SCALES[noise],
            tuple(each.strip() for each in placeholders.split(";")) if placeholders else (),
        )  # fmt: skip


def _measurements(paths: list[Path], model: str) -> Iterable[Measurement]:
    needed = ("observableId", "experimentId", "measurement", "time")
    more = ("observableParameters", "noiseParameters", "modelId", *OF_PICTURES)
    for row in rows_of(paths, needed, more):
        if row.text("modelId", model) != model:
            raise VcohortError(f"In {row.place}, modelId must be {model!r}.")
        yield measurement_of(row, row.text("experimentId"))
