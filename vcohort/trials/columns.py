"""What the columns of a trial's table are: by the names that they have in the field's programs."""

from __future__ import annotations

from dataclasses import dataclass

from vcohort.errors import VcohortError
from vcohort.regimens.nonmem_rules import DAY_UNITS, DOSE_UNITS, READ_OF_DOSES
from vcohort.tables.days import TIMES
from vcohort.tables.table import Table

# Names of NONMEM, of Monolix, of long tables and of CDISC, in capitals.
_NAMES = {
    "patient": ("ID", "PATIENT", "SUBJECT", "SUBJID", "USUBJID"),
    "day": tuple(name.upper() for name in TIMES),
    "value": ("DV", "Y", "VALUE"),
    "observable": ("DVID", "OBSERVABLE", "YTYPE", "OBSID"),
    "error": ("ERROR",),
    "below": ("CENS", "BLQ", "BLOQ", "BQL", "BELOW"),
    "limit": ("LIMIT", "LLOQ", "LOQ"),
    "no value": ("MDV",),
    "event": ("EVID",),
    "dose": ("AMT",),
    "compartment": ("CMT", "ADM"),
    "unit": ("UNIT", "UNITS", "DVU", "DV_UNIT", "VALUE_UNIT"),
    "unit of days": DAY_UNITS,
    "unit of doses": DOSE_UNITS,
}

MEANT = frozenset((*(name for names in _NAMES.values() for name in names), *READ_OF_DOSES, "DOSE"))
"""Names, in capitals, of columns that are no covariates."""


@dataclass(frozen=True)
class Columns:
    """Names of columns by what they are; ``others``: all that are none of these."""

    found: dict[str, str]
    others: tuple[str, ...]

    def __contains__(self, role: str) -> bool:
        return role in self.found

    def __getitem__(self, role: str) -> str:
        return self.found[role]


def columns_of(table: Table) -> Columns:
    """Return what the columns of a table are.

    :raises VcohortError: for two columns that are the same thing.
    """
    roles = {name: role for role, names in _NAMES.items() for name in names}
    found: dict[str, str] = {}
    others: list[str] = []
    for name in table.columns:
        role = roles.get(name.upper())
        if role is None:
            others.append(name)
        elif role in found and role != "compartment":
            raise VcohortError(
                f"Two columns, {found[role]} and {name}, are of the {role}: which of them is meant "
                "is not plain. Keep one, or rename the other."
            )
        else:
            found.setdefault(role, name)
    if "dose" in found:
        others = [name for name in others if name.upper() not in READ_OF_DOSES]
    return Columns(found, tuple(others))


def days_of(table: Table, columns: Columns) -> tuple[str, ...]:
    """Return the column of days and the unit that its name tells, if it does."""
    name = columns["day"]
    return (name,) if name.upper() == "TIME" else (name, TIMES[name.lower()])


def as_nonmem(table: Table, columns: Columns) -> Table:
    """Return the table with names as NONMEM has them."""
    own = {columns[role]: name for role, name in (("patient", "ID"), ("day", "TIME"))
           if role in columns}  # fmt: skip
    return table.named(lambda name: own.get(name, name.upper()))
