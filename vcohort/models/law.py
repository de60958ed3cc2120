"""The four kinds of law that a model is made of.

A law is a rate as a function of the cells, and the parameters that it owns. Each
law is one file in the folder of its kind; the file's ``LAW`` is found by name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeAlias

from vcohort.errors import one_of, refuse_other
from vcohort.late import Array, jnp
from vcohort.models.param import Param

Values: TypeAlias = Mapping[str, Array]
"""Parameter values of one patient, by name."""

# exp of this is finite in float32: rates saturate long before a tumour of e^80 cells.
_LARGEST_LOG = 80.0


class Cells(NamedTuple):
    """The natural logs of the numbers of normal T, CAR T and tumour cells of one patient."""

    log_normal: Array
    log_car: Array
    log_tumour: Array

    @property
    def normal(self) -> Array:
        """Normal T cells."""
        return jnp.exp(self.log_normal)

    @property
    def car(self) -> Array:
        """CAR T cells."""
        return jnp.exp(self.log_car)

    @property
    def total(self) -> Array:
        """All T cells."""
        return self.normal + self.car

    @property
    def tumour(self) -> Array:
        """Tumour cells."""
        return jnp.exp(jnp.minimum(self.log_tumour, _LARGEST_LOG))


@dataclass(frozen=True)
class Law:
    """What every law has: a name, a formula, the parameters it owns."""

    name: str
    formula: str
    parameters: tuple[Param, ...]


@dataclass(frozen=True)
class Growth(Law):
    """How fast N and C grow per cell, given the CAR T growth rate r_C.

    ``rates(values, cells, car_rate)`` returns d ln N/dt and d ln C/dt.
    ``relaxation``, of the same arguments, returns how fast each returns to its capacity:
    -d(rate of N)/d ln N and the same of C, which the integrator solves exactly.
    """

    rates: Callable[[Values, Cells, Array], tuple[Array, Array]]
    relaxation: Callable[[Values, Cells, Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Feedback(Law):
    """The CAR T growth rate r_C, per day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Array]


@dataclass(frozen=True)
class Killing(Law):
    """Death of tumour cells, per cell and day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Array]


@dataclass(frozen=True)
class Proliferation(Law):
    """Birth of tumour cells, per cell and day: ``rate(values, cells)``."""

    rate: Callable[[Values, Cells], Array]


_KINDS = {
    "growth": Growth, "feedback": Feedback, "killing": Killing, "proliferation": Proliferation,
}  # fmt: skip


@cache
def laws(kind: str) -> dict[str, Law]:
    """Return the laws of one kind by name: every file of the folder ``kind`` holds one.

    ``kind`` is ``"growth"``, ``"feedback"``, ``"killing"`` or ``"proliferation"``.
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
