"""An SBML model as what it computes: constants, derived quantities, slopes, what it begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.reading.maths import Maths
from vcohort.models.formulas.tree import (
    NEGATIVE,
    Call,
    Name,
    Number,
    Tree,
    evaluate,
    names_in,
    product,
    sum_of,
)


@dataclass(frozen=True)
class System:
    """A model, in its own units.

    ``constants``: values that no rule changes. ``derived``: each reads only what stands before it.
    ``slopes``: of each symbol that changes, per unit of time. ``first``: with what these begin.
    """

    constants: dict[str, float]
    derived: dict[str, Tree]
    slopes: dict[str, Tree]
    first: dict[str, float]
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def at(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return all that is known at a state: values by name, over the constants."""
        known = {**self.constants, **state}
        with np.errstate(all="ignore"):
            for name, tree in self.derived.items():
                known[name] = evaluate(tree, known)
        return known

    def slopes_at(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the slope of each symbol at a state."""
        known = self.at(state)
        with np.errstate(all="ignore"):
            return {name: evaluate(tree, known) for name, tree in self.slopes.items()}


def system_of(model: Any, maths: Maths) -> System:
    """Return what a model computes.

    :raises VcohortError: for what this family does not have: algebraic rules, constraints, changing
        compartments, conversion factors, stoichiometries that are computed.
    """
    _refuse_others(model)
    species = {each.getId(): each for each in _each(model.getListOfSpecies())}
    rules = {rule.getVariable(): rule for rule in _each(model.getListOfRules())}
    slopes = {
        name: maths.tree(rule.getMath(), f"the slope of {name}")
        for name, rule in rules.items() if rule.isRate()
    }  # fmt: skip
    slopes |= _of_reactions(model, maths, species)
    assigned = {
        name: maths.tree(rule.getMath(), name)
        for name, rule in rules.items()
        if rule.isAssignment()
    }
    given = _given(model, species)
    begun = {
        each.getSymbol(): maths.tree(each.getMath(), f"what {each.getSymbol()} begins with")
        for each in _each(model.getListOfInitialAssignments())
    }
    first = _resolved(
        {
            name: value
            for name, value in given.items()
            if name not in begun and name not in assigned
        },
        {**begun, **assigned},
    )
    for name in slopes:
        if name not in first:
            raise VcohortError(f"The model does not say what {name!r} begins with.")
    constants = {name: value for name, value in first.items()
                 if name not in slopes and name not in assigned}  # fmt: skip
    order = {name: assigned[name] for name in first if name in assigned}
    labels = {
        each.getId(): (each.getId(), each.getName())
        for part in (model.getListOfSpecies(), model.getListOfParameters()) for each in _each(part)
    }  # fmt: skip
    return System(constants, order, slopes, {name: first[name] for name in slopes}, labels)


def _each(part: Any) -> list[Any]:
    return [part.get(number) for number in range(part.size())]


def _refuse_others(model: Any) -> None:
    wrong = ""
    if any(rule.isAlgebraic() for rule in _each(model.getListOfRules())):
        wrong = "an algebraic rule"
    elif model.getNumConstraints():
        wrong = "a constraint"
    elif model.isSetConversionFactor() or any(
        each.isSetConversionFactor() for each in _each(model.getListOfSpecies())
    ):
        wrong = "a conversion factor"
    else:
        sizes = {each.getId() for each in _each(model.getListOfCompartments())}
        if any(rule.getVariable() in sizes for rule in _each(model.getListOfRules())):
            wrong = "a compartment whose size changes"
    if wrong:
        raise VcohortError(f"The model has {wrong}, which no model of this family has.")


def _is_amount(species: Any) -> bool:
    return bool(species.getHasOnlySubstanceUnits())


def _given(model: Any, species: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that a model gives as numbers, as its formulas read them."""
    sizes = {each.getId(): each.getSize() for each in _each(model.getListOfCompartments())
             if each.isSetSize()}  # fmt: skip
    found = {each.getId(): each.getValue() for each in _each(model.getListOfParameters())
             if each.isSetValue()} | sizes  # fmt: skip
    for name, each in species.items():
        size = sizes.get(each.getCompartment(), np.nan)
        if each.isSetInitialAmount():
            amount = np.float64(each.getInitialAmount())
            with np.errstate(all="ignore"):
                found[name] = float(amount if _is_amount(each) else amount / size)
        elif each.isSetInitialConcentration():
            dense = each.getInitialConcentration()
            found[name] = dense * size if _is_amount(each) else dense
    wrong = [name for name, value in found.items() if not np.isfinite(value)]
    if wrong:
        raise VcohortError(f"The value of {wrong[0]!r} is no finite number.")
    return {name: float(value) for name, value in found.items()}


def _of_reactions(model: Any, maths: Maths, species: Mapping[str, Any]) -> dict[str, Tree]:
    """Return the slopes of the species that reactions change."""
    terms: dict[str, list[Tree]] = {}
    for reaction in _each(model.getListOfReactions()):
        name = reaction.getId()
        law = reaction.getKineticLaw()
        if reaction.isSetFast() and reaction.getFast():
            raise VcohortError(
                f"The reaction {name!r} is at equilibrium (fast), which is not read."
            )
        if law is None or law.getNumParameters() or law.getNumLocalParameters():
            raise VcohortError(
                f"The reaction {name!r} has no kinetic law, or one with parameters of its own, "
                "which are not read: give the parameter to the model."
            )
        rate = maths.tree(law.getMath(), f"the reaction {name!r}")
        sides = ((reaction.getListOfReactants(), -1.0), (reaction.getListOfProducts(), 1.0))
        for side, sign in sides:
            for each in _each(side):
                one = species[each.getSpecies()]
                if one.getBoundaryCondition() or one.getConstant():
                    continue
                number = sign * _stoichiometry(each, name)
                size: list[Tree] = [] if _is_amount(one) else [Name(one.getCompartment())]
                term: Tree = product(Number(abs(number)), rate)
                term = Call("/", (term, *size)) if size else term
                signed = Call(NEGATIVE, (term,)) if number < 0.0 else term
                terms.setdefault(one.getId(), []).append(signed)
    return {name: sum_of(*each) for name, each in terms.items()}


def _stoichiometry(reference: Any, reaction: str) -> float:
    computed = getattr(reference, "isSetStoichiometryMath", lambda: False)()
    number = reference.getStoichiometry()
    if computed or reference.getId() or not np.isfinite(number):
        raise VcohortError(
            f"The reaction {reaction!r} has a stoichiometry that is no plain number."
        )
    return float(number)


def _resolved(known: dict[str, float], formulas: Mapping[str, Tree]) -> dict[str, float]:
    """Return all values at the start, in an order in which each reads only what stands before."""
    found, left = dict(known), dict(formulas)
    while left:
        ready = [
            name for name, tree in left.items() if all(each in found for each in names_in(tree))
        ]
        if not ready:
            name, tree = next(iter(left.items()))
            lacking = next(each for each in names_in(tree) if each not in found)
            raise VcohortError(f"The formula for {name!r} reads {lacking!r}, which has no value.")
        for name in ready:
            with np.errstate(all="ignore"):
                found[name] = float(evaluate(left.pop(name), found))
    return found
