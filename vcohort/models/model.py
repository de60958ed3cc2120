"""A model is a composition of laws, in rates per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from vcohort.arrays import Number
from vcohort.errors import VcohortError, unknown
from vcohort.models.escape.none import LAW as NO_ESCAPE
from vcohort.models.fingerprint import fingerprint
from vcohort.models.inspection import inspect
from vcohort.models.law import (
    Escape,
    Feedback,
    Growth,
    Killing,
    Law,
    Memory,
    Proliferation,
    Values,
    find_law,
    laws,
)
from vcohort.models.memory.none import LAW as NO_MEMORY
from vcohort.models.param import Param
from vcohort.models.shared import INITIAL
from vcohort.models.species import EFFECTORS, NORMAL, Cells, Species
from vcohort.records import own, recordable

LAW_KINDS = ("growth", "feedback", "killing", "proliferation", "memory", "escape")

# What a model is without, if nothing is said.
_LEFT_OUT = {"memory": NO_MEMORY, "escape": NO_ESCAPE}


class Rates(NamedTuple):
    """Rates per cell and day of one patient, by species.

    ``growth``: births less deaths of compartments. ``transfer``: from one compartment to another,
    per cell of the first, by (first, second). ``birth``, ``death``: of the tumour's clones.
    ``mutation``: the chance that a division of one clone gives one daughter of another.
    """

    growth: Mapping[str, Number]
    transfer: Mapping[tuple[str, str], Number]
    birth: Mapping[str, Number]
    death: Mapping[str, Number]
    mutation: Mapping[tuple[str, str], Number]


@recordable
@dataclass(frozen=True)
class Model:
    """Normal T cells, CAR T cells and tumour, and what else there is: one law of each kind.

    Build one with :func:`car_t`. A model is immutable and hashable; compiled code
    is cached by it.

    :raises VcohortError: for two different parameters of one name, and for laws that do not fit
        together (``inspection``): one that reads what no law owns, that names unknown species.
    """

    growth: Growth
    feedback: Feedback
    killing: Killing
    proliferation: Proliferation
    memory: Memory = NO_MEMORY
    escape: Escape = NO_ESCAPE

    def __post_init__(self) -> None:
        owned: dict[str, Param] = {}
        for param in (param for law in self.laws for param in law.parameters):
            if owned.setdefault(param.name, param) != self.parameters[param.name]:
                raise VcohortError(
                    f"Model {self.name!r} has two different parameters of the name {param.name!r}. "
                    "Rename one, or let both laws own the same Param."
                )
        if not self.is_built_in:
            inspect(self)

    @property
    def is_built_in(self) -> bool:
        """Whether all its laws are of this package, and so fit together."""
        return all(laws(kind).get(law.name) == law for kind, law in self.composition.items())

    @property
    def laws(self) -> tuple[Law, ...]:
        """The laws, one of each kind."""
        return tuple(getattr(self, kind) for kind in LAW_KINDS)

    @property
    def composition(self) -> dict[str, Law]:
        """The laws by kind, but for what the model is without."""
        pairs = zip(LAW_KINDS, self.laws, strict=True)
        return {kind: law for kind, law in pairs if law != _LEFT_OUT.get(kind)}

    @property
    def species(self) -> Species:
        """What is followed of a patient."""
        more = self.memory.compartments
        effectors = EFFECTORS
        if any(each.car for each in more):
            effectors = replace(EFFECTORS, description="effector CAR T cells")
        return Species((NORMAL, effectors, *more), (self.escape.first, *self.escape.clones))

    @property
    def parameters(self) -> dict[str, Param]:
        """All parameters by name: those of the laws, in their order, then the first cells."""
        owned = {param.name: param for law in self.laws for param in law.parameters}
        counts, initial = owned | {param.name: param for param in INITIAL}, self.initial
        rest = {name: param for name, param in owned.items() if name not in initial}
        return rest | {name: counts[name] for name in initial if name in counts}

    @property
    def initial(self) -> tuple[str, ...]:
        """The parameters that count a patient's first cells, of all species but fed ones."""
        species = self.species
        return tuple(f"{name}0" for name in (*species.grown, *species.tumour))

    @property
    def name(self) -> str:
        """The names of the laws, as text, without what is left out."""
        pairs = self.composition.items()
        return "+".join(f"{law.name} {kind}" if kind in _LEFT_OUT else law.name
                        for kind, law in pairs)  # fmt: skip

    @property
    def tumour_is_linear(self) -> bool:
        """Whether no rate depends on the tumour, so that its law has a closed form."""
        return not inspect(self)

    @property
    def has_one_clone(self) -> bool:
        """Whether all tumour cells are alike."""
        return len(self.species.clones) == 1

    def param(self, name: str) -> Param:
        """Return a parameter by name."""
        known = self.parameters
        if name not in known:
            raise unknown("parameter", name, known)
        return known[name]

    def to_plain(self) -> dict[str, str]:
        """Return the names of its laws, or their formulas where one is the user's own.

        What such a law computes is then told too: another function may have the same formula.
        """
        named = self.composition
        if self.is_built_in:
            return {kind: law.name for kind, law in named.items()}
        told = "; ".join(f"{law.name}: {law.formula}" for law in named.values())
        return {"own": told, "class": "a law", "computes": fingerprint(self)}

    @classmethod
    def from_plain(cls, record: Mapping[str, str]) -> Model:
        """Return the model that :meth:`to_plain` was asked of."""
        if "own" in record:
            raise own(record)
        return car_t(**record)

    def rates(self, values: Values, cells: Cells) -> Rates:
        """Return the rates per cell of one patient (paper, eqs. 2.1 to 2.3 over the state)."""
        normal, car = self.growth.rates(values, cells, self.feedback.rate(values, cells))
        flows = self.memory.flows(values, cells)
        killing = self.killing.rate(values, cells)

        def births_at(rate: Number) -> Number:
            return self.proliferation.rate({**values, "r_B": rate}, cells)

        more = self.escape.rates(values, cells, births_at, killing)
        return Rates(
            _joined("growth rates", {"N": normal, "C": car}, flows.growth),
            dict(flows.transfer),
            _joined("birth rates", {"B": self.proliferation.rate(values, cells)}, more.birth),
            _joined("death rates", {"B": killing}, more.death),
            dict(more.mutation),
        )

    def relaxation(self, values: Values, cells: Cells) -> dict[str, Number]:
        """Return how fast the log of each grown compartment returns to its capacity, per day."""
        rate = self.feedback.rate(values, cells)
        normal, car = self.growth.relaxation(values, cells, rate)
        more = self.memory.relaxation(values, cells)
        return _joined("relaxation", {"N": normal, "C": car}, more)

    def infused(self, values: Values) -> dict[str, Number]:
        """Return which share of an infused product each compartment is; effectors are the rest."""
        return dict(self.memory.infused(values))


