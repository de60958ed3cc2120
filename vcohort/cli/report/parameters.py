"""Parameters as a table: what each means, its unit, how it varies, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import vcohort as vc
from vcohort.populations.distributions import values_at, varies
from vcohort.populations.population import Population
from vcohort.populations.shipped import shipped, shipped_names
from vcohort.results.kinds import kind_of

COLUMNS = ("parameter", "meaning", "unit", "median", "5 to 95 %", "distribution", "source")

_LEVELS = np.array([0.05, 0.5, 0.95])

# What parameters were before a calibration is asked for by nobody who reads its result.
_RECORDS = ("calibrated_population_record", "population_record")


class Source(NamedTuple):
    """A population, and what parameters were replaced after it was sampled."""

    population: Population
    replaced: tuple[str, ...] = ()


def source_of(ds: Any) -> Source | None:
    """Return the population that a dataset was made from; None where it does not say."""
    attrs = ds.attrs
    record = next((attrs[name] for name in _RECORDS if name in attrs), None)
    if record is None and "study_record" in attrs:
        record = json.dumps(json.loads(attrs["study_record"])["population"])
    if record is None:
        record = _of_all_arms(attrs)
    if record is None:
        return None
    is_fitted = kind_of(ds) == "population_fit"
    try:
        population = vc.fitted_population(ds) if is_fitted else Population.from_record(record)
    except vc.VcohortError:
        # It holds a distribution or a law of the user's own, or a fit that makes no population.
        return None
    replaced = {name for each in (attrs, *_arms(attrs)) if "replaced" in each
                for name in str(each["replaced"]).split(", ")}  # fmt: skip
    return Source(population, tuple(sorted(replaced)))


def _arms(attrs: Mapping[Any, Any]) -> list[Mapping[str, Any]]:
    """Return the settings of each arm, of a dataset that has arms."""
    return list(json.loads(attrs.get("arms_record", "{}")).values())


def _of_all_arms(attrs: Mapping[Any, Any]) -> str | None:
    """Return the population that all arms have."""
    found = {arm.get("population_record") for arm in _arms(attrs)}
    return found.pop() if len(found) == 1 else None


def parameter_rows(ds: Any) -> list[list[str]]:
    """Return the rows of the table, under :data:`COLUMNS`; none where nothing is known."""
    source = source_of(ds)
    if source is None:
        return []
    return list(_rows(ds, source))


def _rows(ds: Any, source: Source) -> Iterator[list[str]]:
    population = source.population
    preset = vc.presets()[population.preset]
    calibrated = _calibrated_to(population)
    estimated = ds["parameter"].values if kind_of(ds) == "population_fit" else ()
    together = set(population.joint.names) if population.joint else set()
    for name, law in population.distributions.items():
        param = population.model.param(name)
        low, middle, high = values_at(law, _LEVELS)
        spread = f"{low:.4g} to {high:.4g}" if varies(law) else "the same for all"
        words = "none" if not varies(law) else type(law).__name__
        words += ", correlated with others" if name in together else ""
        where = preset.sources.get(name, param.source)
        first = preset.values.get(name)
        if name in together or population.overrides.get(name, first) != first:
            where = calibrated or "given for this study: name its source"
        if name in estimated:
            where = "estimated from the trial's patients"
        median = f"{middle:.4g}"
        if name in source.replaced:
            median, spread = _replaced(ds, name)
            words, where = (
                "replaced in the cohort by its values",
                "given for this study: name its source",
            )
        yield [name, param.description, param.unit, median, spread, words, where]


def _replaced(ds: Any, name: str) -> tuple[str, str]:
    """Return the median and the spread of values that were given to a cohort."""
    if name not in ds:
        return "not in this file", "not in this file"
    low, middle, high = np.nanquantile(ds[name].values, _LEVELS)
    return f"{middle:.4g}", f"{low:.4g} to {high:.4g}"


def _calibrated_to(population: Population) -> str | None:
    """Return what a population that comes with the package was calibrated to."""
    record = json.loads(json.dumps(population.to_record()))
    for name in shipped_names():
        if json.loads(json.dumps(shipped(name)["record"])) == record:
            return f"the package's population {name}: {shipped(name)['description']}"
    return None
