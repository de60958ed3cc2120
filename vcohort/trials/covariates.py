"""Covariates: what tables say of a patient and not of a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError, unknown
from vcohort.given import names_of
from vcohort.tables.cells import is_blank
from vcohort.tables.table import Table
from vcohort.tables.values import values_of


class Source(NamedTuple):
    """A table, its columns that may be covariates, and whose each row is."""

    table: Table
    names: Sequence[str]
    labels: Sequence[str]

    def filled(self) -> list[str]:
        """Return the columns that are not blank throughout: those say nothing."""
        cells = self.table.columns
        return [name for name in self.names if not all(is_blank(cell) for cell in cells[name])]


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
    return {name: _values(name, sources, patients) for name in names}


def _known(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    if isinstance(asked, str) or len(asked):
        for name in names_of("covariates", asked, "covariates=['AGE']"):
            if name not in known:
                raise unknown("covariate", name, known)
    return list(asked)


def _values(name: str, sources: Iterable[Source], patients: Sequence[str]) -> np.ndarray:
    """Return one covariate, of all tables that have it: numbers where all cells are."""
    cells = [
        (label, cell, place, each.table.sign)
        for each in sources
        if name in each.names
        for label, cell, place in zip(each.labels, each.table.columns[name], each.table.places,
                                      strict=True)
        if not is_blank(cell)
    ]  # fmt: skip
    labels, own, places, signs = zip(*cells, strict=True) if cells else ((), (), (), (".",))
    read = values_of(name, own, places, signs[0])
    seen: dict[str, float | str] = {}
    for label, cell, place, value in zip(labels, own, places, read, strict=True):
        if seen.setdefault(label, value) != value:
            raise VcohortError(
                f"{name} = {cell} in {place}, and {seen[label]} of the same patient {label} above: "
                "a covariate has one value a patient. Name those that are wanted, and others are "
                "not read: covariates=['AGE']; or none, covariates=[]."
            )
    missing = "" if read and isinstance(read[0], str) else float("nan")
    return np.array([seen.get(label, missing) for label in patients])
