"""What both versions of PEtab say in the same columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from vcohort.errors import VcohortError
from vcohort.exchange.petab.content import Content, Measurement
from vcohort.exchange.petab.reading.rows import Row

OF_PICTURES = ("datasetId", "replicateId")
"""Columns of measurements that are for pictures alone."""


class Files(NamedTuple):
    """A problem as it was read: where its model is, and what its tables say."""

    model: Path
    content: Content


def one_model(what: str, paths: list[Any]) -> Any:
    """Return the only model."""
    if len(paths) != 1:
        raise VcohortError(
            f"The problem has {len(paths)} models in {what}, and one is read: fit them apart."
        )
    return paths[0]


def not_extended(given: Any) -> None:
    """Refuse extensions, which may change what a problem means."""
    if given:
        raise VcohortError(f"The problem has extensions that are not known here: {given!r}.")


def check_observable(row: Row) -> None:
    """Refuse parameters of observables that each measurement has of its own."""
    for column in ("observableFormula", "noiseFormula"):
        if "observableParameter" in row.needed(column):
            raise VcohortError(
                f"In {row.place}, {column} has observableParameters: an observable that is another "
                "for each measurement is not known here. Make it several observables."
            )


def measurement_of(row: Row, patient: str) -> Measurement:
    """Return a measurement of a patient."""
    row.refuse("observableParameters", "observables have no parameters of measurements here")
    if row.text("time") in {"inf", "Inf", "INF"}:
        raise VcohortError(f"In {row.place}, time is inf: there is no steady state here.")
    instead = tuple(part.strip() for part in row.text("noiseParameters").split(";"))
    return Measurement(
        row.needed("observableId"), patient, row.number("time"), row.number("measurement"),
        instead if row.text("noiseParameters") else (),
    )  # fmt: skip


def bounds_of(row: Row) -> tuple[float, float]:
    """Return the bounds of an estimated parameter."""
    low, high = row.number("lowerBound"), row.number("upperBound")
    if not 0.0 <= low < high:
        raise VcohortError(
            f"In {row.place}, the bounds are {low:g} and {high:g}: they must be at least 0, the "
            "smaller one first."
        )
    return low, high


def first_value(row: Row, bounds: tuple[float, float] | None) -> float:
    """Return the nominal value; of an estimated parameter without one, the middle of its logs."""
    if bounds is not None and not row.text("nominalValue"):
        return math.sqrt(bounds[0]) * math.sqrt(bounds[1])
    return row.number("nominalValue")


def check_measured(content: Content) -> None:
    """Refuse measurements of unknown observables and patients, and a problem without any."""
    observables = {each.name for each in content.observables}
    patients = {each.name for each in content.patients}
    if not content.measurements:
        raise VcohortError("The problem has no measurements.")
    for each in content.measurements:
        for what, name, known in (
            ("observable", each.observable, observables),
            ("condition or experiment", each.patient, patients),
        ):
            if name not in known:
                raise VcohortError(
                    f"A measurement is of the {what} {name!r}, which its table does not have. "
                    f"Known: {', '.join(sorted(known)) or 'none'}."
                )
