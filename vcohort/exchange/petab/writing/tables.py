"""Tables as text: parted by tabs, a row a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from vcohort.errors import VcohortError
from vcohort.exchange.petab.content import Content, Parameter


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        for cell in row:
            if set(cell) & {"\n", "\r", "\0"}:
                raise VcohortError(f"{cell!r} goes over several lines, which no table holds.")
        writer.writerow(row)
    return text.getvalue()


def by_name(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return a table as text, of rows by name: who has no column has nothing there."""
    return table(columns, ([row.get(name, "") for name in columns] for row in rows))


def about(parameter: Parameter) -> dict[str, str]:
    """Return what both versions say of a parameter in the same columns."""
    row = {"parameterId": parameter.name, "nominalValue": repr(parameter.value)}
    if parameter.bounds is not None:
        low, high = parameter.bounds
        row |= {"lowerBound": repr(low), "upperBound": repr(high)}
    return row


def measurements(content: Content, patient: str) -> str:
    """Return the table of measurements; ``patient``: the column that says whose each is."""
    columns = ("observableId", patient, "measurement", "time", "noiseParameters")
    rows = (
        (each.observable, each.patient, repr(each.value), repr(each.day), ";".join(each.instead))
        for each in content.measurements
    )
    return table(columns, rows)
