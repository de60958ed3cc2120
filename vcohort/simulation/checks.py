"""The settings of a run, checked before any work starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from vcohort.endpoints import Endpoint, Kinetics, Nadir, Outcome, Response
from vcohort.engine.methods.tumours import METHODS as STEPPED
from vcohort.errors import VcohortError, one_of
from vcohort.given import is_list, whole
from vcohort.models import Model, Species
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.limits import numbers_within, require
from vcohort.simulation.run import Run
from vcohort.tables.days import days_of

METHODS = (*STEPPED, "exact")

# What a dataset holds beside parameters, treatments and endpoints.
_OWN = [("the dataset", name) for name in ("patient", "time", *Species().names)]


def checked(run: Run) -> dict[str, Any]:
    """Return the settings of a run as it keeps them, each checked."""
    one_of("method", run.method, METHODS)
    given: Any = run.regimen
    regimen = Regimen() if given is None else given
    if not isinstance(regimen, Regimen):
        raise VcohortError(
            f"regimen = {regimen!r} is no regimen. Try vc.Regimen(vc.Infusion(day=100))."
        )
    measured = numbers_within(run.plain())
    horizon = measured["horizon"]
    save_at = _saved_days(run.save_at, horizon)
    if run.method == "exact" and save_at is not None:
        raise VcohortError(
            "method 'exact' draws fates, not paths, so it has no states for save_at. Use "
            "method='hybrid' for paths."
        )
    if not is_list(run.endpoints):
        raise VcohortError(f"endpoints = {run.endpoints!r} is no list. Try endpoints=[vc.Nadir()].")
    endpoints_of(tuple(run.endpoints), horizon)
    return {
        **measured, "regimen": regimen, "save_at": save_at, "seed": whole("seed", run.seed),
        "endpoints": tuple(run.endpoints),
    }  # fmt: skip


def endpoints_of(given: tuple[Any, ...], horizon: float) -> tuple[Endpoint, ...]:
    """Return the endpoints to fold, Outcome always; days past the horizon fall away."""
    if given:
        for each in given:
            if not isinstance(each, Endpoint):
                raise VcohortError(f"{each!r} is no endpoint. Try endpoints=[vc.Nadir()].")
        chosen = tuple(each for each in given if each != Outcome())
        for day in (day for each in chosen for day in each.required_days):
            require(day <= horizon, "day", day, f"within the horizon, {horizon:g}")
        _refuse_shared_names([*_OWN, *_named((Outcome(), *chosen))])
        return (Outcome(), *chosen)
    days = tuple(day for day in Response().days if day <= horizon)
    exposure = Kinetics(auc_until=min(Kinetics().auc_until, horizon))
    return (Outcome(), Nadir(), exposure, Response(days))


def check_fits(run: Run, cohort: Cohort) -> None:
    """Refuse a cohort that the run cannot take."""
    run.regimen.check(len(cohort), run.horizon)
    fields = (("the regimen", name) for name, _, _ in run.regimen.named_fields())
    parameters = (("the model", name) for name in cohort.model.parameters)
    base = Species().names
    states = [("the dataset", name) for name in cohort.model.species.names if name not in base]
    named = _named(run.all_endpoints)
    _refuse_shared_names([*_OWN, *states, *parameters, *fields, *named])
    if run.method == "exact":
        require_law("method 'exact'", cohort.model, "Use method='hybrid'.")


def has_law(model: Model) -> bool:
    """Whether the law of a tumour's progression is known."""
    return model.tumour_is_linear and model.has_one_clone


def require_law(what: str, model: Model, instead: str, *, any_clones: bool = False) -> None:
    """Refuse a closed form that a model has none of.

    ``any_clones``: it holds for a tumour of several clones too.
    """
    if not model.tumour_is_linear:
        raise VcohortError(
            f"{what} needs rates that do not depend on the tumour; model {model.name!r} has such "
            f"rates. {instead}"
        )
    if not (any_clones or model.has_one_clone):
        raise VcohortError(
            f"{what} knows tumours of one clone; model {model.name!r} has "
            f"{', '.join(model.species.tumour)}. {instead}"
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


def _saved_days(save_at: Sequence[float] | None, horizon: float) -> tuple[float, ...] | None:
    return None if save_at is None else tuple(increasing_days("save_at", save_at, horizon).tolist())


def increasing_days(name: str, given: Any, horizon: float) -> np.ndarray:
    """Return days, one at least, that increase from day 0 or later to the horizon at most.

    :raises VcohortError: for any others.
    """
    days = days_of(name, given)
    if days.size == 0 or not np.isfinite(days).all():
        raise VcohortError(f"{name} must be a list of days, each a finite number, at least one.")
    if (np.diff(days) <= 0).any():
        raise VcohortError(
            f"{name} must be in increasing order, no day twice. Try np.unique(days)."
        )
    if days[0] < 0 or days[-1] > horizon:
        outside = days[0] if days[0] < 0 else days[-1]
        raise VcohortError(
            f"{name} holds day {outside:g}, outside the run from 0 to the horizon, {horizon:g}."
        )
    return days
