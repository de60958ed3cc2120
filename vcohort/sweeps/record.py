"""A sweep as text, and back: what a store keeps to know its study by.

Numbers are written in full, so that a study and its text are the same study. What text cannot
hold (a law or a distribution of the user's own) is kept as its ``repr``: enough to tell one study
from another, not to run it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from vcohort.distributions import Empirical, Fixed, LogNormal, MultivariateNormal, Normal, Uniform
from vcohort.endpoints import Kinetics, Nadir, Outcome, Response
from vcohort.errors import VcohortError
from vcohort.models import LAW_KINDS, Model, car_t, laws
from vcohort.population import Population
from vcohort.regimen import Regimen
from vcohort.settings import RunSettings
from vcohort.sweeps.chunks import Chunks
from vcohort.sweeps.layout import Layout
from vcohort.sweeps.plan import Plan
from vcohort.treatments import Infusion, Lymphodepletion

SCHEMA_VERSION = 1

_KNOWN: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (Empirical, Fixed, LogNormal, Normal, Uniform, Infusion, Lymphodepletion,
                 Kinetics, Nadir, Outcome, Response)
}  # fmt: skip

_RUN = ("method", "horizon", "threshold", "progression", "seed", "tolerance", "dtype")

_PLAIN = ("patients", "design", "independent", "days", "until", "quantiles", "keep_patients")


def to_record(plan: Plan) -> dict[str, Any]:
    """Return the plan as what JSON can hold."""
    return {
        "schema_version": SCHEMA_VERSION,
        "population": _population(plan.population),
        "axes": {
            "sizes": dict(plan.layout.sizes),
            "columns": {
                name: {"over": over, "values": values.tolist()}
                for name, (over, values) in plan.layout.columns.items()
            },
        },
        "run": {name: getattr(plan.run, name) for name in _RUN},
        "regimen": [_plain(each) for each in plan.run.regimen.treatments],
        "endpoints": [_plain(each) for each in plan.run.endpoints],
        **{name: _plain(getattr(plan, name)) for name in _PLAIN},
        "chunk": list(plan.chunks.part),
    }


def from_record(record: Mapping[str, Any]) -> Plan:
    """Return the plan that a record tells of."""
    axes = record["axes"]
    columns = {
        name: (column["over"], np.asarray(column["values"], np.float64))
        for name, column in axes["columns"].items()
    }
    run = RunSettings(
        **record["run"],
        endpoints=tuple(_restored(each) for each in record["endpoints"]),
        regimen=Regimen(*(_restored(each) for each in record["regimen"])),
    )
    plain: dict[str, Any] = {name: _restored(record[name]) for name in _PLAIN}
    return Plan(
        population=_restored_population(record["population"]),
        layout=Layout(axes["sizes"], columns),
        run=run,
        chunks=chunks_of(record),
        **plain,
    )


def chunks_of(record: Mapping[str, Any]) -> Chunks:
    """Return how a recorded sweep is cut into chunks."""
    return Chunks(tuple(record["axes"]["sizes"].values()), tuple(record["chunk"]))


def study_hash(record: Mapping[str, Any]) -> str:
    """Return what tells one study from another; how it is cut into chunks does not count."""
    study = {name: value for name, value in record.items() if name != "chunk"}
    return hashlib.sha256(json.dumps(study, sort_keys=True).encode()).hexdigest()


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say where two records differ, a line each."""
    flat_there, flat_here = _flat(there), _flat(here)
    names = [name for name in {**flat_there, **flat_here} if not name.startswith("chunk")]
    return [
        f"{name}: {_short(flat_there.get(name))} in the store, {_short(flat_here.get(name))} now"
        for name in names
        if flat_there.get(name) != flat_here.get(name)
    ]


def _population(population: Population) -> dict[str, Any]:
    return {
        "preset": population.preset,
        "sigma": population.sigma,
        "overrides": {name: _plain(value) for name, value in population.overrides.items()},
        "joint": _plain(population.joint),
        "model": _model(population.model),
    }


def _restored_population(record: Mapping[str, Any]) -> Population:
    model = record["model"]
    if "own" in model:
        raise _own(model["own"])
    chosen: dict[str, Any] = {"model": car_t(**model), "joint": _restored(record["joint"])}
    overrides = {name: _restored(value) for name, value in record["overrides"].items()}
    return Population(record["preset"], record["sigma"], **chosen, **overrides)


def _model(model: Model) -> dict[str, str]:
    named = dict(zip(LAW_KINDS, model.laws, strict=True))
    if all(laws(kind).get(law.name) is law for kind, law in named.items()):
        return {kind: law.name for kind, law in named.items()}
    return {"own": "; ".join(f"{law.name}: {law.formula}" for law in model.laws)}


def _plain(value: Any) -> Any:
    """Return a value as what JSON can hold."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return {"array": array.tolist()} if array.ndim else array.item()
    return _described(value)


def _described(value: Any) -> dict[str, Any]:
    """Return an object of this package as its fields, any other as its text."""
    name = type(value).__name__
    if isinstance(value, MultivariateNormal):
        centre = dict(zip(value.names, value.centre.tolist(), strict=True))
        return {"is": name, "centre": centre, "covariance": value.covariance.tolist(),
                "log": value.log}  # fmt: skip
    if is_dataclass(value) and _KNOWN.get(name) is type(value):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        return {"is": name, **{key: _plain(part) for key, part in given.items()}}
    told = repr(value)
    if " at 0x" in told:
        raise VcohortError(
            f"{told} cannot be told from another of its kind, so a store cannot know its study by "
            "it. Give its class a __repr__ with its values, or sweep without a store."
        )
    return {"own": told}


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_restored(each) for each in value)
    if not isinstance(value, dict):
        return value
    if "own" in value:
        raise _own(value["own"])
    if "array" in value:
        return np.asarray(value["array"])
    given = {name: part for name, part in value.items() if name != "is"}
    if value["is"] == MultivariateNormal.__name__:
        return MultivariateNormal(**given)
    return _KNOWN[value["is"]](**{name: _restored(part) for name, part in given.items()})


def _own(what: str) -> VcohortError:
    return VcohortError(
        f"This study holds something of your own: {what}. Its store cannot make it again. Call "
        "vc.sweep with the same arguments and the same store: it goes on where it was."
    )


def _flat(record: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(record, Mapping):
        return {prefix: record}
    return {
        path: value
        for name, part in record.items()
        for path, value in _flat(part, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    if len(text) <= 60:
        return text
    return f"{text[:50]} … ({len(value)} values)" if isinstance(value, list) else f"{text[:59]}…"
