"""A regimen as SBML has it: parameters, what holds on day 0, and events.

Cells are cut to one at the least where they grow by a law of their own, as the engine cuts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from vcohort.models import Model
from vcohort.models.formulas.equations import Equations
from vcohort.models.formulas.tree import Call, Name, Number, Tree, less, product, sum_of
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion, Lymphodepletion, Treatment

ONE_CELL = "one_cell"


class Event(NamedTuple):
    """What happens on a day after the first: ``day`` names a parameter.

    Of those of one day the one with the highest ``priority`` comes first.
    """

    name: str
    day: str
    priority: float
    assigned: dict[str, Tree]


class Treatments:
    """The treatments of one patient."""

    def __init__(self, model: Model, equations: Equations, regimen: Regimen) -> None:
        self._model = model
        self._infused = equations.infused
        # An infinite day never comes.
        self._given = [
            (name, each)
            for name, each in regimen.named_treatments()
            if np.isfinite(np.ravel(each.day)[0])
        ]

    @property
    def parameters(self) -> Iterator[tuple[str, float, str, str]]:
        """Name, value, unit and meaning of all that the treatments are made of."""
        for prefix, each in self._given:
            for field, (value, unit) in each.fields.items():
                text = f"{field.replace('_', ' ')} of {prefix.replace('_', ' ')}"
                yield f"{prefix}_{field}", float(np.ravel(value)[0]), unit, text

    @property
    def first_cells(self) -> dict[str, Tree]:
        """Return what each species begins with, day 0's treatments given."""
        species = self._model.species
        found: dict[str, Tree] = {
            name: Name(f"{name}0") for name in (*species.grown, *species.tumour)
        }
        dose: Tree = Name("C0")
        for prefix, each in self._today:
            if isinstance(each, Infusion):
                dose = self._dose(prefix, each)
                continue
            # CAR T cells come later on that day.
            cut = {name: share for name, share in self._survivals(prefix, each).items()
                   if name in species.grown and name != "C"}  # fmt: skip
            found |= {name: _cut(found[name], share) for name, share in cut.items()}
        found["C"] = self._effectors(dose)
        if self._infused:
            found["C"] = Call("max", (found["C"], Name(ONE_CELL)))
        nothing = Call("*", (Number(0.0), Name(ONE_CELL)))
        shares = {name: self._infused.get(name) for name in species.fed}
        return found | {
            name: nothing if share is None else product(share, dose)
            for name, share in shares.items()
        }

    @property
    def events(self) -> Iterator[Event]:
        """What happens after day 0."""
        today = [prefix for prefix, _ in self._today]
        for prefix, each in self._given:
            if prefix in today:
                continue
            is_infusion = isinstance(each, Infusion)
            assigned = (
                self._infuse(self._dose(prefix, each))
                if is_infusion
                else self._deplete(self._survivals(prefix, each))
            )
            # On the day of an infusion lymphodepletion comes first.
            yield Event(prefix, f"{prefix}_day", 1.0 if is_infusion else 2.0, assigned)

    @property
    def _today(self) -> list[tuple[str, Treatment]]:
        return [(name, each) for name, each in self._given if np.ravel(each.day)[0] == 0.0]

    def _dose(self, prefix: str, each: Infusion) -> Tree:
        return Name("C0" if each.cells is None else f"{prefix}_cells")

    def _survivals(self, prefix: str, each: Lymphodepletion) -> dict[str, Tree]:
        """Return which fraction of each compartment survives, by the name of its parameter."""
        species = self._model.species
        # A compartment that the model does not have is refused.
        survivals = each.survivals(species)
        if isinstance(each.survival, Mapping):
            return {name: Name(f"{prefix}_{name}_survival") for name in each.survival}
        kinds = {name: "car" if name in species.car else "normal" for name in survivals}
        return {name: Name(f"{prefix}_{kind}_survival") for name, kind in kinds.items()}

    def _effectors(self, dose: Tree) -> Tree:
        """Return the part of an infused product that is none of the other compartments."""
        if not self._infused:
            return dose
        return product(less(Number(1.0), *self._infused.values()), dose)

    def _infuse(self, dose: Tree) -> dict[str, Tree]:
        shares = {name: product(share, dose) for name, share in self._infused.items()}
        return {
            name: sum_of(Name(name), part)
            for name, part in {"C": self._effectors(dose), **shares}.items()
        }

    def _deplete(self, survivals: dict[str, Tree]) -> dict[str, Tree]:
        fed = self._model.species.fed
        return {
            name: product(Name(name), share) if name in fed else _cut(Name(name), share)
            for name, share in survivals.items()
        }


def _cut(cells: Tree, share: Tree) -> Tree:
    return Call("max", (product(cells, share), Call("min", (cells, Name(ONE_CELL)))))