def _joined(what: str, known: dict[str, Number], more: Mapping[str, Number]) -> dict[str, Number]:
    """Return what two laws say of their species, each of its own."""
    for name in more:
        if name in known:
            raise VcohortError(
                f"The {what} of {name!r} are given twice: another law of the model says them. "
                "Leave them out."
            )
    return {**known, **more}


def car_t(
    growth: str | Growth = "gompertz",
    feedback: str | Feedback = "T",
    killing: str | Killing = "saturating",
    proliferation: str | Proliferation = "exponential",
    memory: str | Memory = "none",
    escape: str | Escape = "none",
) -> Model:
    """Compose a model of CAR T cell therapy from laws, each by its name or as a law.

    The default is the model of Kimmel, Locke & Altrock 2021, eqs. 2.1 to 2.3.
    """
    return Model(
        cast("Growth", find_law("growth", growth)),
        cast("Feedback", find_law("feedback", feedback)),
        cast("Killing", find_law("killing", killing)),
        cast("Proliferation", find_law("proliferation", proliferation)),
        cast("Memory", find_law("memory", memory)),
        cast("Escape", find_law("escape", escape)),
    )


def known_parameters() -> dict[str, Param]:
    """Return the parameters of all laws that the package has, by name."""
    owned = [param for kind in LAW_KINDS for law in laws(kind).values() for param in law.parameters]
    return {param.name: param for param in (*INITIAL, *owned)}
