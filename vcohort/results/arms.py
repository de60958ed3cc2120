"""Arms compared: what one does that another does not, with the error of Monte Carlo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
import xarray as xr

from vcohort.endpoints.outcome import CURE, PROGRESSION
from vcohort.errors import VcohortError, one_of, refuse_other
from vcohort.given import confidence_of, names_of
from vcohort.results.followed import first_events
from vcohort.results.survival import check_days
from vcohort.tables.days import days_of

_DAYS = (90.0, 180.0, 365.0)


class _Arm(NamedTuple):
    """The labels of an arm's patients, and first events of those whose outcome is known.

    ``kept``: who these are; ``last``: day to which all were followed.
    """

    patient: np.ndarray
    kept: np.ndarray
    outcome: np.ndarray
    days: np.ndarray
    last: float


def compare(
    arms: Mapping[str, xr.Dataset],
    reference: str | None = None,
    *,
    days: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Compare arms: shares cured, free of progression by days, and restricted means.

    ``arms``: datasets of :func:`vcohort.simulate` by name. Arms whose patients have the same labels
    are compared patient by patient, as no trial can: what is alike in both (parameters that were
    drawn alike, their chance) falls out of the difference, which is then known much better than
    either value. Others are compared as independent groups. All is counted up to the shortest
    horizon of the arms. Patients without an outcome are left out, of a pair both.

    Errors are those of Monte Carlo, of so many virtual patients: they fall with more of them, and
    say nothing of what a trial would show (:func:`vcohort.virtual_trials`), nor of how sure the
    parameters are. There is no p-value: of enough virtual patients any difference would be sure.

    :param reference: the arm that others are set against; by default the first.
    :param days: days of survival, by default 90, 180 and 365, as far as all arms go.
    :returns: over ``arm`` and ``statistic`` (``cure``, ``progression``, ``pfs_DAY`` and
        ``rmst_DAY``, the latter in days): ``value``, ``value_error``, ``difference`` to the
        reference, ``difference_error``, ``lower`` and ``upper`` (normal intervals of the
        difference); over ``arm``: ``patients`` and ``paired``.
    :raises VcohortError: for fewer than two arms, days beyond an arm's horizon, and a day twice.
    """
    refuse_other("arms", arms, Mapping, 'a mapping, {"one": ds, "two": other}')
    if len(arms) < 2:
        raise VcohortError('Give two arms at least: vc.compare({"one": ds, "two": other}).')
    names = names_of("arms", list(arms), '{"one": ds, "two": other}', "names")
    confidence = confidence_of(confidence)
    against = names[0] if reference is None else one_of("arm", reference, names)
    read = {name: _arm(name, arms[name]) for name in names}
    last = min(arm.last for arm in read.values())
    at = _days_within(days, last)
    labels = [name for name, _ in _statistics(read[against], at, last)]
    base = read[against]
    rows = [_row(arm, base, at, last) for arm in read.values()]
    wide = float(scipy.stats.norm.ppf(0.5 + confidence / 2.0))
    return _dataset(names, labels, rows, wide).assign_attrs(
        kind="arms", reference=against, confidence=confidence, horizon=last
    )


def _arm(name: str, ds: Any) -> _Arm:
    refuse_other(f"arm {name!r}", ds, xr.Dataset, "what vc.simulate returns")
    seen = first_events(ds, stacklevel=4)
    return _Arm(ds["patient"].values, seen.kept, seen.outcome, seen.days, float(seen.until.min()))


def _days_within(days: Sequence[float] | None, last: float) -> np.ndarray:
    if days is None:
        return np.array([day for day in _DAYS if day <= last] or [last])
    at = days_of("days", days)
    check_days(at, last)
    if not 0 < at.size == len({f"{day:g}" for day in at}):
        raise VcohortError(f"days = {days!r} must hold at least one day, and each once.")
    return at


def _statistics(arm: _Arm, days: np.ndarray, last: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each statistic, and what each patient adds to its mean."""
    early = arm.days <= last
    progression = np.where(arm.outcome == PROGRESSION, arm.days, np.inf)
    yield "cure", 1.0 * ((arm.outcome == CURE) & early)
    yield "progression", 1.0 * (progression <= last)
    for day in days:
        yield f"pfs_{day:g}", 1.0 * (progression > day)
    for day in days:
        yield f"rmst_{day:g}", np.minimum(progression, day)


def _row(arm: _Arm, base: _Arm, days: np.ndarray, last: float) -> dict[str, Any]:
    """Return an arm's values and differences, each with its error."""
    mine = np.stack([each for _, each in _statistics(arm, days, last)])
    theirs = np.stack([each for _, each in _statistics(base, days, last)])
    pairs = _pairs(arm, base)
    if pairs is None:
        difference = mine.mean(axis=1) - theirs.mean(axis=1)
        error = np.hypot(_error(mine), _error(theirs))
    else:
        each = mine[:, pairs[0]] - theirs[:, pairs[1]]
        difference, error = each.mean(axis=1), _error(each)
    return {"value": mine.mean(axis=1), "value_error": _error(mine), "difference": difference,
            "difference_error": error, "patients": mine.shape[1],
            "paired": pairs is not None}  # fmt: skip


def _pairs(arm: _Arm, base: _Arm) -> tuple[np.ndarray, np.ndarray] | None:
    """Return where the patients of both arms are; None where they are others."""
    labels = [np.sort(each.patient) for each in (arm, base)]
    is_one_each = np.unique(labels[0]).size == labels[0].size
    if not (is_one_each and np.array_equal(labels[0], labels[1])):
        return None
    mine, theirs = (each.patient[each.kept] for each in (arm, base))
    _, first, second = np.intersect1d(mine, theirs, return_indices=True)
    return first, second


def _error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of each row's mean."""
    count = values.shape[1]
    return (
        values.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(values), np.nan)
    )


def _dataset(
    names: Sequence[str], labels: Sequence[str], rows: Sequence[Mapping[str, Any]], wide: float
) -> xr.Dataset:
    found = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
    found |= {"lower": found["difference"] - wide * found["difference_error"],
              "upper": found["difference"] + wide * found["difference_error"]}  # fmt: skip
    about = {
        "value": "share of patients, or mean days", "value_error": "standard error of the value",
        "difference": "difference to the reference",
        "difference_error": "standard error of the difference",
        "lower": "lower end of the difference", "upper": "upper end of the difference",
        "patients": "patients with an outcome",
        "paired": "compared with the reference patient by patient",
    }  # fmt: skip
    both, units = ("arm", "statistic"), "day for rmst, else 1"
    variables = {
        name: (both if found[name].ndim == 2 else ("arm",), found[name],
               {"units": units if found[name].ndim == 2 else "1", "long_name": text})
        for name, text in about.items()
    }  # fmt: skip
    return xr.Dataset(variables, {"arm": list(names), "statistic": list(labels)})
