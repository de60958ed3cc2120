"""Parameter values as text, the same on the command line and in study files.

A number, or a distribution by its name: ``0.1``, ``lognormal(0.1, 0.3)``,
``normal(0.1, 0.02)``, ``uniform(0.05, 0.3)``, ``fixed(0.1)``, ``empirical(zuma1)``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vcohort.errors import VcohortError, unknown

if TYPE_CHECKING:
    from vcohort.populations.distributions import Distribution

T = TypeVar("T")

_CALL = re.compile(r"\s*([A-Za-z]+)\s*\((.*)\)\s*")


def parse_value(text: str | float) -> float | Distribution:
    """Return the number or distribution that a text says."""
    if not isinstance(text, str):
        return float(text)
    call = _CALL.fullmatch(text)
    if call is None:
        return _number(text)
    from vcohort.populations.distributions import families_in_text

    name, known = call.group(1).lower(), families_in_text()
    if name not in known:
        raise unknown("distribution", name, known)
    return known[name].from_text(*(part.strip() for part in call.group(2).split(",")))


def is_number(value: str | float) -> bool:
    """Whether a value is one number, and no distribution that varies."""
    from vcohort.populations.distributions import is_distribution, varies

    parsed: Any = parse_value(value)
    return not (is_distribution(parsed) and varies(parsed))


def parse_setting(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise VcohortError(f"{text!r} is no setting. Write NAME=VALUE, such as r_B=0.1.")
    return name.strip(), value.strip()


def by_name(flag: str, pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Return what a flag that may be repeated says, by name; refuse a name given twice."""
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise VcohortError(f"{flag} gives {name} twice. Keep one.")
        found[name] = value
    return found


def parse_fields(
    flag: str, text: str, names: tuple[str, ...], least: int | None = None
) -> dict[str, float]:
    """Return the numbers of ``100:0.01`` under their names, all or the first ``least`` of them."""
    parts = text.split(":")
    fewest = len(names) if least is None else least
    form = " or ".join(
        ":".join(name.upper() for name in names[:count]) for count in range(fewest, len(names) + 1)
    )
    if not fewest <= len(parts) <= len(names):
        lot = "few" if len(parts) < fewest else "many"
        raise VcohortError(f"{flag} {text!r} has too {lot} parts. Write {form}.")
    try:
        return {name: parse_number(part) for name, part in zip(names, parts, strict=False)}
    except ValueError:
        raise VcohortError(
            f"{flag} {text!r} is not understood. Write {form}, finite numbers."
        ) from None


def parse_depletion(flag: str, text: str) -> dict[str, Any]:
    """Return day and survival of a lymphodepletion.

    ``100:0.01``, of normal and CAR T cells ``100:0.01,0.1``, by compartment ``100:N=0.01,M=0.5``.
    """
    day, _, survival = text.partition(":")
    if not {"=", ","} & {*survival}:
        return dict(parse_fields(flag, text, ("day", "survival")))
    parts = survival.split(",")
    named = by_name(flag, map(parse_setting, parts)) if "=" in survival else None
    try:
        shares = (
            [parse_number(part) for part in parts]
            if named is None
            else {name: parse_number(part) for name, part in named.items()}
        )
        return {"day": parse_number(day), "survival": shares}
    except ValueError:
        raise VcohortError(
            f"{flag} {text!r} is not understood. Write DAY:SURVIVAL, DAY:NORMAL,CAR or "
            "DAY:N=SURVIVAL,C=SURVIVAL, finite numbers."
        ) from None


def parse_number(text: str) -> float:
    """Return a finite number.

    :raises ValueError: for all else.
    """
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def parse_range(flag: str, text: str) -> np.ndarray:
    """Return the numbers of ``LOW:HIGH:COUNT``, evenly spaced."""
    fields = parse_fields(flag, text, ("low", "high", "count"))
    count = fields["count"]
    if not (1 <= count <= 10_000 and count == int(count)):
        raise VcohortError(
            f"{flag} {text!r} is not understood. Write LOW:HIGH:COUNT, the last a whole number."
        )
    return np.linspace(fields["low"], fields["high"], int(count))


def parse_axis(name: str, text: str) -> Any:
    """Return what a text sweeps: values, a pair (low, high), or a distribution.

    ``6e10,7e10``, ``6e10:8e10:21``, ``1e8:1e11:7:log`` (even ratios), ``6e10:8e10``,
    ``uniform(6e10, 8e10)``.
    """
    if "(" in text:
        return parse_value(text)
    wrong = VcohortError(
        f"The axis {name} = {text!r} is not understood. Write values with commas, LOW:HIGH:COUNT, "
        "LOW:HIGH:COUNT:log, or LOW:HIGH in a design."
    )
    even, is_log = text.removesuffix(":log"), text.endswith(":log")
    try:
        parts = [parse_number(part) for part in even.replace(":", ",").split(",")]
    except ValueError:
        raise wrong from None
    if ":" not in even:
        return np.array(parts)
    if "," in even or len(parts) not in {2, 3} or (is_log and (len(parts) < 3 or min(parts) <= 0)):
        raise wrong
    if len(parts) == 2:
        return tuple(parts)
    low, high, count = parts
    if not (1 <= count <= 1_000_000 and count == int(count)):
        raise wrong
    return (np.geomspace if is_log else np.linspace)(low, high, int(count))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise VcohortError(
            f"{text!r} is neither a number nor a distribution such as lognormal(0.1, 0.3)."
        ) from None
