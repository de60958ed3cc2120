"""Progression-free survival of virtual cohorts and of trials' patients: Kaplan-Meier, log-rank.

A patient's event is progression. Cured patients of a virtual cohort stay free of it, and are
censored at the horizon of their own run (variable ``followed_until``), so that cohorts of different
horizons may be joined; the undecided are censored when they were last seen. Patients without an
outcome are left out, with a warning. A trial's patients, a row each, are followed to their own day
of progression or censoring, and may be watched from a later day on (left truncation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from vcohort.errors import VcohortError, one_of
from vcohort.given import confidence_of, number
from vcohort.results.followed import Followed
from vcohort.results.kaplan_meier import BANDS, Steps, steps_of
from vcohort.results.trial import Patients, follow, follow_arrays
from vcohort.simulation.dataset import provenance
from vcohort.tables.days import day_of, days_of

_SHARE = {"units": "1"}
_DAY = {"units": "day", "long_name": "days since the first infusion"}


def kaplan_meier(
    patients: xr.Dataset | Patients | ArrayLike,
    event: ArrayLike | None = None,
    *,
    start: ArrayLike | None = None,
    confidence: float = 0.95,
    band: str = "log-log",
    until: float | None = None,
    landmark: float | None = None,
    endpoint: str | None = None,
) -> xr.Dataset:
    """Return the estimate of Kaplan and Meier, with all that is read off it.

    :param patients: the days followed (patient,), with ``event`` and, if wanted, ``start``; or a
        dataset of :func:`vcohort.simulate`; a trial of :func:`vcohort.read_trial`; a table, a row
        a patient, as of :func:`vcohort.progression_free_survival`, also an ADTTE.
    :param event: 1: progression, 0: censored (patient,).
    :param start: from which day on each is watched, by default 0 (patient,).
    :param confidence: of the intervals.
    :param band: ``"log-log"`` (normal on the scale ln(-ln S), Greenwood's variance) or
        ``"greenwood"`` (normal on that of S).
    :param until: day of the restricted mean, by default the last followed.
    :param landmark: only those who are free and followed after that day, watched from then on; days
        are counted from the infusion all the same.
    :param endpoint: the PARAMCD of an ADTTE that holds several.
    :return: over ``time``, day 0 and each on which anybody progressed or was censored:
        ``survival``, ``lower``, ``upper``, ``at_risk`` (just before the day), ``events`` and
        ``censored`` (on it); and ``median`` (the first day with half or less, infinite where it is
        not reached), ``median_lower``, ``median_upper`` (Brookmeyer & Crowley 1982, Biometrics
        38:29: where the band crosses one half), ``restricted_mean`` and its ``…_error``.
        Attributes: ``patients``, ``patients_missing``, ``confidence``, ``band``, ``until``.
    :raises VcohortError: for a mistake in the table, lists of different lengths, a landmark after
        which nobody is followed, a day of the restricted mean beyond the last followed.
    """
    one_of("band", band, BANDS)
    confidence = confidence_of(confidence)
    followed = _followed(patients, event, start, endpoint)
    if landmark is not None:
        followed = followed.from_day(day_of("landmark", landmark))
    end = followed.last if until is None else day_of("until", until)
    check_days(np.array([end]), followed.known_until)
    return _dataset(followed, confidence, band, end, landmark)


def _followed(
    patients: Any, event: ArrayLike | None, start: ArrayLike | None, endpoint: str | None
) -> Followed:
    if event is not None:
        if endpoint is not None:
            raise VcohortError(f"endpoint = {endpoint!r} is of a table, and lists are given.")
        return follow_arrays(patients, event, start)
    if isinstance(patients, list | tuple | np.ndarray | pd.Series):
        raise VcohortError(
            "A list of times does not tell who progressed. Give event, too: "
            "vc.kaplan_meier([90, 365], [1, 0])."
        )
    if start is not None:
        raise VcohortError("start is given with lists, time and event; a table has its column.")
    return follow(patients, endpoint)


def _dataset(
    followed: Followed, confidence: float, band: str, until: float, landmark: float | None
) -> xr.Dataset:
    steps = _from_day_0(followed, steps_of(followed))
    lower, upper = steps.band(confidence, band)
    # Where nobody is left there is no band, and no day until which the median must have come.
    told = np.where(steps.survival > 0, upper, 1.0)
    mean, error = steps.restricted_mean(until)
    percent = f"{100 * confidence:g} % confidence"
    curves = {
        "survival": (steps.survival, "progression-free survival"),
        "lower": (lower, f"lower end, {percent} band"),
        "upper": (upper, f"upper end, {percent} band"),
        "at_risk": (steps.at_risk, "patients at risk just before the day"),
        "events": (steps.events, "patients who progressed on the day"),
        "censored": (steps.censored, "patients censored on the day"),
    }
    numbers = {
        "median": (steps.first_half(steps.survival), "median survival"),
        "median_lower": (steps.first_half(lower), f"lower end, {percent} interval"),
        "median_upper": (steps.first_half(told), f"upper end, {percent} interval"),
        "restricted_mean": (mean, f"mean progression-free days until day {until:g}"),
        "restricted_mean_error": (error, "its standard error"),
    }
    attrs: dict[str, Any] = {
        "patients": followed.time.size,
        "patients_missing": followed.missing, "confidence": confidence, "band": band,
        "until": until, **provenance("survival"),
    }  # fmt: skip
    return xr.Dataset(
        {name: ("time", values, _SHARE | {"long_name": text})
         for name, (values, text) in curves.items()}
        | {name: ((), value, {"units": "day", "long_name": text})
           for name, (value, text) in numbers.items()},
        {"time": ("time", steps.time, _DAY)},
        attrs if landmark is None else attrs | {"landmark": float(landmark)},
    )  # fmt: skip


def _from_day_0(followed: Followed, steps: Steps) -> Steps:
    """Return the steps from day 0 on, on which all begin."""
    if steps.time[0] == 0:
        return steps
    first = Steps(
        np.zeros(1), np.array([(followed.start <= 0).sum()]), np.zeros(1, int), np.zeros(1, int),
        np.ones(1), np.zeros(1),
    )  # fmt: skip
    return Steps(*(np.concatenate(pair) for pair in zip(first, steps, strict=True)))


def progression_free_survival(
    ds: xr.Dataset | Patients, days: ArrayLike, confidence: float = 0.95
) -> xr.DataArray:
    """Return the Kaplan-Meier estimate (day,) of progression-free survival.

    ``ds``: a dataset of :func:`vcohort.simulate`; a trial of :func:`vcohort.read_trial`; or a
    trial's patients, a row each, as a CSV file's path, a data frame or columns by name: ``time`` in
    days (or a column ``day``, ``week``, ``month`` or ``year``), ``event`` (1: progression, 0:
    censored) and, if wanted, ``id`` and ``start``, the day from which on a patient is watched; or
    CDISC's ADTTE (``PARAMCD``, ``AVAL``, ``CNSR``).

    The coordinates ``lower`` and ``upper`` (day,) hold the pointwise confidence band
    (log-log transformed; Greenwood's variance). Attributes ``patients`` and ``patients_missing``:
    how many were counted, and left out. :func:`vcohort.kaplan_meier` gives the steps themselves.

    :raises VcohortError: for days beyond which nobody was followed, where no patient has an
        outcome, and for a trial's curve, which does not tell how many are followed.
    """
    at = days_of("days", days)
    confidence = confidence_of(confidence)
    followed = follow(ds)
    check_days(at, followed.known_until)
    steps = steps_of(followed)
    lower, upper = (steps.at(edge, 1.0, at) for edge in steps.band(confidence))
    percent = f"{100 * confidence:g} % confidence band"
    return xr.DataArray(
        steps.survival_at(at),
        dims="day",
        coords={
            "day": ("day", at, _DAY),
            "lower": ("day", lower, _SHARE | {"long_name": f"lower end, {percent}"}),
            "upper": ("day", upper, _SHARE | {"long_name": f"upper end, {percent}"}),
        },
        name="progression_free_survival",
        attrs=_SHARE
        | {
            "long_name": "progression-free survival", "patients": followed.time.size,
            "patients_missing": followed.missing,
        },
    )  # fmt: skip


def median_survival(ds: xr.Dataset | Patients) -> float:
    """Return the first day on which half of the patients or fewer are free of progression.

    ``ds``: a virtual cohort, or a trial's patients; see :func:`progression_free_survival`.
    Infinite where more than half are so at the horizon.
    """
    steps = steps_of(follow(ds))
    return steps.first_half(steps.survival)


def restricted_mean_survival(ds: xr.Dataset | Patients, day: float) -> float:
    """Return the mean progression-free time up to ``day``: the area under the survival curve.

    ``ds``: a virtual cohort, or a trial's patients; see :func:`progression_free_survival`.
    """
    day = number("day", day)
    followed = follow(ds)
    check_days(np.array([day]), followed.known_until)
    return steps_of(followed).restricted_mean(day)[0]


def check_days(days: np.ndarray, last: float) -> None:
    """Refuse days to which nobody was followed."""
    wrong = days[~((days >= 0) & (days <= last) & (days < np.inf))]
    if wrong.size:
        raise VcohortError(
            f"day = {wrong[0]:g} lies outside the run from 0 to its horizon, {last:g}. "
            "Simulate with a later horizon."
        )
