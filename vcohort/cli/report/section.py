"""A part of a page: all that is said of one dataset, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vcohort.cli.report.again import Recipe, recipes_of
from vcohort.cli.report.assumptions import accuracy_of, assumptions_of
from vcohort.cli.report.parameters import COLUMNS, parameter_rows
from vcohort.cli.report.provenance import provenance_of
from vcohort.cli.report.questions import question_of
from vcohort.results.kinds import kind_of


class Table(NamedTuple):
    """A table of texts: its title, a sentence, headings, rows; ``is_numeric``: aligned so."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_numeric: bool = True


class Section(NamedTuple):
    """What a page says of one dataset; what is empty is left out of the page."""

    title: str
    anchor: str
    what: str
    question: str
    asked: Mapping[str, str]
    notes: Sequence[str]
    findings: Sequence[str]
    pictures: Sequence[Mapping[str, str]]
    tables: Sequence[Table]
    parameters: Sequence[Sequence[str]]
    parameter_columns: Sequence[str]
    assumptions: Sequence[str]
    accuracy: Sequence[str]
    recipes: Sequence[Recipe]
    provenance: Mapping[str, str]


def section_of(
    ds: Any, source: Path | None, *, title: str, what: str, asked: Mapping[str, str],
    findings: Sequence[str], pictures: Sequence[Mapping[str, str]], tables: Sequence[Table],
    notes: Sequence[str] = (), anchor: str = "result",
) -> Section:  # fmt: skip
    """Return a section: what is particular to a kind is given, the rest is read off the dataset."""
    return Section(
        title, anchor, what, question_of(kind_of(ds), ds), asked, notes, findings, pictures, tables,
        parameter_rows(ds), COLUMNS,
        list(assumptions_of(ds)), list(accuracy_of(ds)),
        recipes_of(ds, source.name if source else "it.nc"), provenance_of(ds, source),
    )  # fmt: skip
