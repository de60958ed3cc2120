"""The kinds of law that a model is made of.

A law is a rate as a function of the cells, and the parameters that it owns. Each
law is one file in the folder of its kind; the file's ``LAW`` is found by name.
"""

from __future__ import annotations

import importlib
import pkgutil
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeAlias

from vcohort.arrays import Number
from vcohort.errors import VcohortError, one_of, refuse_other
from vcohort.given import is_list
from vcohort.models.param import Param
from vcohort.models.species import TUMOUR, Cells, Clone, Compartment

Values: TypeAlias = Mapping[str, Number]
"""Parameter values of one patient, by name."""


@dataclass(frozen=True)
class Law:
    """What every law has: a name, a formula, the parameters it owns."""

    name: str
    formula: str
    parameters: tuple[Param, ...]

    def __post_init__(self) -> None:
        _hold_each(self, "parameters", Param)


def _hold_each(law: Law, field: str, kind: type) -> None:
    """Keep a field as a tuple; refuse what is no list of a kind."""
    given: Any = getattr(law, field)
    if not (is_list(given) and all(isinstance(each, kind) for each in given)):
        raise VcohortError(
            f"{field} = {reprlib.repr(given)} of the law {law.name!r} is impossible: give a tuple "
            f"of vcohort.models.{kind.__name__}."
        )
    object.__setattr__(law, field, tuple(given))


@dataclass(frozen=True)
class Growth(Law):
    """How fast N and C grow per cell, given the CAR T growth rate r_C.

    ``rates(values, cells, car_rate)`` returns d ln N/dt and d ln C/dt.
    ``relaxation``, of the same arguments, returns how fast each returns to its capacity:
    -d(rate of N)/d ln N and the same of C, which the integrator solves exactly.
    """

    rates: Callable[[Values, Cells, Number], tuple[Number, Number]]
    relaxation: Callable[[Values, Cells, Number], tuple[Number, Number]]


@dataclass(frozen=True)
class Feedback(Law):
    """The CAR T growth rate r_C, per day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Number]


@dataclass(frozen=True)
class Killing(Law):
    """Death of tumour cells, per cell and day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Number]


@dataclass(frozen=True)
class Proliferation(Law):
    """Birth of tumour cells, per cell and day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Number]


class Flows(NamedTuple):
    """What befalls compartments beside N and C, per cell and day.

    ``growth``: births less deaths, by compartment. ``transfer``: from one compartment to another,
    per cell of the first, by (first, second).
    """

    growth: Mapping[str, Number]
    transfer: Mapping[tuple[str, str], Number]


def _no_flows(values: Values, cells: Cells) -> Flows:
    return Flows({}, {})


def _nothing(values: Values, *cells: Cells) -> Mapping[str, Number]:
    return {}


@dataclass(frozen=True)
class Memory(Law):
    """Compartments beside N and C, and what befalls them.

    ``infused``: which share of an infused product each is. One that grows by itself begins with the
    cells of a parameter, ``A0`` for ``A``; ``relaxation`` says how fast its log returns to its
    capacity, per day.
    """

    compartments: tuple[Compartment, ...] = ()
    flows: Callable[[Values, Cells], Flows] = _no_flows
    infused: Callable[[Values], Mapping[str, Number]] = _nothing
    relaxation: Callable[[Values, Cells], Mapping[str, Number]] = _nothing

    def __post_init__(self) -> None:
        super().__post_init__()
        _hold_each(self, "compartments", Compartment)


class CloneRates(NamedTuple):
    """What befalls tumour cells of other clones, per cell and day, by clone.

    ``birth``: divisions. ``mutation``: the chance that a division of one clone gives one daughter
    of another, by (first, second).
    """

    birth: Mapping[str, Number]
    death: Mapping[str, Number]
    mutation: Mapping[tuple[str, str], Number]


def _no_clones(
    values: Values, cells: Cells, births_at: Callable[[Number], Number], killing: Number
) -> CloneRates:
    return CloneRates({}, {}, {})


@dataclass(frozen=True)
class Escape(Law):
    """Clones of the tumour beside B, each after those that it springs from.

    ``rates(values, cells, births_at, killing)``: ``births_at(r)`` are the divisions per cell of a
    clone that grows by the tumour's law at the rate r, ``killing`` the deaths per cell of B. A
    clone ``E`` begins with the cells of its parameter ``E0``, of which there may be none.
    ``first`` is B, described as what the others are not.
    """

    clones: tuple[Clone, ...] = ()
    rates: Callable[[Values, Cells, Callable[[Number], Number], Number], CloneRates] = _no_clones
    first: Clone = TUMOUR

    def __post_init__(self) -> None:
        super().__post_init__()
        _hold_each(self, "clones", Clone)
        refuse_other("first", self.first, Clone, "vcohort.models.Clone('B', 'tumour cells')")


_KINDS = {
    "growth": Growth, "feedback": Feedback, "killing": Killing, "proliferation": Proliferation,
    "memory": Memory, "escape": Escape,
}  # fmt: skip


@cache
def laws(kind: str) -> dict[str, Law]:
    """Return the laws of one kind by name: every file of the folder ``kind`` holds one.

    ``kind`` is ``"growth"``, ``"feedback"``, ``"killing"``, ``"proliferation"``, ``"memory"`` or
    ``"escape"``.
    """
    package = importlib.import_module(f"vcohort.models.{kind}")
    modules = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found = [importlib.import_module(f"{package.__name__}.{module}").LAW for module in modules]
    return {law.name: law for law in found}


def find_law(kind: str, law: str | Law) -> Law:
    """Return a law by its name; a law passes through."""
    if isinstance(law, Law):
        refuse_other(kind, law, _KINDS[kind], f"one of vc.laws({kind!r})")
        return law
    known = laws(kind)
    return known[one_of(f"{kind} law", law, known)]
