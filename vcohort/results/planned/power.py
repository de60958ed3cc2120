"""What trials find, over many replicates of one: intervals, power, assurance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy
import xarray as xr

from vcohort.results.arms.arm import Arm, settings_of, shared
from vcohort.results.arms.compare import days_within
from vcohort.results.arms.measures import is_response, responses_of
from vcohort.results.planned.estimates import Curves, log_rank_of
from vcohort.results.planned.watched import Watched, watch
from vcohort.results.survival import check_days
from vcohort.simulation.dataset import provenance

_FOUND = {
    "middle": "median of what the trials find",
    "lower": "lower end of what they find",
    "upper": "upper end of what they find",
}


class Plan(NamedTuple):
    """A trial's sizes by arm, its days of enrolment, losses, visits and analysis, its reference."""

    sizes: Mapping[str, int]
    enrolment: float
    dropout: float
    visits: Sequence[float] | None
    analysis: float
    reference: str


class _Found(NamedTuple):
    """What trials find: (arm, statistic, trial); events and log-rank statistics (arm, trial)."""

    values: np.ndarray
    events: np.ndarray
    ranks: np.ndarray


def predicted(
    plan: Plan, populations: Sequence[Mapping[str, Arm]], trials: int, days: Any, confidence: float,
    alpha: float, seed: int,
) -> xr.Dataset:  # fmt: skip
    """Return the dataset of :meth:`vcohort.Trial.predict`."""
    at = days_within(days, plan.analysis - plan.enrolment if days is None else plan.analysis)
    check_days(at, plan.analysis)
    parts = np.array_split(np.arange(trials), len(populations))
    labels = _labels(populations[0], at)
    found = [
        _find(plan, arms, at, labels, seed, part)
        for arms, part in zip(populations, parts, strict=True)
    ]
    joined = _Found(*(np.concatenate(each, axis=-1) for each in zip(*found, strict=True)))
    names = list(plan.sizes)
    first = names.index(plan.reference)
    tails = ((1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0)
    ds = xr.Dataset(
        _of_statistics(joined.values, first, tails),
        {"arm": names, "statistic": [name for name, _ in labels],
         "unit": ("statistic", [unit for _, unit in labels])},
    )  # fmt: skip
    limit = float(scipy.stats.norm.isf(alpha / 2.0))
    ds = ds.assign(_of_tests(joined, first, limit, [plan.sizes[name] for name in names]))
    if len(populations) > 1:
        ds = ds.assign(_of_populations(found, first, limit))
    visits = "at all times" if plan.visits is None else ", ".join(f"{day:g}" for day in plan.visits)
    return ds.assign_attrs(
        **provenance("planned_trial"), reference=plan.reference, trials=trials,
        populations=len(populations), enrolment=plan.enrolment, dropout=plan.dropout,
        visits=visits, analysis=plan.analysis, confidence=confidence, alpha=alpha, seed=str(seed),
        arms_record=settings_of({name: arm.ds for name, arm in populations[0].items()}),
    )  # fmt: skip


def _labels(arms: Mapping[str, Arm], days: np.ndarray) -> list[tuple[str, str]]:
    first = next(iter(arms.values())).ds
    seen = shared(arms, (str(name) for name in first.data_vars if is_response(str(name))))
    return [
        *((f"pfs_{day:g}", "1") for day in days), *((f"rmst_{day:g}", "day") for day in days),
        ("median", "day"),
        *((name, "1") for each in seen for name in responses_of(each, np.zeros(1, np.int8))),
    ]  # fmt: skip


def _find(
    plan: Plan, arms: Mapping[str, Arm], days: np.ndarray, labels: Sequence[tuple[str, str]],
    seed: int, trials: np.ndarray,
) -> _Found:  # fmt: skip
    """Return what trials of these numbers find; each depends on the seed and its number alone."""
    watched = {
        name: watch(
            arms[name], size, [np.random.default_rng([seed, trial, place]) for trial in trials],
            enrolment=plan.enrolment, dropout=plan.dropout, visits=plan.visits,
            analysis=plan.analysis,
        )
        for place, (name, size) in enumerate(plan.sizes.items())
    }  # fmt: skip
    base = watched[plan.reference]
    return _Found(
        np.stack([_estimates(arms[name], each, days, labels) for name, each in watched.items()]),
        np.stack([each.progressed.sum(axis=-1) for each in watched.values()]),
        np.stack([np.zeros(len(trials)) if each is base else log_rank_of(each, base)
                  for each in watched.values()]),
    )  # fmt: skip


def _estimates(
    arm: Arm, watched: Watched, days: np.ndarray, labels: Sequence[tuple[str, str]]
) -> np.ndarray:
    """Return the estimates (statistic, trial) of an arm, in the order of the labels."""
    curves = Curves.of(watched)
    found = {f"pfs_{day:g}": curves.at(day) for day in days}
    found |= {f"rmst_{day:g}": curves.mean_until(day) for day in days}
    found["median"] = curves.median()
    for name in map(str, arm.ds.data_vars):
        if is_response(name):
            flags = responses_of(name, arm.values(name))
            found |= {label: each[watched.chosen].mean(axis=-1) for label, each in flags.items()}
    return np.stack([found[name] for name, _ in labels])


def _of_statistics(values: np.ndarray, first: int, tails: tuple[float, float]) -> dict[str, Any]:
    dims, units = ("arm", "statistic"), "that of the statistic: coordinate unit"
    with np.errstate(invalid="ignore"):
        away = values - values[first]
    found: dict[str, Any] = {}
    for prefix, drawn in (("", values), ("difference_", away)):
        ends = _quantiles(drawn, (0.5, *tails))
        for name, (side, text) in zip(("middle", "lower", "upper"), _FOUND.items(), strict=True):
            label = prefix + name if name != "middle" or not prefix else "difference"
            about = text if not prefix else f"{text}, difference to the reference"
            found[label] = (dims, ends[side], {"units": units, "long_name": about})
    told = np.mean(~np.isnan(values), axis=-1)
    return found | {"told": (dims, told, {"units": "1", "long_name": "trials that can tell it"})}


def _quantiles(values: np.ndarray, levels: Sequence[float]) -> dict[str, np.ndarray]:
    """Return quantiles over trials that are values of them: some are infinite."""
    ordered = np.sort(values, axis=-1)
    known = np.sum(~np.isnan(values), axis=-1)
    found = {}
    for name, level in zip(_FOUND, levels, strict=True):
        place = np.clip(np.ceil(level * known).astype(int) - 1, 0, values.shape[-1] - 1)
        found[name] = np.take_along_axis(ordered, place[..., None], -1)[..., 0]
    return found


def _of_tests(found: _Found, first: int, limit: float, sizes: Sequence[int]) -> dict[str, Any]:
    shares = {
        "power": (_significant(found.ranks, first, limit), "trials with a significant difference"),
        "better": (_significant(found.ranks, first, limit, better=True),
                   "trials with a significant difference in favour of the arm"),
    }  # fmt: skip
    power = shares["power"][0]
    error = np.sqrt(power * (1.0 - power) / found.ranks.shape[-1])
    of_arms = {
        "patients": (np.array(sizes), "patients of a trial"),
        "events": (found.events.mean(axis=-1), "mean number of progressions seen"),
        **shares,
        "power_error": (error, "standard error of the power"),
    }
    return {name: ("arm", values, {"units": "1", "long_name": text})
            for name, (values, text) in of_arms.items()}  # fmt: skip


def _of_populations(found: Sequence[_Found], first: int, limit: float) -> dict[str, Any]:
    power = np.stack([_significant(each.ranks, first, limit) for each in found])
    better = np.stack([_significant(each.ranks, first, limit, better=True) for each in found])
    about = {"units": "1", "long_name": "power in each population"}
    return {
        "power_of_each": (("population", "arm"), power, about),
        "assurance": (
            "arm", better.mean(axis=0),
            {"units": "1", "long_name": "mean over populations of a significant benefit"},
        ),
    }  # fmt: skip


def _significant(
    ranks: np.ndarray, first: int, limit: float, *, better: bool = False
) -> np.ndarray:
    """Return the share of trials (arm,); NaN of the reference."""
    share = np.mean((-ranks if better else np.abs(ranks)) > limit, axis=-1)
    share[first] = np.nan
    return share
