"""From tree to text: as laws are written, for LaTeX, and for SBML's readers of infix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vcohort.models.formulas.tree import BIRTHS_AT, NEGATIVE, Call, Name, Number, Tree

# What binds less than its neighbours needs brackets.
_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_BINDS = {"+": _SUM, "-": _SUM, NEGATIVE: _SUM, "*": _PRODUCT, "/": _PRODUCT, "^": _POWER}


def _binds(tree: Tree) -> int:
    return _BINDS.get(tree.operation, _ATOM) if isinstance(tree, Call) else _ATOM


def _digits(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)


def infix(tree: Tree) -> str:
    """Return the formula as laws are written: :func:`parse` gives the tree back."""
    return _infix(tree, " ", _digits)


def l3_text(tree: Tree, unit: str = "dimensionless") -> str:
    """Return the formula for libSBML's reader of L3 formulas, each number with its unit.

    An exponent has none to say.
    """
    return _infix(tree, " * ", lambda value: f"{value!r} {unit}")


def plain_text(tree: Tree) -> str:
    """Return the formula with every sign written, and all digits of its numbers."""
    return _infix(tree, " * ", repr)


def _infix(tree: Tree, times: str, number: Callable[[float], str]) -> str:
    def inside(part: Tree, least: int) -> str:
        text = _infix(part, times, number)
        return f"({text})" if _binds(part) < least else text

    match tree:
        case Number(value):
            text = number(value)
        case Name(text):
            pass
        case Call("+" | "-" as sign, (first, second)):
            text = f"{inside(first, _SUM)} {sign} {inside(second, _PRODUCT)}"
        case Call("negative", (part,)):
            text = f"-{inside(part, _PRODUCT)}"
        case Call("*", (first, second)):
            # After a division a factor without a sign is refused: it is read in two ways.
            sign = " * " if isinstance(first, Call) and first.operation == "/" else times
            text = f"{inside(first, _PRODUCT)}{sign}{inside(second, _POWER)}"
        case Call("/", (first, second)):
            text = f"{inside(first, _PRODUCT)} / {inside(second, _POWER)}"
        case Call("^", (base, Number(value))):
            text = f"{inside(base, _ATOM)}^{_digits(value)}"
        case Call("^", (base, Call("negative", (part,)))):
            text = f"{inside(base, _ATOM)}^-{inside(part, _POWER)}"
        case Call("^", (base, exponent)):
            text = f"{inside(base, _ATOM)}^{inside(exponent, _POWER)}"
        case Call(name, parts):
            text = f"{name}({', '.join(inside(each, _SUM) for each in parts)})"
    return text


_LATEX = {"ln": r"\ln", "exp": r"\exp", "min": r"\min", "max": r"\max", BIRTHS_AT: r"\lambda"}


def latex(tree: Tree, symbols: Mapping[str, str]) -> str:
    """Return the formula in LaTeX; ``symbols``: of names, such as a parameter's own."""

    def inside(part: Tree, least: int) -> str:
        text = latex(part, symbols)
        return rf"\left({text}\right)" if _binds(part) < least else text

    match tree:
        case Number(value):
            text = _scientific(value)
        case Name(name):
            text = symbols.get(name, name)
        case Call("+" | "-" as sign, (first, second)):
            text = f"{inside(first, _SUM)} {sign} {inside(second, _PRODUCT)}"
        case Call("negative", (part,)):
            text = f"-{inside(part, _PRODUCT)}"
        case Call("*", (first, second)):
            text = rf"{inside(first, _PRODUCT)} \, {inside(second, _PRODUCT)}"
        case Call("/", (first, second)):
            text = rf"\frac{{{latex(first, symbols)}}}{{{latex(second, symbols)}}}"
        case Call("^", (base, exponent)):
            text = f"{inside(base, _ATOM)}^{{{latex(exponent, symbols)}}}"
        case Call("sqrt", (part,)):
            text = rf"\sqrt{{{latex(part, symbols)}}}"
        case Call(name, parts):
            given = ", ".join(latex(each, symbols) for each in parts)
            text = rf"{_LATEX[name]}\left({given}\right)"
    return text


def _scientific(value: float) -> str:
    digits, _, power = _digits(value).partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits
