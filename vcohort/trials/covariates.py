"""Covariates: what tables say of a patient and not of a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.given import names_of
from vcohort.tables.cells import is_blank, number_of
from vcohort.tables.labels import label_of
from vcohort.tables.table import Table


class Source(NamedTuple):
    """A table, its columns that may be covariates, and whose each row is."""

    table: Table
    names: Sequence[str]
    labels: Sequence[str]

    def filled(self) -> list[str]:
        """Return the columns that are not blank throughout: those say nothing."""
        cells = self.table.columns
        return [name for name in self.names if not all(is_blank(cell) for cell in cells[name])]


class _Cell(NamedTuple):
    label: str
    cell: Any
    place: str
    sign: str


def covariates_of(
    sources: Iterable[Source], asked: Sequence[str] | None, patients: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return covariates (patient,) by name: numbers, NaN where missing, or texts, "" there.

    :param asked: which columns are wanted; None: all.
    :raises VcohortError: for an unknown name, and one that changes from row to row of a patient.
    """
    sources = list(sources)
    names = list(dict.fromkeys(name for each in sources for name in each.filled()))
    if asked is not None:
        known = [name for each in sources for name in each.names]
        names = _known(asked, known)
    return {name: _values(name, _cells(name, sources), patients) for name in names}


def _known(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    if isinstance(asked, str) or len(asked):
        for name in names_of("covariates", asked, "covariates=['AGE']"):
            if name not in known:
                raise unknown("covariate", name, known)
    return list(asked)


def _cells(name: str, sources: Iterable[Source]) -> list[_Cell]:
    """Return the cells of a column that are not blank, of all tables that have it."""
    return [
        _Cell(label, cell, place, each.table.sign)
        for each in sources
        if name in each.names
        for label, cell, place in zip(each.labels, each.table.columns[name], each.table.places,
                                      strict=True)
        if not is_blank(cell)
    ]  # fmt: skip


def _values(name: str, cells: Sequence[_Cell], patients: Sequence[str]) -> np.ndarray:
    """Return one covariate: numbers where all cells are."""
    read: list[float] | list[str]
    try:
        read = [number_of(each.cell, each.sign) for each in cells]
        missing: float | str = float("nan")
    except ValueError as error:
        if all(_is_number(each.cell) for each in cells):
            raise VcohortError(f"{name} holds {error}: write all numbers alike.") from None
        read, missing = [label_of(each.cell) for each in cells], ""
    seen: dict[str, float | str] = {}
    for each, value in zip(cells, read, strict=True):
        if seen.setdefault(each.label, value) != value:
            raise VcohortError(
                f"{name} = {each.cell} in {each.place}, and {seen[each.label]} of the same patient "
                f"{each.label} above: a covariate has one value a patient. Name those that are "
                "wanted, and others are not read: covariates=['AGE']; or none, covariates=[]."
            )
    return np.array([seen.get(label, missing) for label in patients])


def _is_number(cell: Any) -> bool:
    """Whether a cell is a number, be it with a decimal point or comma."""
    for sign in (".", ","):
        try:
            number_of(cell, sign)
        except ValueError:
            continue
        return True
    return False
