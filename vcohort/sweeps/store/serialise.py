"""A sweep as text, and back: what a store keeps to know its study by.

What has an order is a list: JSON may sort the keys of a mapping, and files of studies are sorted.
Two orders of the axes are two studies, since the dataset's dimensions follow it; two orders of the
overrides are one, since the model's order decides which patient gets which number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vcohort.populations.population import Population
from vcohort.records import plain, restored
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.run import Run
from vcohort.sweeps.design.chunks import Chunks
from vcohort.sweeps.design.layout import Layout
from vcohort.sweeps.design.plan import Plan

SCHEMA_VERSION = 2

_PLAIN = ("patients", "design", "independent", "days", "until", "quantiles", "keep_patients")


class Strict(BaseModel):
    """What was written with these types and keys, and no others."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


# A name is that of a folder in the store.
Name = Annotated[str, Field(pattern=r"^[^/\\.][^/\\]*$", max_length=200)]
_Count = Annotated[int, Field(ge=1, lt=1 << 62)]
_Number = Annotated[float, Field(allow_inf_nan=False)]


class _Axis(Strict):
    name: Name
    over: Name
    values: Annotated[list[_Number], Field(min_length=1)]


class _Record(Strict):
    """The types of a record; whether it is a possible study is for ``from_record`` to say."""

    schema_version: int
    population: dict[str, Any]
    axes: Annotated[list[_Axis], Field(min_length=1)]
    run: dict[str, Any]
    regimen: list[Any]
    endpoints: list[Any]
    patients: _Count
    design: str
    independent: bool
    days: list[_Number]
    until: _Number
    quantiles: list[_Number]
    keep_patients: bool
    chunk: list[_Count]


def to_record(plan: Plan) -> dict[str, Any]:
    """Return the plan as what JSON can hold."""
    return {
        "schema_version": SCHEMA_VERSION,
        "population": plan.population.to_record(),
        "axes": [
            {"name": name, "over": over, "values": values.tolist()}
            for name, (over, values) in plan.layout.columns.items()
        ],
        "run": plan.run.plain(),
        "regimen": plan.run.regimen.to_record(),
        "endpoints": [plain(each) for each in plan.run.all_endpoints],
        **{name: plain(getattr(plan, name)) for name in _PLAIN},
        "chunk": list(plan.chunks.part),
    }


def from_record(record: Mapping[str, Any]) -> Plan:
    """Return the plan that a record tells of."""
    run = Run(
        **record["run"],
        endpoints=tuple(restored(each) for each in record["endpoints"]),
        regimen=Regimen.from_record(record["regimen"]),
    )
    rest: dict[str, Any] = {name: restored(record[name]) for name in _PLAIN}
    return Plan(
        population=Population.from_record(record["population"]),
        layout=layout_of(record),
        run=run,
        chunks=chunks_of(record),
        **rest,
    )


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose parts fit together."""
    axes, chunk = _Record.model_validate(record).axes, record["chunk"]
    sizes = {axis.over: len(axis.values) for axis in axes}
    if any(len(axis.values) != sizes[axis.over] for axis in axes):
        raise ValueError("axes that move together must have one length")
    if len({axis.name for axis in axes}) < len(axes):
        raise ValueError("an axis is there twice")
    if len(chunk) != len(sizes) or any(np.greater(chunk, list(sizes.values()))):
        raise ValueError("its chunks do not fit its axes")
    return record


def layout_of(record: Mapping[str, Any]) -> Layout:
    """Return the cells of a recorded sweep."""
    columns = {
        axis["name"]: (axis["over"], np.asarray(axis["values"], np.float64))
        for axis in record["axes"]
    }
    return Layout({over: values.size for over, values in columns.values()}, columns)


def chunks_of(record: Mapping[str, Any]) -> Chunks:
    """Return how a recorded sweep is cut into chunks."""
    return Chunks(layout_of(record).shape, tuple(record["chunk"]))


def study_hash(record: Mapping[str, Any]) -> str:
    """Return what tells one study from another; how it is cut into chunks does not count."""
    study = {name: value for name, value in record.items() if name != "chunk"}
    return hashlib.sha256(json.dumps(study, sort_keys=True).encode()).hexdigest()


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Say where two records differ, a line each."""
    flat_there, flat_here = _flat(_by_name(there)), _flat(_by_name(here))
    names = [name for name in {**flat_there, **flat_here} if not name.startswith("chunk")]
    return [
        f"{name}: {_short(flat_there.get(name))} in the store, {_short(flat_here.get(name))} now"
        for name in names
        if flat_there.get(name) != flat_here.get(name)
    ]


def _by_name(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its axes by name, and their order beside them."""
    axes = {each["name"]: {"over": each["over"], "values": each["values"]}
            for each in record["axes"]}  # fmt: skip
    return {**record, "axes": axes, "order of axes": list(axes)}


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
