"""Errors and warnings that a user may see: what is wrong, why, and what to type instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VcohortError(ValueError):
    """A mistake in what the user asked for. Its text is written for the user."""


class VcohortWarning(UserWarning):
    """Something that runs, but is probably not what the user meant."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists all of them."""
    names = sorted(known)
    folded = {known_name.lower(): known_name for known_name in names}
    near = [folded[name.lower()]] if name.lower() in folded else []
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."


def unknown(what: str, name: str, known: Iterable[str]) -> VcohortError:
    """Return the error for a name that does not exist."""
    return VcohortError(f"Unknown {what} {name!r}. {did_you_mean(name, known)}")
