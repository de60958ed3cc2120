"""A problem in the tables of PEtab 2.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vcohort.exchange.petab.content import Content, Parameter, Patient
from vcohort.exchange.petab.priors import LOG_UNIFORM, told
from vcohort.exchange.petab.writing.tables import about, by_name, measurements, table

_PROBLEM = """format_version: 2.0.0
model_files:
  model:
    location: model.xml
    language: sbml
parameter_files: [parameters.tsv]
observable_files: [observables.tsv]
experiment_files: [experiments.tsv]
condition_files: [conditions.tsv]
measurement_files: [measurements.tsv]
"""

_PRIOR = ("priorDistribution", "priorParameters")

_NOISE = {"lin": "normal", "log": "log-normal"}


def files(content: Content) -> Mapping[str, str]:
    """Return the files of a problem by name, but for its model."""
    return {
        "problem.yaml": _PROBLEM,
        "parameters.tsv": _parameters(content),
        "conditions.tsv": _conditions(content),
        "experiments.tsv": _experiments(content),
        "observables.tsv": _observables(content),
        "measurements.tsv": measurements(content, "experimentId"),
    }


def _parameters(content: Content) -> str:
    columns = ("parameterId", "lowerBound", "upperBound", "nominalValue", "estimate")
    has_priors = any(each.prior is not None for each in content.parameters)
    rows = (_parameter(each, has_priors) for each in content.parameters)
    return by_name((*columns, *(_PRIOR if has_priors else ())), rows)


def _parameter(each: Parameter, has_priors: bool) -> dict[str, str]:
    row = about(each) | {"estimate": str(each.bounds is not None).lower()}
    if not has_priors or each.bounds is None:
        return row
    log_uniform = LOG_UNIFORM, ";".join(map(repr, each.bounds))
    prior = log_uniform if each.prior is None else told(each.prior, 2)
    return row | dict(zip(_PRIOR, prior, strict=True))


def _conditions(content: Content) -> str:
    rows = (
        (name, target, value)
        for each in content.patients
        for _, name, targets in _periods(each)
        for target, value in targets.items()
    )
    return table(("conditionId", "targetId", "targetValue"), rows)


def _experiments(content: Content) -> str:
    rows = (
        (each.name, each.label, repr(day), name if targets else "")
        for each in content.patients
        for day, name, targets in _periods(each)
    )
    return table(("experimentId", "experimentName", "time", "conditionId"), rows)


def _periods(patient: Patient) -> Iterator[tuple[float, str, Mapping[str, str]]]:
    """Yield when a condition of a patient begins, its name, and what it changes."""
    yield 0.0, patient.name, patient.values
    for number, change in enumerate(patient.changes, start=1):
        yield change.day, f"{patient.name}_treated_{number}", change.cells


def _observables(content: Content) -> str:
    columns = ("observableId", "observableName", "observableFormula", "noiseFormula",
               "noiseDistribution", "noisePlaceholders")  # fmt: skip
    rows = (
        (each.name, each.called, each.formula, each.deviation, _NOISE[each.scale],
         ";".join(each.placeholders))
        for each in content.observables
    )  # fmt: skip
    return table(columns, rows)
