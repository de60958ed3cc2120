"""What the numbers of a run may be: told before JAX is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vcohort.errors import VcohortError, one_of
from vcohort.given import number

MOST_DAYS = 1e6

DTYPES = ("float32", "float64")

# Rounding alone moves ln B by about this much, over a few hundred steps.
_FINEST = {"float32": 2e-4, "float64": 1e-11}


def numbers_within(settings: Mapping[str, Any]) -> dict[str, float]:
    """Return the settings of a run that are measured, each a possible float.

    ``settings``: those of :class:`vcohort.Run`, by name.
    """
    dtype = one_of("dtype", settings["dtype"], DTYPES)
    found: dict[str, float] = {}
    for name in ("horizon", "threshold", "progression", "tolerance"):
        found[name] = number(name, settings[name])
        require(math.isfinite(found[name]), name, found[name], "a finite number")
    horizon, threshold, progression, tolerance = found.values()
    require(horizon > 0, "horizon", horizon, "greater than 0 days")
    require(horizon <= MOST_DAYS, "horizon", horizon, "at most 1e6 days")
    require(threshold >= 1, "threshold", threshold, "at least 1 cell")
    require(threshold <= 1e5, "threshold", threshold, "at most 1e5 cells")
    require(progression > 1, "progression", progression, "greater than 1")
    finest = _FINEST[dtype]
    hint = ": finer needs dtype='float64'" if dtype == "float32" else ""
    require(
        finest <= tolerance <= 1, "tolerance", tolerance,
        f"between {finest:g} and 1 in {dtype}{hint}",
    )  # fmt: skip
    return found


def require(condition: bool, name: str, value: Any, bound: str) -> None:
    """Refuse a setting that is out of its bound."""
    if not condition:
        raise VcohortError(f"{name} = {value!r} is impossible: it must be {bound}.")
