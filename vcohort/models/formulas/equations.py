"""The equations of a model, put together from the formulas of its laws as the engine does."""

from __future__ import annotations

from dataclasses import dataclass

from vcohort.errors import VcohortError, did_you_mean
from vcohort.models.formulas.statements import (
    ALL_CAR,
    ALL_T,
    ALL_TUMOUR,
    CAR_RATE,
    KILLING,
    MEANINGS,
    Statements,
    statements_of,
)
from vcohort.models.formulas.tree import (
    BIRTHS_AT,
    Call,
    Name,
    Number,
    Tree,
    less,
    names_in,
    product,
    replaced,
    sum_of,
)
from vcohort.models.law import Law
from vcohort.models.model import LAW_KINDS, Model


@dataclass(frozen=True)
class Derived:
    """A quantity that others read: what it is, in which unit, by which formula."""

    tree: Tree
    description: str
    unit: str


@dataclass(frozen=True)
class Clone:
    """What befalls a clone, in cells per day: its own births, its deaths, by parent its mutants."""

    birth: Tree
    death: Tree
    mutants: dict[str, Tree]


@dataclass(frozen=True)
class Equations:
    """A model's equations.

    ``derived``: each reads only what stands before it. ``compartments``: dX/dt in cells per day.
    ``infused``: the share of an infused product that each compartment is; what is left is C.
    """

    derived: dict[str, Derived]
    compartments: dict[str, Tree]
    clones: dict[str, Clone]
    infused: dict[str, Tree]

    @property
    def rates(self) -> dict[str, Tree]:
        """The slope of every species, in cells per day."""
        tumour = {
            name: less(sum_of(clone.birth, *clone.mutants.values()), clone.death)
            for name, clone in self.clones.items()
        }
        return self.compartments | tumour

    def in_full(self) -> Equations:
        """Return the equations without derived quantities: all read parameters and species."""
        known: dict[str, Tree] = {}
        for name, each in self.derived.items():
            known[name] = replaced(each.tree, known)

        def full(trees: dict[str, Tree]) -> dict[str, Tree]:
            return {name: replaced(tree, known) for name, tree in trees.items()}

        clones = {
            name: Clone(
                replaced(each.birth, known), replaced(each.death, known), full(each.mutants)
            )
            for name, each in self.clones.items()
        }
        return Equations({}, full(self.compartments), clones, self.infused)


def equations_of(model: Model) -> Equations:
    """Return the equations of a model.

    :raises VcohortError: for a law whose formula cannot be read, or reads what there is not.
    """
    said: dict[str, Statements] = {}
    for kind, law in zip(LAW_KINDS, model.laws, strict=True):
        said[kind] = statements_of(kind, law)
        _check_known(model, kind, law, said[kind])
    derived = _sums(model) | _rates(model, said)
    _check_names(model, derived)
    passing = said["memory"].passing
    return Equations(
        derived,
        {name: _slope(name, passing) for name in (*model.species.grown, *model.species.fed)},
        {name: _clone(name, said["escape"]) for name in model.species.tumour},
        said["memory"].infused,
    )


def _sums(model: Model) -> dict[str, Derived]:
    species = model.species
    sums = {ALL_T: species.niche, ALL_CAR: species.car, ALL_TUMOUR: species.tumour}
    return {
        name: Derived(sum_of(*map(Name, parts)), MEANINGS[name], "cells")
        for name, parts in sums.items()
    }


def _rates(model: Model, said: dict[str, Statements]) -> dict[str, Derived]:
    """Return the rates that the laws give, per cell and day, and chances of mutation."""
    births, memory, escape = _alone(said["proliferation"]), said["memory"], said["escape"]

    def rate(tree: Tree, description: str) -> Derived:
        return Derived(_with_births(tree, births), description, "/day")

    found = {
        CAR_RATE: rate(_alone(said["feedback"]), MEANINGS[CAR_RATE]),
        KILLING: rate(_alone(said["killing"]), MEANINGS[KILLING]),
    }
    for name, tree in (said["growth"].growth | memory.growth).items():
        found[f"growth_{name}"] = rate(tree, f"births less deaths of {name}")
    for (giver, taker), tree in memory.passing.items():
        found[_pass(giver, taker)] = rate(tree, f"what of {giver} becomes {taker}")
    for name, tree in {"B": births, **escape.birth}.items():
        found[f"births_{name}"] = rate(tree, f"divisions of {name}")
    for name, tree in escape.death.items():
        found[f"deaths_{name}"] = rate(tree, f"deaths of {name}")
    for (parent, child), tree in escape.passing.items():
        chance = Derived(tree, f"chance that a division of {parent} gives one {child}", "1")
        found[_pass(parent, child)] = chance
    return found


def _alone(said: Statements) -> Tree:
    assert said.alone is not None
    return said.alone


def _with_births(tree: Tree, births: Tree) -> Tree:
    """Return a formula in which births at a rate are those of the tumour's law."""
    if not isinstance(tree, Call):
        return tree
    if tree.operation == BIRTHS_AT:
        return replaced(births, {"r_B": tree.parts[0]})
    return Call(tree.operation, tuple(_with_births(each, births) for each in tree.parts))


def _pass(giver: str, taker: str) -> str:
    return f"from_{giver}_to_{taker}"


def _slope(name: str, passing: dict[tuple[str, str], Tree]) -> Tree:
    gone = [Name(_pass(*pair)) for pair in passing if pair[0] == name]
    come = [product(Name(_pass(*pair)), Name(pair[0])) for pair in passing if pair[1] == name]
    own = product(less(Name(f"growth_{name}"), *gone), Name(name))
    return sum_of(own, *come)


def _clone(name: str, escape: Statements) -> Clone:
    mutating = [Name(_pass(*pair)) for pair in escape.passing if pair[0] == name]
    own = [less(Number(1.0), *mutating)] if mutating else []
    death = KILLING if name == "B" else f"deaths_{name}"
    return Clone(
        product(Name(f"births_{name}"), *own, Name(name)),
        product(Name(death), Name(name)),
        {
            parent: product(Name(_pass(parent, child)), Name(f"births_{parent}"), Name(parent))
            for parent, child in escape.passing
            if child == name
        },
    )


def _check_known(model: Model, kind: str, law: Law, said: Statements) -> None:
    """Refuse a formula, such as prose of plain words, that reads what there is not."""
    known = {*model.parameters, *model.species.names, *MEANINGS}
    for name in (name for tree in said.trees for name in names_in(tree)):
        if name not in known:
            raise VcohortError(
                f"The formula of the {kind} law {law.name!r}, {law.formula!r}, reads {name!r}, "
                f"which is neither a parameter nor a species of model {model.name!r}. "
                f"{did_you_mean(name, known)}"
            )


def _check_names(model: Model, derived: dict[str, Derived]) -> None:
    """Refuse a parameter that has the name of another quantity, and formulas in a circle."""
    known = [*model.parameters, *model.species.names]
    for name, each in derived.items():
        if name in known:
            raise VcohortError(
                f"The model has something of the name {name!r}, which formulas read as "
                f"{each.description!r}. Rename it."
            )
    for name, each in derived.items():
        for read in names_in(each.tree):
            if read not in known:
                raise VcohortError(
                    f"The formula of {each.description} ({name}) reads {read!r}, which is made of "
                    "it, or after it."
                )
        known.append(name)
