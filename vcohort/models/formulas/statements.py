"""What the formula of a law says, statement by statement.

Statements stand between semicolons, each ``what: formula``; a law of one rate has no ``what``.

    N: ...            births less deaths of a compartment, per cell and day
    C -> M: ...       what goes from one compartment to another, per cell of the first and day;
                      of clones, the chance that a division of one gives one daughter of the other
    infused as M: ... which share of an infused product are cells of a compartment
    births of E: ...  divisions of a clone, per cell and day
    deaths of E: ...  deaths of a clone, per cell and day

Formulas read parameters and species by their names, and besides these: T, all T cells of the niche;
C_all, all CAR T cells; B_all, the tumour cells of all clones; r_C, the growth rate of CAR T cells
that the feedback gives; killing, the deaths of B; births_at(r), the births at the rate r.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vcohort.errors import VcohortError
from vcohort.models.formulas.parser import parse
from vcohort.models.formulas.tree import BIRTHS_AT, Call, Tree
from vcohort.models.law import Escape, Growth, Law, Memory

ALL_T, ALL_CAR, ALL_TUMOUR, CAR_RATE, KILLING = "T", "C_all", "B_all", "r_C", "killing"
SUMS = (ALL_T, ALL_CAR, ALL_TUMOUR)

MEANINGS = {
    ALL_T: "all T cells of the niche",
    ALL_CAR: "all CAR T cells",
    ALL_TUMOUR: "tumour cells of all clones",
    CAR_RATE: "growth rate of CAR T cells, by the feedback",
    KILLING: "deaths of B",
    BIRTHS_AT: "births per tumour cell by the tumour's law, at another rate than r_B",
}
"""What the names mean that formulas read beside parameters and species."""

_WHAT = (
    ("growth", re.compile(r"(\w+)")),
    ("passing", re.compile(r"(\w+) -> (\w+)")),
    ("infused", re.compile(r"infused as (\w+)")),
    ("birth", re.compile(r"births of (\w+)")),
    ("death", re.compile(r"deaths of (\w+)")),
)


@dataclass(frozen=True)
class Statements:
    """The formulas of one law: one alone, or by what they are of."""

    alone: Tree | None = None
    growth: dict[str, Tree] = field(default_factory=dict)
    passing: dict[tuple[str, str], Tree] = field(default_factory=dict)
    infused: dict[str, Tree] = field(default_factory=dict)
    birth: dict[str, Tree] = field(default_factory=dict)
    death: dict[str, Tree] = field(default_factory=dict)

    @property
    def trees(self) -> list[Tree]:
        """All formulas."""
        parts = (self.growth, self.birth, self.death, self.passing, self.infused)
        alone = [] if self.alone is None else [self.alone]
        return alone + [each for part in parts for each in part.values()]


def statements_of(kind: str, law: Law) -> Statements:
    """Return what a law's formula says.

    :raises VcohortError: for a formula that is prose, or does not say all that the law gives.
    """
    if _says_nothing(law):
        return Statements()
    try:
        found = _read(law)
        _check(kind, law, found)
    except VcohortError as error:
        raise VcohortError(
            f"The formula of the {kind} law {law.name!r} is no formula that can be written "
            f"elsewhere: {law.formula!r}. {error} Write it as docs/extend.md says; the law itself "
            "runs without it."
        ) from None
    return found


def _says_nothing(law: Law) -> bool:
    none_of_memory = isinstance(law, Memory) and not law.compartments
    return none_of_memory or (isinstance(law, Escape) and not law.clones)


def _read(law: Law) -> Statements:
    if not isinstance(law, Growth | Memory | Escape):
        return Statements(alone=parse(law.formula))
    found = Statements()
    for statement in law.formula.split(";"):
        what, colon, text = (part.strip() for part in statement.partition(":"))
        matches = [(kind, match) for kind, way in _WHAT if (match := way.fullmatch(what))]
        if not (colon and matches):
            raise VcohortError(f"{statement.strip()!r} does not begin by what it is of, such as N:")
        [(kind, match)] = matches
        into = getattr(found, kind)
        key: Any = match.groups() if kind == "passing" else match[1]
        if key in into:
            raise VcohortError(f"{what!r} is said twice.")
        into[key] = parse(text)
    return found


def _check(kind: str, law: Law, found: Statements) -> None:
    """Refuse a formula that leaves out a rate of its law, or has one of another law."""
    growth: tuple[str, ...] = ()
    clones: tuple[str, ...] = ()
    if isinstance(law, Growth):
        growth = ("N", "C")
    elif isinstance(law, Memory):
        growth = tuple(each.name for each in law.compartments)
    elif isinstance(law, Escape):
        clones = tuple(each.name for each in law.clones)
    _all_of("", found.growth, growth)
    _all_of("births of ", found.birth, clones)
    _all_of("deaths of ", found.death, clones)
    if found.passing and isinstance(law, Growth):
        raise VcohortError("No cells pass from one kind to another by a law of growth.")
    if found.infused and not isinstance(law, Memory):
        raise VcohortError("An infused product is told of by a memory law alone.")
    if kind != "escape" and any(map(_asks_births, found.trees)):
        raise VcohortError(f"{BIRTHS_AT} is for clones, in a law of escape.")


def _asks_births(tree: Tree) -> bool:
    return isinstance(tree, Call) and (
        tree.operation == BIRTHS_AT or any(map(_asks_births, tree.parts))
    )


def _all_of(what: str, given: Iterable[str], wanted: tuple[str, ...]) -> None:
    names = list(given)
    for name in wanted:
        if name not in names:
            raise VcohortError(f"It does not say '{what}{name}'.")
    for name in names:
        if name not in wanted:
            raise VcohortError(f"It says '{what}{name}', which the law does not give.")
