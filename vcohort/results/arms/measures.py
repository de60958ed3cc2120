"""What arms are compared by: of each, what every patient adds to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy

from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.endpoints.response import CR, PR
from vcohort.results.arms.arm import Arm

# Of each patient, by the closed form: what vc.cure_probability returns.
EXACT = "cure_probability"

# Of a response on a day the variable's name begins so.
_OF_A_DAY = "response_day_"

# Half of the confidence of the order statistics between which a density is told.
_TAIL = 0.995


class Measure(NamedTuple):
    """A number of an arm, and how far it would move with each patient.

    ``each`` (patient,): its mean is the ``value``, or its spread is that of the value's error;
    ``reach``: how far apart two patients' can lie, NaN without a bound; ``is_share``: of patients
    who either count or do not.
    """

    name: str
    unit: str
    value: float
    each: np.ndarray
    reach: float = np.nan
    is_share: bool = False


def measures_of(
    arm: Arm, days: np.ndarray, last: float, variables: Sequence[str]
) -> Iterator[Measure]:
    """Yield the measures of an arm, counted until the day ``last``.

    ``variables``: those of its dataset that all arms have.
    """
    early = arm.days <= last
    progression = np.where((arm.outcome == PROGRESSION) & early, arm.days, np.inf)
    yield _share("cure", (arm.outcome == CURE) & early)
    if EXACT in variables:
        yield _mean(EXACT, "1", arm.values(EXACT), 1.0)
    yield _share("progression", np.isfinite(progression))
    for day in days:
        yield _share(f"pfs_{day:g}", progression > day)
    for day in days:
        yield _mean(f"rmst_{day:g}", "day", np.minimum(progression, day), float(day))
    yield median_of(progression)
    if "C_max" in variables:
        yield _mean("C_max", "cells", arm.values("C_max"))
    for name in variables:
        if is_response(name):
            flags = responses_of(name, arm.values(name))
            yield from (_share(label, each) for label, each in flags.items())


def is_measured(name: str) -> bool:
    """Whether a variable of a dataset is compared."""
    return name in {EXACT, "C_max"} or is_response(name)


def is_response(name: str) -> bool:
    """Whether a variable holds responses: the best, or those of a day."""
    return name == "best_response" or name.startswith(_OF_A_DAY)


def responses_of(name: str, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Return who has a complete response, and who a complete or partial one, by statistic."""
    day = f"_{name.removeprefix(_OF_A_DAY)}" if name.startswith(_OF_A_DAY) else ""
    return {
        f"complete_response{day}": codes == CR,
        f"overall_response{day}": np.isin(codes, (CR, PR)),
    }


def median_of(days: np.ndarray) -> Measure:
    """Return the median day of progression, infinite where half of the patients stay free of it.

    Its error is that of two order statistics about it (McKean & Schrader 1984, Commun. Stat. B
    13:751); NaN where the upper one is not reached.
    """
    count, ordered = days.size, np.sort(days)
    middle = ordered[-(-count // 2) - 1]
    away = scipy.stats.norm.ppf(_TAIL) * np.sqrt(count / 4.0)
    low = max(int(np.floor(count / 2.0 - away)), 0)
    high = min(int(np.ceil(count / 2.0 + away)), count - 1)
    with np.errstate(invalid="ignore"):
        sparsity = (ordered[high] - ordered[low]) / max((high - low) / count, 1.0 / count)
    sparsity = sparsity if np.isfinite(sparsity) else np.nan
    return Measure("median", "day", float(middle), sparsity * (0.5 - (days <= middle)))


def _share(name: str, flags: np.ndarray) -> Measure:
    return Measure(name, "1", float(flags.mean()), 1.0 * flags, 1.0, is_share=True)


def _mean(name: str, unit: str, each: np.ndarray, reach: float = np.nan) -> Measure:
    each = each.astype(np.float64)
    return Measure(name, unit, float(each.mean()), each, reach)
