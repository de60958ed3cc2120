"""The form of a sweep's dataset, before its numbers: variables, coordinates, attributes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from vcohort.simulation.dataset import provenance
from vcohort.simulation.missing import fill_of
from vcohort.sweeps.compute.reduce import flags_of
from vcohort.sweeps.compute.variables import (
    kept_variables,
    meaning_of,
    patient_dtype,
    patient_variables,
)
from vcohort.sweeps.design.axes import describe
from vcohort.sweeps.design.layout import Layout
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store.serialise import SCHEMA_VERSION, study_hash, to_record


class Blank(NamedTuple):
    """A variable before its numbers. ``over``: all its dimensions, the sweep's first."""

    over: tuple[str, ...]
    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: np.dtype
    attrs: dict[str, Any]

    @property
    def fill(self) -> float | int:
        """What stands where nothing was computed yet."""
        return fill_of(self.dtype)


def values_along(
    layout: Layout,
    days: Sequence[float],
    quantiles: Sequence[float],
    labels: Mapping[str, Sequence[str]],
    patients: int,
) -> dict[str, tuple[str, np.ndarray]]:
    """Return all coordinates, each with its dimension: the sweep's first, then those beside it.

    ``labels``: the names along a dimension. ``patients``: how many are kept of each cell.
    """
    found: dict[str, tuple[str, Any]] = dict(layout.columns)
    if "cell" in layout.sizes:
        found["cell"] = ("cell", np.arange(layout.cells))
    found["day"] = ("day", np.asarray(days, np.float64))
    found["quantile"] = ("quantile", np.asarray(quantiles, np.float64))
    found |= {name: (name, np.asarray(of)) for name, of in labels.items()}
    found["patient"] = ("patient", np.arange(patients))
    return {name: parts for name, parts in found.items() if parts[1].size}


def labels_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the meanings of flags, by dimension."""
    flags = flags_of(plan)
    return {meaning_of(flag): tuple(flag.meanings) for flag in flags}


def coordinates(plan: Plan) -> dict[str, tuple[str, np.ndarray, dict[str, str]]]:
    """Return all coordinates with their attributes."""
    about = {
        "cell": {"units": "1", "long_name": "number of the cell"},
        "day": {"units": "day", "long_name": "days since the first infusion"},
        "quantile": {"units": "1", "long_name": "share of patients below"},
        "patient": {"units": "1", "long_name": "number of the patient in its cell"},
        **{name: {"units": "1", "long_name": name} for name in labels_of(plan)},
        **{name: describe(name, plan.population, plan.run.regimen) for name in plan.layout.columns},
    }
    patients = plan.patients if plan.keep_patients else 0
    along = values_along(plan.layout, plan.days, plan.quantiles, labels_of(plan), patients)
    return {name: (over, values, about[name]) for name, (over, values) in along.items()}


def blanks(plan: Plan) -> dict[str, Blank]:
    """Return all variables of the dataset, before their numbers."""
    sizes = {over: values.size for over, values, _ in coordinates(plan).values()}
    dims, shape = tuple(plan.layout.sizes), plan.layout.shape

    def blank(over: tuple[str, ...], dtype: Any, attrs: dict[str, Any]) -> Blank:
        rest = tuple(sizes[name] for name in over)
        return Blank((*dims, *over), shape + rest, plan.chunks.part + rest, np.dtype(dtype), attrs)

    found = {
        each.name: blank(each.over, "f8", {"units": each.units, "long_name": each.long_name})
        for each in kept_variables(plan)
    }
    found["steps"] = blank((), "i4", {"units": "1", "long_name": "time steps"})
    found["error_estimate"] = blank(
        (), "f8", {"units": "1", "long_name": "largest error of ln N, ln C, ln B seen in a pilot"}
    )
    for each in patient_variables(plan):
        attrs = {"units": each.units, "long_name": each.long_name, **each.attrs}
        found[each.name] = blank(("patient",), patient_dtype(plan, each), attrs)
    return found


def attributes(plan: Plan) -> dict[str, Any]:
    """Return everything that is needed to get the same numbers again."""
    model = plan.population.model
    return {
        "Conventions": "CF-1.11",
        "title": "sweep of virtual cohorts of CAR T cell therapy",
        **provenance("sweep"),
        "model": model.name,
        **{f"law_{kind}": law.formula for kind, law in model.composition.items()},
        "population": repr(plan.population),
        "regimen": repr(plan.run.regimen),
        **recorded_attributes(to_record(plan)),
    }


def recorded_attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that the record of a study tells."""
    return {
        "sweep_schema_version": SCHEMA_VERSION,
        "patients_per_cell": record["patients"],
        "design": record["design"],
        "common_random_numbers": str(not record["independent"]),
        **{name: value if name != "seed" else str(value) for name, value in record["run"].items()},
        "study_hash": study_hash(record),
        "study_record": json.dumps(record, sort_keys=True),
    }


def empty_dataset(plan: Plan) -> xr.Dataset:
    """Return the dataset with nothing computed yet, in memory."""
    variables = {
        name: (each.over, np.full(each.shape, each.fill, each.dtype), each.attrs)
        for name, each in blanks(plan).items()
    }
    return xr.Dataset(variables, coordinates(plan), attributes(plan))
