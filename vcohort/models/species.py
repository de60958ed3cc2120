"""What a model follows, by name, and how much of it one patient has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

from vcohort.arrays import Numbers
from vcohort.errors import unknown
from vcohort.late import jnp

# exp of this is finite in float32: rates saturate long before a tumour of e^80 cells.
_LARGEST_LOG = 80.0


@dataclass(frozen=True)
class Compartment:
    """Cells that are no tumour.

    ``fed``: they live on what others hand over, may be none, and are followed by their number;
    others grow by a law of their own, never reach 0, and are followed by its log. ``niche``: they
    count in T, the T cells of the niche. ``car``: they count as CAR T cells.
    """

    name: str
    description: str
    fed: bool = False
    niche: bool = True
    car: bool = False


@dataclass(frozen=True)
class Clone:
    """Tumour cells of one kind."""

    name: str
    description: str


NORMAL = Compartment("N", "normal T cells")
EFFECTORS = Compartment("C", "CAR T cells", car=True)
TUMOUR = Clone("B", "tumour cells")


@dataclass(frozen=True)
class Species:
    """All cells of a model."""

    compartments: tuple[Compartment, ...] = (NORMAL, EFFECTORS)
    clones: tuple[Clone, ...] = (TUMOUR,)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all species, the tumour's clones last."""
        return tuple(self.descriptions)

    @property
    def descriptions(self) -> dict[str, str]:
        """Of all species, by name."""
        return {each.name: each.description for each in (*self.compartments, *self.clones)}

    @property
    def grown(self) -> tuple[str, ...]:
        """Compartments that are followed by logs."""
        return tuple(each.name for each in self.compartments if not each.fed)

    @property
    def fed(self) -> tuple[str, ...]:
        """Compartments that are followed by numbers."""
        return tuple(each.name for each in self.compartments if each.fed)

    @property
    def niche(self) -> tuple[str, ...]:
        """Compartments that count in T."""
        return tuple(each.name for each in self.compartments if each.niche)

    @property
    def car(self) -> tuple[str, ...]:
        """Compartments that count as CAR T cells."""
        return tuple(each.name for each in self.compartments if each.car)

    @property
    def tumour(self) -> tuple[str, ...]:
        """The tumour's clones."""
        return tuple(each.name for each in self.clones)


@dataclass(frozen=True)
class Cells:
    """The cells of one patient, by species: ``cells["C"]`` is a number.

    ``logs``: natural logs, of grown compartments and clones. ``numbers``: of fed compartments.
    """

    logs: Mapping[str, Numbers]
    numbers: Mapping[str, Numbers] = field(default_factory=dict)
    species: Species = Species()

    @classmethod
    def counted(cls, species: Species, numbers: Mapping[str, Any]) -> Cells:
        """Return cells of which the numbers are known, by species."""
        followed = (*species.grown, *species.tumour)
        logs = {name: jnp.log(jnp.asarray(numbers[name])) for name in followed}
        return cls(logs, {name: jnp.asarray(numbers[name]) for name in species.fed}, species)

    def __getitem__(self, name: str) -> Numbers:
        """Return the number of cells of a species."""
        if name in self.numbers:
            return self.numbers[name]
        if name not in self.logs:
            raise unknown("species", name, self.species.names)
        log = self.logs[name]
        return jnp.exp(jnp.minimum(log, _LARGEST_LOG) if name in self.species.tumour else log)

    def log(self, name: str) -> Numbers:
        """Return the natural log of the number of cells of a species; of none, that of tiny."""
        if name in self.logs:
            return self.logs[name]
        if name not in self.numbers:
            raise unknown("species", name, self.species.names)
        number = self.numbers[name]
        return jnp.log(jnp.maximum(number, jnp.finfo(number.dtype).tiny))

    @property
    def normal(self) -> Numbers:
        """Normal T cells."""
        return self["N"]

    @property
    def car(self) -> Numbers:
        """All CAR T cells, memory cells too; effectors alone are ``cells["C"]``."""
        return self._sum_of(self.species.car)

    @property
    def total(self) -> Numbers:
        """All T cells of the niche."""
        return self._sum_of(self.species.niche)

    @property
    def tumour(self) -> Numbers:
        """Tumour cells, of all clones."""
        return self._sum_of(self.species.tumour)

    @property
    def log_normal(self) -> Numbers:
        """Log of the normal T cells."""
        return self.logs["N"]

    @property
    def log_car(self) -> Numbers:
        """Log of all CAR T cells, memory cells too."""
        return self._log_of(self.species.car)

    @property
    def log_tumour(self) -> Numbers:
        """Log of the tumour cells, of all clones."""
        return self._log_of(self.species.tumour)

    def _sum_of(self, names: tuple[str, ...]) -> Numbers:
        return reduce(add, (self[name] for name in names))

    def _log_of(self, names: tuple[str, ...]) -> Numbers:
        return reduce(jnp.logaddexp, (self.log(name) for name in names))
