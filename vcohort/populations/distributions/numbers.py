"""The numbers of a distribution, as users and texts give them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from vcohort.errors import VcohortError
from vcohort.given import number


def number_of(name: str, value: Any) -> float:
    """Return one finite number as a float, whatever kind it was given as; refuse all else."""
    found = value if type(value) is float else number(name, value)
    if not math.isfinite(found):
        raise VcohortError(f"{name} = {found!r} is impossible: it must be a finite number.")
    return found


def keep(law: Any, name: str) -> float:
    """Keep a number that was given as a float."""
    given = number_of(f"{type(law).__name__}: {name}", getattr(law, name))
    object.__setattr__(law, name, given)
    return given


def require(condition: bool, law: Any, name: str, bound: str) -> None:
    """Refuse a number of a distribution that is out of its bound."""
    if not condition:
        raise VcohortError(
            f"{type(law).__name__}: {name} = {getattr(law, name)!r} is impossible: it must be "
            f"{bound}."
        )


def text_name(family: str) -> str:
    """Return how a text calls a family: by letters alone, ``lognormal(0.1, 0.3)``."""
    return family.replace("-", "")


def in_text(family: str, inside: Sequence[str], count: int) -> list[float]:
    """Return the numbers in the brackets of a family's text."""
    name = text_name(family)
    whole = f"{name}({', '.join(inside)})"
    if len(inside) != count:
        noun = "number" if count == 1 else "numbers"
        raise VcohortError(f"{whole!r}: {name} takes {count} {noun}, not {len(inside)}.")
    return [_number(whole, part) for part in inside]


def _number(whole: str, part: str) -> float:
    try:
        return float(part)
    except ValueError:
        raise VcohortError(f"{whole!r} is not understood: {part!r} is no number.") from None
