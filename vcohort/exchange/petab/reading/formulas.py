"""Formulas in the tables of a problem, as trees."""

from __future__ import annotations

import numpy as np

from vcohort.errors import VcohortError
from vcohort.models.formulas.parser import parse
from vcohort.models.formulas.tree import Name, Number, Tree, evaluate, names_in


def formula(text: str, what: str) -> Tree:
    """Return the tree of a formula; ``what`` it is of, for the message.

    :raises VcohortError: for what is none, or has functions that are not known here.
    """
    if text.strip() == "inf":
        return Number(float("inf"))
    try:
        return parse(text)
    except VcohortError as error:
        raise VcohortError(f"{what} cannot be read. {error}") from None


def number_or_name(text: str, what: str) -> float | str:
    """Return a number, or the one name that a formula is; refuse all else."""
    tree = formula(text, what)
    if isinstance(tree, Name):
        return tree.name
    if any(names_in(tree)):
        raise VcohortError(f"{what} is {text!r}: it must be a number or a parameter.")
    with np.errstate(all="ignore"):
        return float(evaluate(tree, {}))
