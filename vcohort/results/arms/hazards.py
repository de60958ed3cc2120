"""The hazard ratio of two arms, where it means something: where their curves do not cross."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import scipy

from vcohort.endpoints.outcome import PROGRESSION
from vcohort.errors import VcohortWarning
from vcohort.results.arms.arm import Arm
from vcohort.results.arms.differences import error_of
from vcohort.results.cox import hazard_ratio

# Curves cross where either is above the other by so many standard errors, on one of so many days.
_SURE, _LOOKS = 3.0, 100


class Hazard(NamedTuple):
    """A hazard ratio with its interval, of so many virtual patients, and the day of a crossing."""

    ratio: float
    lower: float
    upper: float
    crossing: float


NONE = Hazard(*[float("nan")] * 4)


def hazard_of(
    mine: Arm, base: Arm, last: float, is_paired: bool, confidence: float, *, names: tuple[str, str]
) -> Hazard:
    """Return the hazard of an arm relative to the reference's, by Cox's partial likelihood.

    As in :func:`vcohort.hazard_ratio` the cured stay free, and are followed as long as all others.
    Its error is the robust one (Lin & Wei 1989, J. Am. Stat. Assoc. 84:1074), of pairs where the
    arms have the same patients. NaN where nobody progresses in one of them, or all of one before
    any of the other, and, with a warning,
    where their curves cross: then no one number says which is better.
    """
    events = [(each.outcome == PROGRESSION) & (each.days <= last) for each in (mine, base)]
    days = [np.where(event, each.days, last)
            for event, each in zip(events, (mine, base), strict=True)]  # fmt: skip
    if not all(each.any() for each in events):
        return NONE
    crossing = _crossing(days, events, is_paired)
    if np.isfinite(crossing):
        warnings.warn(
            f"The curves of {names[0]} and {names[1]} cross, near day {crossing:.0f}: there is no "
            "one hazard ratio. Compare the restricted means, rmst_DAY.",
            VcohortWarning,
            stacklevel=5,
        )
        return NONE._replace(crossing=crossing)
    tables = [{"time": time, "event": event.astype(int)}
              for time, event in zip(days, events, strict=True)]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error", VcohortWarning)
        try:
            log = float(np.log(hazard_ratio(tables[0], tables[1]).ratio))
        except VcohortWarning:
            # It grows without end: all of one arm progress before any of the other.
            return NONE
    moved = _moved(np.concatenate(days), np.concatenate(events), days[0].size, log)
    parts = [moved[: days[0].size], moved[days[0].size :]]
    each = [parts[0] + parts[1]] if is_paired else parts
    wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
    error = float(np.sqrt(sum((part**2).sum() for part in each)))
    ends = np.exp([log, log - wide * error, log + wide * error]).tolist()
    return Hazard(ends[0], ends[1], ends[2], float("nan"))


def _moved(days: np.ndarray, events: np.ndarray, first: int, log: float) -> np.ndarray:
    """Return by how much each patient moves the log ratio; the ``first`` are those of the arm."""
    is_mine = np.arange(days.size) < first
    order = np.argsort(days, kind="stable")
    day, event, mine = days[order], events[order].astype(float), is_mine[order].astype(float)
    weight = np.exp(log * mine)
    start = np.searchsorted(day, day, side="left")
    at_risk = np.cumsum(weight[::-1])[::-1][start]
    share = np.cumsum((weight * mine)[::-1])[::-1][start] / at_risk
    end = np.searchsorted(day, day, side="right") - 1
    hazard = np.cumsum(event / at_risk)[end]
    hazard_of_share = np.cumsum(event * share / at_risk)[end]
    score = event * (mine - share) - weight * (mine * hazard - hazard_of_share)
    information = (event * share * (1.0 - share)).sum()
    found = np.empty_like(score)
    found[order] = score / information
    return found


def _crossing(days: list[np.ndarray], events: list[np.ndarray], is_paired: bool) -> float:
    """Return the day on which the curves cross, for sure; NaN where they do not."""
    progression = [np.where(event, day, np.inf) for day, event in zip(days, events, strict=True)]
    seen = np.concatenate(progression)
    looks = np.unique(np.quantile(seen[np.isfinite(seen)], np.linspace(0.0, 1.0, _LOOKS)))
    above = np.array([_above(progression, day, is_paired) for day in looks])
    is_sure = np.abs(above) > _SURE
    signs, at = np.sign(above[is_sure]), looks[is_sure]
    turns = np.flatnonzero(np.diff(signs))
    return float((at[turns[0]] + at[turns[0] + 1]) / 2.0) if turns.size else float("nan")


def _above(progression: list[np.ndarray], day: float, is_paired: bool) -> float:
    """Return by how many standard errors more patients of the first are free on a day."""
    free = [1.0 * (each > day) for each in progression]
    parts = [free[0] - free[1]] if is_paired else free
    error = float(np.hypot.reduce([error_of(part) for part in parts]))
    away = float(free[0].mean() - free[1].mean())
    return away / error if error > 0 else 0.0
