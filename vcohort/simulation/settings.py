"""The choices of a run, checked before any work starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vcohort.endpoints import Endpoint, Kinetics, Nadir, Outcome, Response
from vcohort.engine.methods.loop import METHODS as STEPPED
from vcohort.errors import VcohortError, unknown
from vcohort.given import number, numbers, whole
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen

METHODS = (*STEPPED, "exact")

DTYPES = ("float32", "float64")

# Rounding alone moves ln B by about this much, over a few hundred steps.
_FINEST = {"float32": 2e-4, "float64": 1e-11}

# What a dataset holds beside parameters, treatments and endpoints.
_OWN = [("the dataset", name) for name in ("patient", "time", "N", "C", "B")]


@dataclass(frozen=True)
class RunSettings:
    """How to run a cohort; see :func:`vcohort.simulate` for the meaning of each field."""

    method: str = "hybrid"
    horizon: float = 2000.0
    threshold: float = 100.0
    progression: float = 1.2
    save_at: Sequence[float] | None = None
    seed: int = 0
    tolerance: float = 1e-3
    dtype: str = "float32"
    endpoints: tuple[Endpoint, ...] = field(default=())
    regimen: Regimen = field(default=Regimen())

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown("method", self.method, METHODS)
        if not isinstance(self.regimen, Regimen):
            raise VcohortError(
                f"regimen = {self.regimen!r} is no regimen. Try vc.Regimen(vc.Infusion(day=100))."
            )
        if self.dtype not in DTYPES:
            raise unknown("dtype", self.dtype, DTYPES)
        for name in ("horizon", "threshold", "progression", "tolerance"):
            given = number(name, getattr(self, name))
            _require(math.isfinite(given), name, given, "a finite number")
            object.__setattr__(self, name, given)
        self._check_numbers()
        object.__setattr__(self, "save_at", _saved_days(self.save_at, self.horizon))
        if self.method == "exact" and self.save_at is not None:
            raise VcohortError(
                "method 'exact' draws fates, not paths, so it has no states for save_at. Use "
                "method='hybrid' for paths."
            )
        object.__setattr__(self, "endpoints", self._endpoints())

    def _check_numbers(self) -> None:
        _require(self.horizon > 0, "horizon", self.horizon, "greater than 0 days")
        _require(self.horizon <= 1e6, "horizon", self.horizon, "at most 1e6 days")
        _require(self.threshold >= 1, "threshold", self.threshold, "at least 1 cell")
        _require(self.threshold <= 1e5, "threshold", self.threshold, "at most 1e5 cells")
        _require(self.progression > 1, "progression", self.progression, "greater than 1")
        finest = _FINEST[self.dtype]
        hint = ": finer needs dtype='float64'" if self.dtype == "float32" else ""
        _require(
            finest <= self.tolerance <= 1,
            "tolerance",
            self.tolerance,
            f"between {finest:g} and 1 in {self.dtype}{hint}",
        )
        object.__setattr__(self, "seed", whole("seed", self.seed))

    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints to fold, Outcome always; days past the horizon fall away."""
        if self.endpoints:
            for each in self.endpoints:
                if not isinstance(each, Endpoint):
                    raise VcohortError(f"{each!r} is no endpoint. Try endpoints=[vc.Nadir()].")
            chosen = tuple(each for each in self.endpoints if each != Outcome())
            for day in (day for each in chosen for day in each.required_days):
                _require(day <= self.horizon, "day", day, f"within the horizon, {self.horizon:g}")
            _refuse_shared_names([*_OWN, *_named((Outcome(), *chosen))])
            return (Outcome(), *chosen)
        days = tuple(day for day in Response().days if day <= self.horizon)
        exposure = Kinetics(auc_until=min(Kinetics().auc_until, self.horizon))
        return (Outcome(), Nadir(), exposure, Response(days))

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the time grid must hold."""
        endpoint_days = tuple(day for each in self.endpoints for day in each.required_days)
        return endpoint_days + tuple(self.save_at or ())

    def check_cohort(self, cohort: Cohort) -> None:
        """Refuse a cohort that the method cannot run; warn where it is coarse."""
        self.regimen.check(len(cohort), self.horizon)
        fields = (("the regimen", name) for name, _, _ in self.regimen.named_fields())
        parameters = (("the model", name) for name in cohort.model.parameters)
        _refuse_shared_names([*_OWN, *parameters, *fields, *_named(self.endpoints)])
        if self.method == "exact" and not cohort.model.tumour_is_linear:
            raise nonlinear("method 'exact'", cohort, "Use method='hybrid'.")


def nonlinear(what: str, cohort: Cohort, instead: str) -> VcohortError:
    """Return the error for a closed form asked of a model that has none."""
    return VcohortError(
        f"{what} needs rates that do not depend on the tumour; model {cohort.model.name!r} has "
        f"such rates. {instead}"
    )


def _named(endpoints: Iterable[Endpoint]) -> list[tuple[str, str]]:
    """Return the names that endpoints give, each behind its endpoint."""
    return [(repr(each), variable.name) for each in endpoints for variable in each.variables]


def _refuse_shared_names(named: Iterable[tuple[str, str]]) -> None:
    """Refuse two things that one dataset would hold under one name."""
    owners: dict[str, str] = {}
    for owner, name in named:
        if name in owners:
            raise VcohortError(
                f"{owners[name]} and {owner} both have something of the name {name!r}: of one, the "
                "numbers would be lost. Leave one out, or run it by itself."
            )
        owners[name] = owner


def _require(condition: bool, name: str, value: Any, bound: str) -> None:
    if not condition:
        raise VcohortError(f"{name} = {value!r} is impossible: it must be {bound}.")


def _saved_days(save_at: Sequence[float] | None, horizon: float) -> tuple[float, ...] | None:
    if save_at is None:
        return None
    days = numbers("save_at", save_at)
    if days.size == 0 or not np.isfinite(days).all():
        raise VcohortError("save_at must be a list of days, each a finite number, at least one.")
    if (np.diff(days) <= 0).any():
        raise VcohortError(
            "save_at must be in increasing order, no day twice. Try np.unique(days)."
        )
    if days[0] < 0 or days[-1] > horizon:
        outside = days[0] if days[0] < 0 else days[-1]
        raise VcohortError(
            f"save_at holds day {outside:g}, outside the run from 0 to the horizon, {horizon:g}."
        )
    return tuple(float(day) for day in days)
