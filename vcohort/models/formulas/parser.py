"""From text to tree: sums, products, powers, functions; a blank between two factors multiplies.

    sum     = ["-"] product {("+" | "-") product}
    product = power {"*" power | "/" power | power}
    power   = atom ["^" ["-"] power]
    atom    = number | name | function "(" sum {"," sum} ")" | "(" sum ")"

``r_B (1 - B / K_B)`` is a product, since r_B is no function. Read from left to right, as here,
``a / b c`` would be (a / b) c, which many take for a / (b c): it is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from vcohort.errors import VcohortError, did_you_mean
from vcohort.models.formulas.tree import ARGUMENTS, NEGATIVE, Call, Name, Number, Tree

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[-+*/^(),]))"
)

# A formula of a law has a line; brackets in brackets without end would end Python.
_LONGEST, _DEEPEST = 2000, 50


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


_END = _Token("end", "its end", -1)


def parse(text: str) -> Tree:
    """Return the tree of a formula.

    :raises VcohortError: for what is none, with the place where it stops to be one.
    """
    return _Parser(text).whole()


class _Parser:
    """Reads a text from left to right, one function a line of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self._at = 0
        if len(text) > _LONGEST:
            raise VcohortError(f"A formula of {len(text)} letters is too long to read.")
        self._tokens = list(self._cut())

    def whole(self) -> Tree:
        found = self._sum()
        if self._next is not _END:
            raise self._wrong("nothing more was expected")
        return found

    def _cut(self) -> list[_Token]:
        tokens: list[_Token] = []
        text, place = self._text.rstrip(), 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise self._wrong_at(text[place:].strip()[:1], "this is no part of a formula")
            tokens.append(_Token(found.lastgroup, found[found.lastgroup], found.start()))
            place = found.end()
        return tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _takes(self, *signs: str) -> bool:
        """Whether one of the signs comes next, which is then read."""
        found = self._next.kind == "sign" and self._next.text in signs
        self._at += found
        return found

    def _needs(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._wrong(f"{sign!r} was expected")

    def _sum(self) -> Tree:
        found = Call(NEGATIVE, (self._product(),)) if self._takes("-") else self._product()
        while self._takes("+", "-"):
            sign = self._tokens[self._at - 1].text
            found = Call(sign, (found, self._product()))
        return found

    def _product(self) -> Tree:
        found, is_divided = self._power(), False
        while True:
            if self._takes("*", "/"):
                sign = self._tokens[self._at - 1].text
                is_divided = sign == "/"
                found = Call(sign, (found, self._power()))
            elif self._next.kind in {"number", "name"} or self._next.text == "(":
                if is_divided:
                    raise self._wrong("after a division say what is divided by: a / (b c)")
                found = Call("*", (found, self._power()))
            else:
                return found

    def _power(self) -> Tree:
        base = self._atom()
        if not self._takes("^"):
            return base
        negative = self._takes("-")
        exponent = self._power()
        return Call("^", (base, Call(NEGATIVE, (exponent,)) if negative else exponent))

    def _atom(self) -> Tree:
        token = self._next
        if token.kind == "number":
            self._at += 1
            return Number(float(token.text))
        if token.kind == "name":
            self._at += 1
            return self._function(token) if token.text in ARGUMENTS else Name(token.text)
        if not self._takes("("):
            raise self._wrong("a number, a name or a bracket was expected")
        inside = self._inside()
        self._needs(")")
        return inside

    def _function(self, token: _Token) -> Tree:
        self._needs("(")
        parts = [self._inside()]
        while self._takes(","):
            parts.append(self._inside())
        self._needs(")")
        least, most = ARGUMENTS[token.text]
        if not least <= len(parts) <= most:
            raise self._wrong(f"{token.text} was given {len(parts)} parts")
        return Call(token.text, tuple(parts))

    def _inside(self) -> Tree:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("its brackets stand too deep in each other")
        found = self._sum()
        self._depth -= 1
        return found

    def _wrong(self, why: str) -> VcohortError:
        return self._wrong_at(self._next.text, why)

    def _wrong_at(self, what: str, why: str) -> VcohortError:
        hint = ""
        before = self._tokens[self._at - 1].text if self._at and hasattr(self, "_tokens") else ""
        if what == "(" and before not in ARGUMENTS:
            hint = f" {did_you_mean(before, ARGUMENTS)}"
        return VcohortError(f"The formula {self._text!r} cannot be read at {what!r}: {why}.{hint}")
