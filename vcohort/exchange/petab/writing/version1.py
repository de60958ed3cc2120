"""A problem in the tables of PEtab 1.0."""

from __future__ import annotations

from collections.abc import Mapping

from vcohort.exchange.petab.content import Content, Parameter
from vcohort.exchange.petab.priors import told
from vcohort.exchange.petab.writing.tables import about, by_name, measurements, table

_PROBLEM = """format_version: 1
parameter_file: parameters.tsv
problems:
- sbml_files: [model.xml]
  condition_files: [conditions.tsv]
  observable_files: [observables.tsv]
  measurement_files: [measurements.tsv]
"""

_PRIOR = ("objectivePriorType", "objectivePriorParameters")


def files(content: Content) -> Mapping[str, str]:
    """Return the files of a problem by name, but for its model."""
    return {
        "problem.yaml": _PROBLEM,
        "parameters.tsv": _parameters(content),
        "conditions.tsv": _conditions(content),
        "observables.tsv": _observables(content),
        "measurements.tsv": measurements(content, "simulationConditionId"),
    }


def _parameters(content: Content) -> str:
    columns = ("parameterId", "parameterScale", "lowerBound", "upperBound", "nominalValue",
               "estimate")  # fmt: skip
    has_priors = any(each.prior is not None for each in content.parameters)
    return by_name((*columns, *(_PRIOR if has_priors else ())), map(_parameter, content.parameters))


def _parameter(each: Parameter) -> dict[str, str]:
    """Return a row; an estimated one is sought on its log, without a prior evenly."""
    prior = ("", "") if each.prior is None else told(each.prior, 1)
    is_free = each.bounds is not None
    own = {"parameterScale": "log" if is_free else "lin", "estimate": str(int(is_free))}
    return about(each) | own | dict(zip(_PRIOR, prior, strict=True))


def _conditions(content: Content) -> str:
    targets = dict.fromkeys(name for each in content.patients for name in each.values)
    rows = ({"conditionId": each.name, "conditionName": each.label, **each.values}
            for each in content.patients)  # fmt: skip
    return by_name(("conditionId", "conditionName", *targets), rows)


def _observables(content: Content) -> str:
    columns = ("observableId", "observableName", "observableFormula", "observableTransformation",
               "noiseFormula", "noiseDistribution")  # fmt: skip
    rows = (
        (each.name, each.called, each.formula, each.scale, each.deviation, "normal")
        for each in content.observables
    )
    return table(columns, rows)
