"""What a trial's codes and columns measure, as the user says it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from vcohort.errors import VcohortError
from vcohort.given import is_list
from vcohort.measurements.observables import OBSERVABLES, Observable, find_observables
from vcohort.tables.labels import label_of
from vcohort.tables.table import Table
from vcohort.trials.columns import Columns

Observables: TypeAlias = Any
"""One observable; or by code or column what each measures, None for what is left out."""

_EXAMPLE = "'C_per_ul', or by code or column, {1: 'C_per_ul', 2: 'B_ml', 3: None}"


class Naming(NamedTuple):
    """What ``single`` measurements are, where no code tells; else what each code means."""

    single: Observable | None
    codes: Mapping[str, Observable | None]

    def only(self, column: str) -> Observable:
        """Return what a column measures, whose rows no code tells apart."""
        named = self.codes.get(column, self.single)
        if named is None:
            raise VcohortError(
                f"What {column} measures is not told. Say it: observables='C_per_ul', one of "
                f"{', '.join(OBSERVABLES)}, or a vc.Observable."
            )
        return named

    def of(self, cell: Any, column: str, place: str) -> Observable | None:
        """Return what a code means."""
        try:
            code = cell.name if isinstance(cell, Observable) else label_of(cell)
        except ValueError as error:
            raise VcohortError(
                f"In the data, column {column} holds {error}, in {place}: it must say what was "
                "measured, in every row that measures something."
            ) from None
        if code in self.codes:
            return self.codes[code]
        if code in OBSERVABLES or isinstance(cell, Observable):
            return find_observables([cell])[0]
        raise VcohortError(
            f"{column} = {code} in {place}: what it measures is not told. Say it: "
            f"observables={{{code!r}: 'C_per_ul'}}, one of {', '.join(OBSERVABLES)}, a "
            "vc.Observable, or None to leave it out."
        )

    def of_column(self, name: str) -> Observable | None:
        """Return what a column measures by its name; None where it is no measurement."""
        known = {each.casefold(): kind for each, kind in OBSERVABLES.items()}
        return self.codes.get(name, known.get(name.casefold()))

    def leaves_out(self, name: str) -> bool:
        """Whether the user has said that a column is left out."""
        return name in self.codes and self.codes[name] is None


def refuse_unused_codes(naming: Naming, table: Table, columns: Columns) -> None:
    """Refuse codes that neither the column of codes holds, nor any column is called.

    What stands for itself, an :class:`Observable` by its name, need not occur.
    """
    roles = [columns[each] for each in ("observable", "compartment") if each in columns]
    held = {code for name in roles for code in _codes(table.columns[name])}
    for code, kind in naming.codes.items():
        if code not in held and code not in table.columns and (kind is None or kind.name != code):
            there = f"{' and '.join(roles)}: {', '.join(sorted(held))}" if roles else (
                f"the columns are {', '.join(table.columns)}"
            )  # fmt: skip
            raise VcohortError(f"observables names {code!r}, which is not in the data. {there}.")


def _codes(cells: Iterable[Any]) -> Iterator[str]:
    """Yield the labels of cells that hold one."""
    for cell in cells:
        with suppress(ValueError):
            yield cell.name if isinstance(cell, Observable) else label_of(cell)


def naming_of(observables: Observables) -> Naming:
    """Return what the user says of codes and columns, checked.

    :raises VcohortError: for unknown observables, and what is no code.
    """
    if observables is None:
        return Naming(None, {})
    if isinstance(observables, str | Observable):
        return Naming(find_observables([observables])[0], {})
    if is_list(observables) and all(isinstance(each, Observable) for each in observables):
        return Naming(None, {each.name: each for each in observables})
    if not isinstance(observables, Mapping):
        raise VcohortError(
            f"observables = {reprlib.repr(observables)} does not say what was measured. Try "
            f"{_EXAMPLE}."
        )
    codes: dict[str, Observable | None] = {}
    for code, kind in observables.items():
        try:
            label = label_of(code)
        except ValueError as error:
            raise VcohortError(f"observables names a code that is {error}: {_EXAMPLE}.") from None
        codes[label] = None if kind is None else find_observables([kind])[0]
    return Naming(None, codes)
