"""What is kept of patients: counts, sums in whole numbers, quantiles.

Probabilities and days are added up as whole numbers of a small unit, so that the order in which
patients come cannot be seen in a sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from vcohort.endpoints import Variable
from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.sweeps.plan import Plan
from vcohort.sweeps.quantiles import histogram, histogram_quantiles, sorted_quantiles

Tally = dict[str, Any]
"""Arrays (cell, …) by name; those of whole numbers add up."""

# A probability is added up in units of 2^-32, a day in 2^-20: 2^17 patients stay below 2^63.
_UNIT_OF_P, _UNIT_OF_DAY = 2.0**32, 2.0**20

EVENTS: Mapping[str, int] = {"cure_day": CURE, "progression_day": PROGRESSION}


def numbers_of(plan: Plan) -> list[Variable]:
    """Return what an endpoint reads off as a number, beside the outcome."""
    return [each for each in _read(plan) if "flag_values" not in each.attrs]


def flags_of(plan: Plan) -> list[Variable]:
    """Return what an endpoint reads off as one of few meanings, beside the outcome."""
    return [each for each in _read(plan) if "flag_values" in each.attrs]


def _read(plan: Plan) -> list[Variable]:
    own = ("outcome", "event_time")
    variables = [each for endpoint in plan.run.endpoints for each in endpoint.variables]
    return [each for each in variables if each.name not in own]


def tally(xp: Any, plan: Plan, columns: Mapping[str, Any], whole: bool) -> Tally:
    """Reduce columns (cell, patient, …) to a tally.

    ``xp``: ``numpy`` or ``jax.numpy``. ``whole``: the columns hold all patients of their cells,
    so that quantiles can be taken; else histograms are.
    """
    outcome, day = columns["outcome"], columns["event_time"]
    progressed = outcome == PROGRESSION
    kept: Tally = {
        "patients": xp.sum(xp.ones_like(outcome, dtype="int64"), axis=1),
        "cured": xp.sum(outcome == CURE, axis=1),
        "progressed": xp.sum(progressed, axis=1),
        "free_days": _days(xp, xp.where(progressed, xp.minimum(day, plan.until), plan.until)),
    }
    # One day after the other: ten times as fast as all at once, on a CPU.
    if plan.days:
        days = xp.asarray(plan.days, day.dtype)
        by_day = [xp.sum(progressed & (day <= each), axis=1) for each in days]
        kept["progressed_by"] = xp.stack(by_day, axis=1)
    if "cure_probability" in columns:
        kept |= _of_probability(xp, "cure_probability", [columns["cure_probability"]], flat=True)
    if "pfs_probability" in columns:
        by_day = [columns["pfs_probability"][:, :, index] for index in range(len(plan.days))]
        kept |= _of_probability(xp, "pfs_probability", by_day)
    for flag in flags_of(plan):
        shown = [columns[flag.name] == value for value in flag.attrs["flag_values"]]
        kept[flag.name] = xp.stack([xp.sum(each, axis=1) for each in shown], axis=1)
    groups = {name: (day, outcome == event) for name, event in EVENTS.items()}
    everyone = xp.ones_like(progressed)
    groups |= {each.name: (columns[each.name], everyone) for each in numbers_of(plan)}
    for name, (values, inside) in groups.items():
        if whole:
            kept[f"{name}_quantile"] = sorted_quantiles(xp, values, inside, plan.quantiles)
        else:
            rows = zip(values, inside, strict=True)
            kept[f"{name}_histogram"] = xp.stack([histogram(xp, *row) for row in rows])
    return kept


def _of_probability(
    xp: Any, name: str, parts: Sequence[Any], *, flat: bool = False
) -> dict[str, Any]:
    """Return sums of probabilities and of their squares, (cell, part), or (cell,) if ``flat``."""
    parts = [part.astype("float64") for part in parts]
    sums = [_sum(xp, part, _UNIT_OF_P) for part in parts]
    squares = [_sum(xp, part * part, _UNIT_OF_P) for part in parts]
    join = (lambda found: found[0]) if flat else partial(xp.stack, axis=1)
    return {name: join(sums), f"{name}_square": join(squares)}


def _days(xp: Any, days: Any) -> Any:
    """Return the sum of days, and of their squares in coarser units, (cell, 2)."""
    days = days.astype("float64")
    return xp.stack([_sum(xp, days, _UNIT_OF_DAY), _sum(xp, days**2, 1.0)], axis=1)


def _sum(xp: Any, values: Any, unit: float) -> Any:
    return xp.sum(xp.rint(values * unit).astype("int64"), axis=1)


def merge(one: Tally, other: Tally) -> Tally:
    """Add up the tallies of two spans of a cell."""
    return {name: _wide(name, one[name]) + _wide(name, other[name]) for name in one}


def _wide(name: str, counts: Any) -> np.ndarray:
    """Return counts that do not overflow: sums in Python's own whole numbers."""
    return np.asarray(counts, np.int64 if name.endswith("_histogram") else object)


def quantiles_of(kept: Tally, name: str, levels: tuple[float, ...]) -> np.ndarray:
    """Return the quantiles (cell, level) of a tally."""
    if f"{name}_quantile" in kept:
        return np.asarray(kept[f"{name}_quantile"])
    rows = np.asarray(kept[f"{name}_histogram"]).astype(np.int64)
    return np.stack([histogram_quantiles(row, levels) for row in rows])


def mean_and_error(
    total: Any, squares: Any, patients: Any, unit: float = _UNIT_OF_P, unit_of_square: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of what was added up, and its standard error between patients."""
    count = np.asarray(patients, np.float64)
    mean = np.asarray(total, np.float64) / unit / count
    square = np.asarray(squares, np.float64) / (unit_of_square or unit) / count
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0) / np.maximum(count - 1, 1))


def mean_days(free_days: Any, patients: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of days, and its standard error."""
    total, squares = np.asarray(free_days).T
    return mean_and_error(total, squares, patients, _UNIT_OF_DAY, 1.0)
