"""Laws as equations in LaTeX, for pages and reports."""

from __future__ import annotations

from collections.abc import Iterator

from vcohort.models.formulas.statements import ALL_CAR, ALL_TUMOUR, KILLING, statements_of
from vcohort.models.formulas.texts import latex
from vcohort.models.law import Law

_SYMBOLS = {ALL_TUMOUR: r"B_\mathrm{all}", ALL_CAR: r"C_\mathrm{all}", KILLING: r"\mu"}

# What a law of one rate gives.
_GIVES = {"feedback": "r_C", "killing": r"\mu", "proliferation": r"\lambda"}


def in_latex(kind: str, law: Law) -> Iterator[str]:
    """Yield what a law says, equation by equation, ``left &= right``; rates per cell and day."""
    said = statements_of(kind, law)
    symbols = _SYMBOLS | {param.name: param.symbol for param in law.parameters}
    lefts = {rf"\lambda_{name}": tree for name, tree in said.birth.items()}
    lefts |= {rf"\mu_{name}": tree for name, tree in said.death.items()}
    lefts |= {rf"({one} \to {other})": tree for (one, other), tree in said.passing.items()}
    lefts |= {rf"{name} / \mathrm{{infused}}": tree for name, tree in said.infused.items()}
    if said.alone is not None:
        lefts[_GIVES[kind]] = said.alone
    per_cell = r"\frac{d\ln %s}{dt}" if kind == "growth" else r"\mathrm{net}_%s"
    lefts |= {per_cell % name: tree for name, tree in said.growth.items()}
    for left, tree in lefts.items():
        yield f"{left} &= {latex(tree, symbols)}"
