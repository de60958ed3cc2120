"""What SALib's methods share: the unit cube of probabilities, and results as a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from vcohort.analysis.sensitivity.evaluation import Evaluated, OutputsLike
from vcohort.extras import extra
from vcohort.populations.population import Population
from vcohort.simulation.dataset import provenance, recorded
from vcohort.simulation.run import Run


def unit_cube(names: list[str]) -> dict[str, Any]:
    """Return SALib's problem: each parameter by its probability."""
    return {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}


def salib(module: str) -> Any:
    """Return a module of SALib, which is an extra."""
    return extra(f"SALib.{module}", "sensitivity", "Global sensitivity")


def attributes_of(
    population: Population, names: list[str], outputs: OutputsLike, run: Run
) -> dict[str, Any]:
    """Return the attributes that tell what was run."""
    told: dict[str, Any] = recorded(population=population, regimen=run.regimen)
    told["not_varied"] = ", ".join(each for each in population.distributions if each not in names)
    if isinstance(outputs, Mapping):
        return told
    return told | {
        "horizon": run.horizon, "progression": run.progression, "tolerance": run.tolerance,
    }  # fmt: skip


def dataset_of(
    method: str,
    each: list[Any],
    kinds: dict[str, tuple[str, str]],
    names: list[str],
    found: Evaluated,
    attributes: dict[str, Any],
) -> xr.Dataset:
    """Return the results ``each`` of the outputs, None where there is none, as one dataset."""
    variables: dict[str, Any] = {}
    unseen = np.isin(names, found.unseen)
    for name, (key, text) in kinds.items():
        over = ("output", "parameter", "other")[: 3 if name.startswith("second") else 2]
        nothing = np.full((len(names),) * (len(over) - 1), np.nan)
        values = np.stack([
            nothing if result is None else np.asarray(result[key], dtype=float) for result in each
        ])  # fmt: skip
        values[:, unseen] = np.nan
        if len(over) == 3:
            values[:, :, unseen] = np.nan
        unit = "1" if method == "Sobol'" else "as the output"
        variables[name] = (over, values, {"units": unit, "long_name": text})
    coords: dict[str, Any] = {"output": found.names, "parameter": names}
    if any(len(variable[0]) == 3 for variable in variables.values()):
        coords["other"] = names
    coords["unit"] = ("output", found.units)
    kind = "sobol" if method == "Sobol'" else "morris"
    return xr.Dataset(variables, coords, {"method": method, **attributes, **provenance(kind)})
