"""A problem of treatment: what is free, between which bounds, beside what is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from vcohort.analysis.sensitivity.outputs import Outputs
from vcohort.errors import VcohortError, unknown
from vcohort.given import number, numbers
from vcohort.models.shared import C0
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion, Lymphodepletion

UNITS = {"day": "day", "cells": "cells", "survival": "1"}

# The earliest day of a second infusion.
_FIRST_DAY = 1e-3


class Plan(NamedTuple):
    """A problem of treatment: names of what is free, scaled to 0 … 1 between their bounds.

    ``given``: the treatments that are given in any case.
    """

    cohort: Cohort
    given: Regimen
    asked: Outputs
    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    fixed: dict[str, float]
    limit: float | None

    def fields(self, position: Any) -> dict[str, Any]:
        """Return day, cells and survival: days and survival evenly, cells by their log."""
        fields: dict[str, Any] = dict(self.fixed)
        for index, name in enumerate(self.names):
            low, high, share = self.low[index], self.high[index], position[index]
            if name == "cells":
                fields[name] = low * (high / low) ** share
            else:
                fields[name] = low + (high - low) * share
        return fields

    def regimen(self, position: Any) -> Regimen:
        """Return the treatments at a position."""
        fields = self.fields(position)
        infusion = Infusion(fields["day"], fields.get("cells"))
        return self.given.plus(infusion, Lymphodepletion(fields["day"], fields["survival"]))

    def middle(self) -> Regimen:
        """Return the treatments near the middle, on a day on which nothing else is given."""
        days = [np.ravel(each.day) for each in self.given.treatments]
        taken = np.unique(np.concatenate([np.zeros(1), *days]))
        shares = np.linspace(0.5, 0.6, taken.size)
        near = [share for share in shares if self.fields(self._at(share))["day"] not in taken]
        return self.regimen(self._at(near[0] if near else 0.5))

    def _at(self, share: float) -> np.ndarray:
        return np.full(len(self.names), share)


def make_plan(
    cohort: Cohort,
    bounds: Mapping[str, tuple[float, float] | float],
    asked: Outputs,
    limit: float | None,
) -> Plan:
    """Return the checked plan; bounds, objective and limit as of :func:`optimize_regimen`."""
    if limit is not None:
        limit = number("max_C_max", limit)
        if not limit > 0:
            raise VcohortError(f"max_C_max = {limit:g} is impossible: it must be greater than 0.")
    pairs = _pairs(bounds, asked.run.horizon)
    free = {name: pair for name, pair in pairs.items() if pair[0] < pair[1]}
    if not free:
        raise VcohortError("Every field is fixed: give a lowest and a highest value for one.")
    fixed = {"survival": 1.0} | {name: pair[0] for name, pair in pairs.items()}
    fixed = {name: value for name, value in fixed.items() if name not in free}
    low, high = np.array(list(free.values())).T
    asked.check(cohort)
    plan = Plan(cohort, asked.run.regimen, asked, tuple(free), low, high, fixed, limit)
    plan.middle()
    return plan


def _pairs(
    bounds: Mapping[str, tuple[float, float] | float], horizon: float
) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each field, the same where it is fixed."""
    if not isinstance(bounds, Mapping):
        raise VcohortError(f"bounds = {bounds!r} is impossible. Try {{'day': (20, 200)}}.")
    for name in bounds:
        if name not in UNITS:
            raise unknown("field", name, UNITS)
    if "day" not in bounds:
        raise VcohortError("bounds has no 'day'. Give its lowest and highest, or one number.")
    return {name: _pair(name, given, horizon) for name, given in bounds.items()}


def _pair(name: str, given: Any, horizon: float) -> tuple[float, float]:
    values = numbers(f"bounds of {name}", given)
    if values.size not in {1, 2}:
        raise VcohortError(f"The bounds of {name} must be two numbers, or one, not {values.size}.")
    low, high = float(values[0]), float(values[-1])
    if name == "day" and low == 0.0 < high:
        # Day 0 is that of the first infusion, which is always there.
        low = min(_FIRST_DAY, high)
    most = {"day": horizon, "cells": 1e18, "survival": 1.0}[name]
    least = {"day": _FIRST_DAY, "cells": 1.0, "survival": 0.0}[name]
    if not least <= low <= high <= most:
        raise VcohortError(
            f"The bounds of {name}, {low:g} and {high:g}, must lie within {least:g} … {most:g}, "
            "the smaller one first."
        )
    if name == "cells":
        C0.advise([low, high], "bounds of cells", stacklevel=7)
    return low, high
