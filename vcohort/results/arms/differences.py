"""Differences of two arms' measures, with the error of so many virtual patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy

from vcohort.results.arms.measures import Measure


class Difference(NamedTuple):
    """A difference to the reference, its standard error, and the ends of its interval."""

    difference: float
    error: float
    lower: float
    upper: float


# The reference differs from itself by nothing, for sure.
ITSELF = Difference(0.0, 0.0, 0.0, 0.0)


def error_of(each: np.ndarray) -> float:
    """Return the standard error of a mean; NaN of one patient."""
    return float(each.std(ddof=1) / np.sqrt(each.size)) if each.size > 1 else float("nan")


def difference(mine: Measure, base: Measure, is_paired: bool, confidence: float) -> Difference:
    """Return by how much a measure differs from the reference's.

    Of pairs the error is that of the patients' own differences. Intervals are normal. Those of
    shares take one more pair for either side (Bonett & Price 2012, Br. J. Math. Stat. Psychol.
    65:430), or one more patient of either kind in each arm (Agresti & Caffo 2000, Am. Stat.
    54:280): they hold for shares near 0 and 1 too. Where no patient differs, the interval is what
    so many patients without one that does leave open.
    """
    # A median that is not reached is infinite, and differs by what nobody knows.
    is_known = np.isfinite(mine.value) and np.isfinite(base.value)
    middle = mine.value - base.value if is_known else float("nan")
    wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
    parts = [mine.each - base.each] if is_paired else [mine.each, base.each]
    error = float(np.hypot.reduce([error_of(part) for part in parts]))
    if mine.is_share:
        centre, half = _of_shares(parts)
        reach = (
            max(min(centre - wide * half, middle), -1.0),
            min(max(centre + wide * half, middle), 1.0),
        )
    elif error == 0 and np.isfinite(mine.reach):
        rest = mine.reach * max(_none_of(part.size, confidence) for part in parts)
        reach = (middle - rest, middle + rest)
    else:
        reach = (middle - wide * error, middle + wide * error)
    return Difference(middle, error, *reach)


def _of_shares(parts: list[np.ndarray]) -> tuple[float, float]:
    """Return the centre of the interval and its standard error."""
    if len(parts) == 1:
        more = np.concatenate([parts[0], [1.0, -1.0]])
        return float(more.mean()), float(more.std() / np.sqrt(more.size))
    shares, variances = np.transpose([_with_two_more(part) for part in parts])
    return float(shares[0] - shares[1]), float(np.sqrt(variances.sum()))


def _with_two_more(flags: np.ndarray) -> tuple[float, float]:
    share = (flags.sum() + 1.0) / (flags.size + 2.0)
    return share, share * (1.0 - share) / (flags.size + 2.0)


def _none_of(patients: int, confidence: float) -> float:
    """Return the largest share that has no member among so many (Clopper & Pearson 1934)."""
    return 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / patients)
