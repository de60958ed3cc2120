"""What a vcohort dataset is: variables, units, attributes. Written down in docs/schema.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vcohort.endpoints import Outcome
from vcohort.errors import VcohortError, refuse_other
from vcohort.models import Species
from vcohort.results.kinds import KINDS, problems_of
from vcohort.simulation.dataset import COHORT, SCHEMA_VERSION
from vcohort.simulation.missing import known_outcomes, strange_outcomes
from vcohort.simulation.run import PLAIN

REQUIRED_ATTRS = (
    "schema_version",
    "vcohort_version",
    "jax_version",
    "model",
    "error_estimate",
    "patients_missing",
    "time_grid",
    "device",
    *PLAIN,
)


def validate(ds: xr.Dataset) -> xr.Dataset:
    """Return the dataset if it keeps the schema of its kind; raise :class:`VcohortError` if not.

    The attribute ``kind`` says which; without it the dataset must be a cohort. Of a cohort,
    patients without an outcome (masked, or missing) are warned of; all without one are refused.
    """
    refuse_other("ds", ds, xr.Dataset, "what vc.simulate returns")
    if str(ds.attrs.get("kind", COHORT)) in KINDS:
        check_kind({"/": ds})
        return ds
    problems = [*_attribute_problems(ds), *_variable_problems(ds)]
    if not problems:
        problems = _value_problems(ds)
    if problems:
        raise VcohortError("This is not a vcohort dataset: " + "; ".join(problems) + ".")
    return ds


def check_kind(groups: Mapping[str, xr.Dataset]) -> None:
    """Refuse what breaks the schema of its kind; what has no kind, or another, is the user's own.

    ``groups``: of a tree, by their paths; of a dataset ``"/"`` alone.
    """
    kind = str(groups["/"].attrs.get("kind"))
    if kind == COHORT:
        validate(groups["/"])
    elif kind in KINDS and (problems := list(problems_of(kind, groups))):
        raise VcohortError(
            f"This is no {kind}, though its attribute kind says so: {'; '.join(problems)}. What is "
            "your own needs no kind: del ds.attrs['kind']."
        )


def _attribute_problems(ds: xr.Dataset) -> list[str]:
    missing = [name for name in REQUIRED_ATTRS if name not in ds.attrs]
    problems = [f"attributes missing: {', '.join(missing)}"] if missing else []
    version: Any = ds.attrs.get("schema_version", SCHEMA_VERSION)
    if int(version) > SCHEMA_VERSION:
        problems.append(
            f"its schema_version {version} is newer than {SCHEMA_VERSION}, the newest known here; "
            "update vcohort"
        )
    return problems


def _variable_problems(ds: xr.Dataset) -> list[str]:
    needed = {variable.name: ("patient",) for variable in Outcome().variables}
    if "time" in ds.dims:
        needed |= dict.fromkeys(Species().names, ("patient", "time"))
    problems: list[str] = []
    for name, dims in needed.items():
        if name not in ds:
            problems.append(f"variable {name} is missing")
        elif ds[name].dims != dims:
            problems.append(f"{name} has dimensions {ds[name].dims}, not {dims}")
    own = set(ds.coords) - {"patient", "time"}
    for name, variable in ds.variables.items():
        if name in own:
            continue
        absent = [key for key in ("units", "long_name") if key not in variable.attrs]
        problems += [f"{name} has no {' and no '.join(absent)}"] if absent else []
    return problems


def _value_problems(ds: xr.Dataset) -> list[str]:
    if strange_outcomes(ds["outcome"].values).size:
        return ["outcome holds values other than -1, 0, 1 and 2"]
    kept = known_outcomes(ds, stacklevel=4)
    horizon = float(ds.attrs["horizon"])
    until = ds["followed_until"].values[kept] if "followed_until" in ds else horizon
    day = ds["event_time"].values[kept]
    # The day of an event is stored in the dataset's own precision.
    if not ((day >= 0) & (day <= until * (1 + 1e-6))).all():
        return [f"event_time is not between 0 and the horizon, {np.max(until):g} days"]
    return []
