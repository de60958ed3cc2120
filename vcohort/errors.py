"""Errors and warnings that a user may see: what is wrong, why, and what to type instead."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any


class VcohortError(ValueError):
    """A mistake in what the user asked for. Its text is written for the user."""


class VcohortWarning(UserWarning):
    """Something that runs, but is probably not what the user meant."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists all of them."""
    names = sorted(known)
    folded = {known_name.lower(): known_name for known_name in names}
    near = [folded[name.lower()]] if name.lower() in folded else []
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."


def unknown(what: str, name: Any, known: Iterable[str]) -> VcohortError:
    """Return the error for a name that does not exist, or is no text."""
    names = [str(each) for each in known]
    return VcohortError(f"Unknown {what} {reprlib.repr(name)}. {did_you_mean(str(name), names)}")


def one_of(what: str, name: Any, known: Iterable[str]) -> str:
    """Return a name that is one of those known; refuse all else, of any type."""
    names = list(known)
    if not isinstance(name, str) or name not in names:
        raise unknown(what, name, names)
    return name


def refuse_other(name: str, value: Any, kind: type, example: str) -> None:
    """Refuse a value that is not of a ``kind``; ``example`` shows how to make one."""
    if not isinstance(value, kind):
        raise VcohortError(
            f"{name} = {reprlib.repr(value)} is a {type(value).__name__}, where a "
            f"{kind.__name__} is needed. Try {example}."
        )
