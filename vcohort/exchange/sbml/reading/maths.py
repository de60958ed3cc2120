"""MathML as formulas: calls of functions are put in full, and what is no rate law is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.libsbml import library
from vcohort.models.formulas.tree import NEGATIVE, Call, Name, Number, Tree, product, sum_of

# Functions that call functions could grow without end, all names and numbers counted. A sum of many
# terms comes from libSBML as sums in sums.
_LARGEST, _DEEPEST = 5000, 150


class Sized(NamedTuple):
    """A formula, and how many operations, names and numbers it has in full, in all and nested."""

    tree: Tree
    size: int
    depth: int


class Function(NamedTuple):
    """A function that a model defines."""

    arguments: tuple[str, ...]
    body: Sized


class Maths:
    """Reads formulas of one model."""

    def __init__(self, model: Any) -> None:
        self._functions: dict[str, Function] = {}
        for number in range(model.getNumFunctionDefinitions()):
            one = model.getFunctionDefinition(number)
            names = tuple(one.getArgument(each).getName() for each in range(one.getNumArguments()))
            where = f"the function {one.getId()!r}"
            if one.getBody() is None:
                raise VcohortError(f"{where} has no formula.")
            body = self._read(one.getBody(), where, 1)
            self._functions[one.getId()] = Function(names, body)

    def tree(self, node: Any, where: str) -> Tree:
        """Return a formula; ``where`` it stands, for messages."""
        if node is None:
            raise VcohortError(f"There is no formula for {where}.")
        return self._read(node, where, 1).tree

    def _read(self, node: Any, where: str, level: int) -> Sized:
        if level > _DEEPEST:
            raise _too_long(where)
        if node.getType() == library().AST_FUNCTION_PIECEWISE:
            return self._extreme(node, where, level + 1)
        children = [node.getChild(each) for each in range(node.getNumChildren())]
        parts = [self._read(child, where, level + 1) for child in children]
        size = 1 + sum(part.size for part in parts)
        depth = 1 + max((part.depth for part in parts), default=0)
        function = self._functions.get(node.getName() or "")
        if node.getType() == library().AST_FUNCTION and function is not None:
            size, depth = function.body.size * size, function.body.depth + depth
        if size > _LARGEST or depth > _DEEPEST:
            raise _too_long(where)
        return Sized(self._joined(node, [part.tree for part in parts], where), size, depth)

    def _joined(self, node: Any, parts: list[Tree], where: str) -> Tree:
        sbml = library()
        kind = node.getType()
        if kind in {sbml.AST_INTEGER, sbml.AST_REAL, sbml.AST_REAL_E, sbml.AST_RATIONAL}:
            return _number(float(node.getValue()))
        if kind == sbml.AST_NAME:
            return Name(node.getName())
        constants = {sbml.AST_CONSTANT_E: math.e, sbml.AST_CONSTANT_PI: math.pi}
        if kind in constants:
            return Number(constants[kind])
        if kind == sbml.AST_FUNCTION:
            return self._called(node.getName(), parts, where)
        operation = _operations().get(kind)
        if operation is None:
            raise _foreign(node, where)
        return _applied(operation, parts, where)

    def _extreme(self, node: Any, where: str, level: int) -> Sized:
        """Return the larger or smaller of two, as levels below 3 write it: a if a >= b else b."""
        sbml = library()
        larger = {sbml.AST_RELATIONAL_GEQ, sbml.AST_RELATIONAL_GT}
        smaller = {sbml.AST_RELATIONAL_LEQ, sbml.AST_RELATIONAL_LT}
        count = node.getNumChildren()
        condition = node.getChild(1) if count == 3 else None
        if (
            condition is None
            or condition.getNumChildren() != 2
            or (condition.getType() not in larger | smaller)
        ):
            raise _foreign(node, where)
        first, second, *sides = (
            self._read(each, where, level)
            for each in (node.getChild(0), node.getChild(2), *map(condition.getChild, range(2)))
        )
        is_larger = condition.getType() in larger
        compared = [each.tree for each in sides]
        if compared == [second.tree, first.tree]:
            is_larger = not is_larger
        elif compared != [first.tree, second.tree]:
            raise _foreign(node, where)
        tree = Call("max" if is_larger else "min", (first.tree, second.tree))
        depth = 1 + max(first.depth, second.depth)
        return Sized(tree, 1 + first.size + second.size, depth)

    def _called(self, name: str, parts: list[Tree], where: str) -> Tree:
        function = self._functions.get(name)
        if function is None or len(parts) != len(function.arguments):
            raise VcohortError(
                f"The formula for {where} calls the function {name!r}, which is not defined before "
                "it, or not of so many arguments."
            )
        return _with(function.body.tree, dict(zip(function.arguments, parts, strict=True)))


def _too_long(where: str) -> VcohortError:
    return VcohortError(f"The formula for {where} is too long to be read.")


def _foreign(node: Any, where: str) -> VcohortError:
    text = library().formulaToL3String(node)[:60]
    return VcohortError(
        f"The formula for {where} has what no law of this family has: {text!r}. Formulas of sums, "
        "products, powers, ln, exp, sqrt, min and max are read."
    )


def _with(tree: Tree, by: Mapping[str, Tree]) -> Tree:
    """Return a function's body with its arguments; anything else it reads would not be its own."""
    match tree:
        case Name(name):
            return by.get(name, tree)
        case Call(operation, parts):
            return Call(operation, tuple(_with(each, by) for each in parts))
        case _:
            return tree


def _operations() -> dict[int, str]:
    sbml = library()
    return {
        sbml.AST_PLUS: "+", sbml.AST_MINUS: "-", sbml.AST_TIMES: "*", sbml.AST_DIVIDE: "/",
        sbml.AST_POWER: "^", sbml.AST_FUNCTION_POWER: "^", sbml.AST_FUNCTION_LN: "ln",
        sbml.AST_FUNCTION_EXP: "exp", sbml.AST_FUNCTION_ROOT: "sqrt",
        sbml.AST_FUNCTION_MIN: "min", sbml.AST_FUNCTION_MAX: "max",
    }  # fmt: skip


def _applied(operation: str, parts: list[Tree], where: str) -> Tree:
    if operation == "+":
        return sum_of(*parts)
    if operation == "*":
        return product(*parts) if parts else Number(1.0)
    if operation == "-" and len(parts) == 1:
        return Call(NEGATIVE, (parts[0],))
    if operation == "sqrt" and len(parts) == 2 and parts[0] == Number(2.0):
        return Call("sqrt", (parts[1],))
    wanted = {"ln": 1, "exp": 1, "sqrt": 1, "-": 2, "/": 2, "^": 2}.get(operation)
    if not parts or (wanted is not None and len(parts) != wanted):
        raise VcohortError(f"{operation!r} has {len(parts)} parts in the formula for {where}.")
    return Call(operation, tuple(parts))


def _number(value: float) -> Tree:
    return Call(NEGATIVE, (Number(-value),)) if value < 0.0 else Number(value)
