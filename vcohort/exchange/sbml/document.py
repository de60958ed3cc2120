"""An SBML document, put together from equations, values and treatments of one patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from vcohort.exchange.sbml.annotations import annotate
from vcohort.exchange.sbml.libsbml import LEVEL, VERSION, library
from vcohort.exchange.sbml.treatments import ONE_CELL, Event, Treatments
from vcohort.exchange.sbml.units import DAY, LITRE, Units
from vcohort.models import Model
from vcohort.models.formulas.equations import Equations
from vcohort.models.formulas.texts import l3_text
from vcohort.models.formulas.tree import Call, Name, Number, Tree, evaluate, names_in

_BODY = "body"


class Document:
    """One patient's model, in the units of cells and days.

    ``named_numbers``: numbers are parameters, for readers that know no units of numbers.
    """

    def __init__(
        self, model: Model, equations: Equations, name: str, notes: str, *, named_numbers: bool
    ) -> None:
        sbml = library()
        self._species, self._equations = model.species, equations
        self._named_numbers = named_numbers
        self._numbers: dict[float, str] = {}
        self.document = sbml.SBMLDocument(LEVEL, VERSION)
        self._model = self.document.createModel()
        self._model.setId("vcohort")
        self._model.setName(name)
        self._model.setSubstanceUnits("item")
        self._model.setExtentUnits("item")
        self._model.setVolumeUnits(LITRE)
        self._units = Units(self._model)
        self._model.setTimeUnits(DAY)
        self._model.setNotes(
            f'<body xmlns="http://www.w3.org/1999/xhtml"><p>{escape(notes)}</p></body>'
        )
        body = self._model.createCompartment()
        body.setId(_BODY)
        body.setName("the patient; cells are counted, and the size says nothing")
        body.setSpatialDimensions(3)
        body.setSize(1.0)
        body.setUnits(LITRE)
        body.setConstant(True)

    def add(self, values: Mapping[str, float], model: Model, treatments: Treatments) -> None:
        """Add parameters, species, derived quantities and treatments: all but the equations."""
        known: dict[str, float] = {ONE_CELL: 1.0, **values}
        for name, param in model.parameters.items():
            self._parameter(name, param.description, param.unit, values[name])
        self._parameter(ONE_CELL, "to which cells are cut at the least", "cells", 1.0)
        for name, value, unit, text in treatments.parameters:
            self._parameter(name, text, unit, value)
            known[name] = value
        for name, tree in treatments.first_cells.items():
            self._one_species(name, float(evaluate(tree, known)))
            self._assign_first(name, tree)
        for name, each in self._equations.derived.items():
            self._parameter(name, each.description, each.unit)
            rule = self._model.createAssignmentRule()
            rule.setVariable(name)
            rule.setMath(self._math(each.tree))
        for event in treatments.events:
            self._event(event)
        annotate(self._model, self._species)

    def add_rates(self, names: tuple[str, ...]) -> None:
        """Let species follow their differential equations."""
        for name in names:
            rule = self._model.createRateRule()
            rule.setVariable(name)
            rule.setMath(self._math(self._equations.rates[name]))

    def add_reactions(self) -> None:
        """Let each clone divide, mutate and die, one cell at a time."""
        for name, clone in self._equations.clones.items():
            self._reaction(f"birth_of_{name}", name, {name: 2}, clone.birth)
            self._reaction(f"death_of_{name}", name, {}, clone.death)
            for parent, tree in clone.mutants.items():
                made = {parent: 1, name: 1}
                self._reaction(f"mutation_of_{parent}_to_{name}", parent, made, tree)

    def text(self) -> str:
        """Return the document."""
        return str(library().writeSBMLToString(self.document))

    def _math(self, tree: Tree) -> Any:
        sbml = library()
        settings = sbml.L3ParserSettings()
        settings.setModel(self._model)
        named = self._with_named(tree) if self._named_numbers else tree
        found = sbml.parseL3FormulaWithSettings(l3_text(named), settings)
        assert found is not None, sbml.getLastParseL3Error()
        return found

    def _with_named(self, tree: Tree) -> Tree:
        """Return a formula with a parameter for each of its numbers, but for exponents."""
        match tree:
            case Number(value):
                return Name(self._number(value))
            case Call("^", (base, Number() as exponent)):
                return Call("^", (self._with_named(base), exponent))
            case Call(operation, parts):
                return Call(operation, tuple(map(self._with_named, parts)))
            case _:
                return tree

    def _number(self, value: float) -> str:
        """Return the parameter that is a number, and nothing else."""
        if value not in self._numbers:
            name = _name_of(value)
            while self._model.getElementBySId(name) is not None:
                name += "_"
            self._parameter(name, f"the number {value!r}", "1", value)
            self._numbers[value] = name
        return self._numbers[value]

    def _parameter(self, name: str, text: str, unit: str, value: float | None = None) -> None:
        one = self._model.createParameter()
        one.setId(name)
        one.setName(text)
        one.setUnits(self._units.of(unit, name))
        one.setConstant(value is not None)
        if value is not None:
            one.setValue(value)

    def _one_species(self, name: str, cells: float) -> None:
        one = self._model.createSpecies()
        one.setId(name)
        one.setName(self._species.descriptions[name])
        one.setCompartment(_BODY)
        one.setInitialAmount(cells)
        one.setSubstanceUnits("item")
        one.setHasOnlySubstanceUnits(True)
        one.setBoundaryCondition(False)
        one.setConstant(False)

    def _assign_first(self, name: str, tree: Tree) -> None:
        first = self._model.createInitialAssignment()
        first.setSymbol(name)
        first.setMath(self._math(tree))

    def _event(self, event: Event) -> None:
        sbml = library()
        one = self._model.createEvent()
        one.setId(event.name)
        one.setName(event.name.replace("_", " "))
        # Of two treatments on one day the later one sees what the earlier one has left.
        one.setUseValuesFromTriggerTime(False)
        trigger = one.createTrigger()
        trigger.setInitialValue(True)
        trigger.setPersistent(True)
        trigger.setMath(sbml.parseL3Formula(f"time >= {event.day}"))
        priority = one.createPriority()
        priority.setMath(sbml.parseL3Formula(f"{event.priority!r} dimensionless"))
        for name, tree in event.assigned.items():
            assigned = one.createEventAssignment()
            assigned.setVariable(name)
            assigned.setMath(self._math(tree))

    def _reaction(self, name: str, of: str, made: Mapping[str, int], tree: Tree) -> None:
        one = self._model.createReaction()
        one.setId(name)
        one.setName(name.replace("_", " "))
        one.setReversible(False)
        gone = one.createReactant()
        gone.setSpecies(of)
        gone.setStoichiometry(1.0)
        gone.setConstant(True)
        for species, number in made.items():
            product = one.createProduct()
            product.setSpecies(species)
            product.setStoichiometry(float(number))
            product.setConstant(True)
        read = set(names_in(tree)) - {of, *made}
        for species in self._species.names:
            if species in read:
                one.createModifier().setSpecies(species)
        one.createKineticLaw().setMath(self._math(tree))


def _name_of(value: float) -> str:
    """Return a name that no other number has."""
    digits = repr(float(value)).removesuffix(".0").replace("+", "")
    return f"number_{digits}".replace(".", "_").replace("-", "_minus_")
