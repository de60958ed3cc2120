"""A formula as a tree: numbers, names, and operations on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from vcohort.errors import unknown


@dataclass(frozen=True)
class Number:
    """A number, of the kind that is written with digits."""

    value: float


@dataclass(frozen=True)
class Name:
    """A parameter, a species, or another formula, by its name."""

    name: str


@dataclass(frozen=True)
class Call:
    """An operation on its parts: one of ``OPERATIONS``."""

    operation: str
    parts: tuple[Tree, ...]


Tree: TypeAlias = Number | Name | Call

NEGATIVE = "negative"
BIRTHS_AT = "births_at"
"""Births per tumour cell by the tumour's law, at another rate than r_B."""

_SIGNS: Mapping[str, Callable[..., Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
    NEGATIVE: np.negative,
}  # fmt: skip

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ln": np.log, "exp": np.exp, "sqrt": np.sqrt,
    "min": lambda *parts: reduce(np.minimum, parts),
    "max": lambda *parts: reduce(np.maximum, parts),
}  # fmt: skip

OPERATIONS = _SIGNS | _FUNCTIONS

ARGUMENTS: Mapping[str, tuple[int, int]] = {
    "ln": (1, 1), "exp": (1, 1), "sqrt": (1, 1), "min": (2, 9), "max": (2, 9), BIRTHS_AT: (1, 1),
}  # fmt: skip
"""How many parts each function takes: at least, and at most."""


def evaluate(tree: Tree, values: Mapping[str, Any]) -> Any:
    """Return the value of a formula, in float64; ``values``: numbers or arrays, by name."""
    match tree:
        case Number(value):
            return np.float64(value)
        case Name(name):
            if name not in values:
                raise unknown("name in a formula", name, values)
            return np.asarray(values[name], np.float64)
        case Call(operation, parts):
            return OPERATIONS[operation](*(evaluate(each, values) for each in parts))


def names_in(tree: Tree) -> Iterator[str]:
    """Yield the names that a formula reads, each as often as it stands there."""
    if isinstance(tree, Name):
        yield tree.name
    elif isinstance(tree, Call):
        for each in tree.parts:
            yield from names_in(each)


def replaced(tree: Tree, by: Mapping[str, Tree]) -> Tree:
    """Return a formula with other formulas in place of some names."""
    if isinstance(tree, Name):
        return by.get(tree.name, tree)
    if isinstance(tree, Call):
        return Call(tree.operation, tuple(replaced(each, by) for each in tree.parts))
    return tree


def sum_of(*terms: Tree) -> Tree:
    """Return a sum of formulas; of none, 0."""
    return reduce(lambda one, other: Call("+", (one, other)), terms) if terms else Number(0.0)


def product(*factors: Tree) -> Tree:
    """Return a product of formulas."""
    return reduce(lambda one, other: Call("*", (one, other)), factors)


def less(first: Tree, *terms: Tree) -> Tree:
    """Return a formula less others."""
    return reduce(lambda one, other: Call("-", (one, other)), terms, first)
