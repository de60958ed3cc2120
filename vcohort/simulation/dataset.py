"""From the engine's arrays to an xarray dataset with units, names and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
import xarray as xr

from vcohort.endpoints.outcome import MISSING
from vcohort.models import Model
from vcohort.populations.cohort import Cohort
from vcohort.populations.population import Population
from vcohort.records import plain
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run

SCHEMA_VERSION = 1

COHORT = "cohort"

PATIENT = {"long_name": "number of the patient", "units": "1"}
TIME = {"units": "day", "long_name": "days since the first infusion"}

FOLLOWED_UNTIL = {"units": "day", "long_name": "last day to which the patient was followed"}

# Looking it up takes milliseconds.
_version = cache(version)


def assemble(
    cohort: Cohort,
    run: Run,
    days: np.ndarray,
    error: float,
    results: Mapping[str, np.ndarray],
    states: list[np.ndarray],
) -> xr.Dataset:
    """Return the dataset of a run on a grid of ``days``; see docs/schema.md.

    Patients that could not be followed are marked in ``results`` and ``states``, by
    :func:`vcohort.simulation.missing.mask_missing`.
    """
    missing = results["outcome"] == MISSING
    described = {
        variable.name: variable for each in run.all_endpoints for variable in each.variables
    }
    variables: dict[str, Any] = {}
    for name, values in results.items():
        about = described[name]
        attrs = {"long_name": about.long_name, "units": about.units, **about.attrs}
        if about.is_flag:
            attrs["flag_values"] = np.array(about.attrs["flag_values"], np.int8)
        variables[name] = ("patient", values, attrs)
    # Each patient's own, so that cohorts of different horizons can be joined.
    until = np.where(missing, np.nan, run.horizon)
    variables["followed_until"] = ("patient", until, FOLLOWED_UNTIL)
    for name, values in cohort.values.items():
        param = cohort.model.param(name)
        attrs = {"long_name": param.description, "units": param.unit}
        variables[name] = ("patient", np.asarray(values), attrs)
    for name, values, unit in run.regimen.named_fields():
        if np.ndim(values):
            attrs = {"long_name": name.replace("_", " "), "units": unit}
            variables[name] = ("patient", np.asarray(values, float), attrs)
    for (name, attrs), values in zip(states_of(cohort.model).items(), states, strict=False):
        variables[name] = (("patient", "time"), values, attrs)
    attributes = _attributes(cohort, run, days, error) | {"patients_missing": int(missing.sum())}
    return xr.Dataset(variables, _coords(cohort, run), attributes)


def states_of(model: Model) -> dict[str, dict[str, str]]:
    """Return the attributes of each state of a model, by species."""
    species = model.species
    counted = dict.fromkeys(species.car, "C") | dict.fromkeys(species.tumour, "B")
    return {
        name: {"units": "cells", "long_name": text}
        | ({"counted_as": counted[name]} if counted.get(name, name) != name else {})
        for name, text in species.descriptions.items()
    }


def _coords(cohort: Cohort, run: Run) -> dict[str, Any]:
    coords: dict[str, Any] = {"patient": ("patient", np.asarray(cohort.patient), PATIENT)}
    if run.save_at is not None:
        coords["time"] = ("time", np.array(run.save_at), TIME)
    return coords


def _attributes(cohort: Cohort, run: Run, days: np.ndarray, error: float) -> dict[str, Any]:
    """Return everything that is needed to get the same numbers again."""
    return {
        "Conventions": "CF-1.11",
        "title": "virtual cohort of CAR T cell therapy",
        "schema_version": SCHEMA_VERSION,
        **provenance(COHORT),
        "model": cohort.model.name,
        **{f"law_{kind}": law.formula for kind, law in cohort.model.composition.items()},
        **dict(cohort.origin),
        **run.plain(),
        "seed": str(run.seed),
        "regimen": repr(run.regimen),
        "regimen_record": json.dumps(run.regimen.to_record(by_variable=True)),
        "endpoints_record": json.dumps([plain(each) for each in run.all_endpoints]),
        "error_estimate": error,
        "time_grid": days,
    }


def recorded(**parts: Population | Regimen) -> dict[str, str]:
    """Return the attributes of populations and regimens by name: each to read, and as a record.

    Of a record ``from_record`` makes the same again.
    """
    found: dict[str, str] = {}
    for name, part in parts.items():
        found |= {name: repr(part), f"{name}_record": json.dumps(part.to_record())}
    return found


def provenance(kind: str | None = None) -> dict[str, Any]:
    """Return which versions compute, and on what; and of which kind the dataset is."""
    device = jax.devices()[0]
    return {
        **({} if kind is None else {"kind": kind}),
        "vcohort_version": _version("vcohort"),
        "jax_version": jax.__version__,
        "numpy_version": np.__version__,
        "xarray_version": xr.__version__,
        "device": f"{device.platform}: {device.device_kind}",
    }
