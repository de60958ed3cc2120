"""What can be swept: a parameter, sigma, a field of the regimen, threshold, progression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vcohort.errors import unknown
from vcohort.models import Param
from vcohort.models.shared import C0
from vcohort.populations.population import Population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run

_RUN = {
    "threshold": ("cells", "size below which the tumour is stochastic"),
    "progression": ("1", "tumour size, relative to the first, that counts as progression"),
}

_FIELDS = {"day": "day", "cells": "cells"}


def apply(population: Population, run: Run, values: Mapping[str, float]) -> tuple[Population, Run]:
    """Return the population and the run of a cell with these swept values.

    A parameter's value moves the centre of its distribution; ``sigma`` is the population's.
    """
    fields = {name: value for name, value in values.items() if name in run.regimen.field_names}
    choices: dict[str, Any] = {name: value for name, value in values.items() if name in _RUN}
    rest: Any = {
        name: value for name, value in values.items() if name not in fields and name not in choices
    }
    if fields:
        choices["regimen"] = run.regimen.at(**fields)
    return (
        population.at(**rest) if rest else population,
        replace(run, **choices) if choices else run,
    )


def advised(name: str, population: Population, regimen: Regimen) -> Param | None:
    """Return the parameter whose usual range tells in which unit a swept name is, if there is one.

    Doses are in the unit of the first, which is C0.
    """
    if name in regimen.field_names and name.endswith("_cells"):
        return C0
    return population.model.parameters.get(name)


def describe(name: str, population: Population, regimen: Regimen) -> dict[str, str]:
    """Return the attributes of a swept name; raise :class:`VcohortError` where there is none."""
    if name == "sigma":
        return {"units": "1", "long_name": "relative variability between patients"}
    if name in _RUN:
        units, meaning = _RUN[name]
        return {"units": units, "long_name": meaning}
    if name in regimen.field_names:
        units = _FIELDS.get(name.rsplit("_", 1)[-1], "1")
        return {"units": units, "long_name": name.replace("_", " ")}
    parameters = population.model.parameters
    if name not in parameters:
        raise unknown("axis", name, [*parameters, "sigma", *_RUN, *regimen.field_names])
    return {"units": parameters[name].unit, "long_name": parameters[name].description}
