"""A model is a composition of four laws, in rates per cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, cast

from vcohort.errors import VcohortError, did_you_mean, unknown
from vcohort.late import Array, jax, jnp
from vcohort.models.law import (
    Cells,
    Feedback,
    Growth,
    Killing,
    Law,
    Proliferation,
    Values,
    find_law,
    laws,
)
from vcohort.models.param import Param
from vcohort.models.shared import INITIAL
from vcohort.records import own, recordable

LAW_KINDS = ("growth", "feedback", "killing", "proliferation")


class Rates(NamedTuple):
    """Rates per cell and day of one patient."""

    normal: Array
    car: Array
    birth: Array
    death: Array


@recordable
@dataclass(frozen=True)
class Model:
    """Normal T cells, CAR T cells and tumour: one law of each kind.

    Build one with :func:`car_t`. A model is immutable and hashable; compiled code
    is cached by it.

    :raises VcohortError: for two different parameters of one name, and for a law that reads a
        parameter that no law owns.
    """

    growth: Growth
    feedback: Feedback
    killing: Killing
    proliferation: Proliferation

    def __post_init__(self) -> None:
        owned: dict[str, Param] = {}
        for param in (param for law in self.laws for param in law.parameters):
            if owned.setdefault(param.name, param) != self.parameters[param.name]:
                raise VcohortError(
                    f"Model {self.name!r} has two different parameters of the name {param.name!r}. "
                    "Rename one, or let both laws own the same Param."
                )
        if not self._is_built_in:
            _reads_tumour(self)

    @property
    def _is_built_in(self) -> bool:
        """Whether all its laws are of this package, and so own what they read."""
        named = zip(LAW_KINDS, self.laws, strict=True)
        return all(laws(kind).get(law.name) is law for kind, law in named)

    @property
    def laws(self) -> tuple[Law, ...]:
        """The four laws."""
        return (self.growth, self.feedback, self.killing, self.proliferation)

    @property
    def parameters(self) -> dict[str, Param]:
        """All parameters by name: those of the laws, in their order, then N0, C0, B0."""
        owned = {param.name: param for law in self.laws for param in law.parameters}
        return owned | {param.name: param for param in INITIAL}

    @property
    def name(self) -> str:
        """The names of the laws, as text."""
        return "+".join(law.name for law in self.laws)

    @property
    def tumour_is_linear(self) -> bool:
        """Whether no rate depends on the tumour, so that its law has a closed form."""
        return not _reads_tumour(self)

    def param(self, name: str) -> Param:
        """Return a parameter by name."""
        known = self.parameters
        if name not in known:
            raise unknown("parameter", name, known)
        return known[name]

    def to_plain(self) -> dict[str, str]:
        """Return the names of its laws, or their formulas where one is the user's own."""
        if self._is_built_in:
            return {kind: law.name for kind, law in zip(LAW_KINDS, self.laws, strict=True)}
        told = "; ".join(f"{law.name}: {law.formula}" for law in self.laws)
        return {"own": told, "class": "a law"}

    @classmethod
    def from_plain(cls, record: Mapping[str, str]) -> Model:
        """Return the model that :meth:`to_plain` was asked of."""
        if "own" in record:
            raise own(record)
        return car_t(**record)

    def rates(self, values: Values, cells: Cells) -> Rates:
        """Return the rates per cell of one patient (paper, eqs. 2.1 to 2.3 over the state)."""
        normal, car = self.growth.rates(values, cells, self.feedback.rate(values, cells))
        birth = self.proliferation.rate(values, cells)
        return Rates(normal, car, birth, self.killing.rate(values, cells))

    def relaxation(self, values: Values, cells: Cells) -> tuple[Array, Array]:
        """Return how fast ln N and ln C return to their capacities, per day."""
        return self.growth.relaxation(values, cells, self.feedback.rate(values, cells))


@cache
def _reads_tumour(model: Model) -> bool:
    """Whether a rate depends on the tumour: told from the program that the laws make."""
    from vcohort.tracing import dependent  # noqa: PLC0415 - this imports JAX

    def everything(values: Values, *logs: Array) -> object:
        cells = Cells(*logs)
        return model.rates(values, cells), model.relaxation(values, cells)

    number = jax.ShapeDtypeStruct((), jnp.float32)
    values = dict.fromkeys(model.parameters, number)
    try:
        program = jax.make_jaxpr(everything)(values, number, number, number)
    except KeyError as error:
        name = str(error.args[0])
        raise VcohortError(
            f"A law reads the parameter {name!r}, which no law of model {model.name!r} owns. Add "
            f"its Param to the law's parameters. {did_you_mean(name, model.parameters)}"
        ) from error
    tumour_alone = [*[False] * (len(values) + 2), True]
    return any(dependent(program.jaxpr, tumour_alone))


def car_t(
    growth: str | Growth = "gompertz",
    feedback: str | Feedback = "T",
    killing: str | Killing = "saturating",
    proliferation: str | Proliferation = "exponential",
) -> Model:
    """Compose a model of CAR T cell therapy from laws, each by its name or as a law.

    The default is the model of Kimmel, Locke & Altrock 2021, eqs. 2.1 to 2.3.
    """
    return Model(
        cast("Growth", find_law("growth", growth)),
        cast("Feedback", find_law("feedback", feedback)),
        cast("Killing", find_law("killing", killing)),
        cast("Proliferation", find_law("proliferation", proliferation)),
    )
