"""The front door: arms in, a dataset of their differences out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from vcohort.errors import VcohortError, one_of, refuse_other
from vcohort.given import confidence_of, names_of
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.results.arms.arm import (
    known_in_all,
    peaks_within,
    read_arm,
    settings_of,
    shared,
    warn_other_events,
    warn_other_populations,
)
from vcohort.results.arms.dataset import Row, dataset_of, over_populations
from vcohort.results.arms.differences import ITSELF, difference, error_of
from vcohort.results.arms.hazards import NONE, hazard_of
from vcohort.results.arms.measures import is_measured, measures_of
from vcohort.results.arms.treated import treated
from vcohort.results.survival import check_days
from vcohort.simulation.dataset import provenance
from vcohort.simulation.run import Run
from vcohort.tables.days import days_of

_DAYS = (90.0, 180.0, 365.0)

_EXAMPLE = '{"one": ds, "two": other}'


def compare(
    arms: Mapping[str, Any],
    reference: str | None = None,
    *,
    cohort: Cohort | Sequence[Cohort] | None = None,
    run: Run | None = None,
    days: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> xr.Dataset:
    """Compare arms: who is cured, who progresses and when, mean free days, peaks, responses.

    ``arms``: by name, datasets of :func:`vcohort.simulate`; or treatments, each a
    :class:`vcohort.Regimen`, that one ``cohort`` is given with the settings of a ``run``: the
    probability of cure is then compared too, by the closed form, without chance.

    Arms of the same patients are compared patient by patient, as no trial can: what is alike in
    both (parameters that were drawn alike, their chance) falls out of the difference, which is then
    known much better than either value. They are told by their labels, the seed that drew
    them, and their parameters, of which an arm may change some (another dose, another product);
    others are compared as independent groups. All is counted up to the shortest horizon of
    the arms. Patients without an outcome in one of the arms are left out of all that are paired.

    Errors are those of Monte Carlo, of so many virtual patients: they fall with more of them, and
    say nothing of what a trial would show (:class:`vcohort.Trial`). How sure the parameters are is
    told where an arm is a list of datasets, one of each population that may be the true one, or
    ``cohort`` a list of cohorts (:func:`vcohort.drawn_populations`). There is no p-value: of enough
    virtual patients any difference would be sure.

    :param reference: the arm that others are set against; by default the first.
    :param days: days of survival, by default 90, 180 and 365, as far as all arms go.
    :returns: over ``arm`` and ``statistic``: ``value``, ``value_error``, ``difference`` to the
        reference, ``difference_error``, ``lower`` and ``upper``; of several populations the means
        over them, and ``parameter_lower`` and ``parameter_upper``, between which the share
        ``confidence`` of them has its difference, ``difference_of_each`` (population, …). Over
        ``arm``: ``patients``, ``paired``; ``hazard_ratio`` of progression with ``…_lower`` and
        ``…_upper``, NaN where nobody progresses in one arm, and, with a warning, where the curves
        cross, on ``crossing_day``: a single ratio would say nothing there, and where the effect
        comes late it is a mean over the events. Statistics, each with its ``unit``: ``cure``,
        ``cure_probability`` (of treatments), ``progression``, ``pfs_DAY``, ``rmst_DAY`` (the mean
        of free days until then), ``median`` (day of progression, infinite where it is not reached);
        where all arms have the endpoints, ``C_max`` (unless a peak comes later than all arms
        go), and ``complete_response`` and
        ``overall_response``, with ``_DAY`` those of :class:`vcohort.Response`.
    :raises VcohortError: for fewer than two arms, days beyond an arm's horizon, a day twice.
    """
    refuse_other("arms", arms, Mapping, f"a mapping, {_EXAMPLE}")
    if len(arms) < 2:
        raise VcohortError(f"Give two arms at least: vc.compare({_EXAMPLE}).")
    names = names_of("arms", list(arms), _EXAMPLE, "names")
    confidence = confidence_of(confidence)
    against = names[0] if reference is None else one_of("arm", reference, names)
    populations = populations_of(arms, cohort, run)
    found = [_of_one(each, against, days, confidence) for each in populations]
    ds = over_populations([each for each, _ in found], confidence)
    return ds.assign_attrs(
        **provenance("arms"), reference=against, confidence=confidence,
        horizon=min(last for _, last in found), arms_record=settings_of(populations[0]),
    )  # fmt: skip


def populations_of(
    arms: Mapping[str, Any], cohort: Any = None, run: Run | None = None
) -> list[dict[str, xr.Dataset]]:
    """Return the arms' datasets, of each population that may be the true one."""
    if any(isinstance(each, Regimen) for each in arms.values()):
        return treated(arms, cohort, run)
    if cohort is not None or run is not None:
        raise VcohortError(
            "cohort and run are for arms that are treatments. Give each arm a vc.Regimen, or leave "
            "them out."
        )
    lists = {
        name: list(arm) if isinstance(arm, list | tuple) else [arm] for name, arm in arms.items()
    }
    counts = {name: len(each) for name, each in lists.items()}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        raise VcohortError(f"Each arm must have a dataset of each population, not {counts}.")
    count = next(iter(counts.values()))
    return [{name: each[index] for name, each in lists.items()} for index in range(count)]


def _of_one(
    arms: Mapping[str, Any], against: str, days: Sequence[float] | None, confidence: float
) -> tuple[xr.Dataset, float]:
    """Return the comparison in one population, and the day to which it goes."""
    read = {name: read_arm(name, ds, stacklevel=6) for name, ds in arms.items()}
    warn_other_events(read, stacklevel=4)
    warn_other_populations(read, stacklevel=4)
    last = min(arm.last for arm in read.values())
    at = days_within(days, last)
    read, paired = known_in_all(read, against)
    first = read[against].ds
    variables = shared(read, (str(name) for name in first.data_vars if is_measured(str(name))))
    if not peaks_within(read, last):
        variables = [name for name in variables if name != "C_max"]
    measured = {name: list(measures_of(arm, at, last, variables)) for name, arm in read.items()}
    rows = [
        Row(
            [each.value for each in mine],
            [error_of(each.each) for each in mine],
            [ITSELF if name == against else difference(each, base, paired[name], confidence)
             for each, base in zip(mine, measured[against], strict=True)],
            read[name].outcome.size,
            paired[name],
            NONE if name == against else hazard_of(
                read[name], read[against], last, paired[name], confidence, names=(name, against)
            ),
        )
        for name, mine in measured.items()
    ]  # fmt: skip
    labels = [(each.name, each.unit) for each in measured[against]]
    return dataset_of(list(read), labels, rows), last


def days_within(days: Sequence[float] | None, last: float) -> np.ndarray:
    """Return the days of survival: those given, or as many of the usual as all arms reach."""
    if days is None:
        return np.array([day for day in _DAYS if day <= last] or [last])
    at = days_of("days", days)
    check_days(at, last)
    if not 0 < at.size == len({f"{day:g}" for day in at}):
        raise VcohortError(f"days = {days!r} must hold at least one day, and each once.")
    return at
