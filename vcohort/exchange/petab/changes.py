"""Treatments as changes of species on a day: formulas of what there is before, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.petab.content import Change
from vcohort.exchange.sbml.treatments import ONE_CELL, Treatments
from vcohort.measurements.observations import Observations
from vcohort.models import Model
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.texts import plain_text
from vcohort.models.formulas.tree import Name, Number, Tree, evaluate, names_in, replaced
from vcohort.regimens.regimen import Regimen
from vcohort.regimens.treatments import Infusion, Lymphodepletion, Treatment

# So many cells that a dose is lost among them, and no share: a share is told from them exactly.
_MANY = 2.0**200
_LEAST_SHARE = 1e-30

_STATES, _FEWEST_LOG, _MOST_LOG = 24, -5.0, 30.0
_RELATIVE = 1e-9


class Split(NamedTuple):
    """A regimen, but for treatments that nobody gets: those of day 0, and the later ones."""

    given: Regimen
    today: Regimen
    later: Regimen


def split_by_day(regimen: Regimen) -> Split:
    """Return the treatments of day 0 and the later ones.

    :raises VcohortError: for a treatment of day 0 for some patients, and a later one for others.
    """
    given = regimen.keep(bool(np.isfinite(each.day).any()) for each in regimen.treatments)
    is_first = {name: np.equal(each.day, 0.0) for name, each in given.named_treatments()}
    for name, first in is_first.items():
        if first.any() and not first.all():
            raise VcohortError(
                f"{name} falls on day 0 for some patients, and later for others, or never. Make "
                "two treatments of it, or write these patients apart."
            )
    today = [bool(first.all()) for first in is_first.values()]
    return Split(given, given.keep(today), given.keep(not each for each in today))


def check_days(data: Observations, regimen: Regimen) -> None:
    """Refuse measurements on a later day of treatment: here before it, in PEtab after it."""
    for name, each in regimen.named_treatments():
        days = np.broadcast_to(np.asarray(each.day, float), len(data.patients))[data.patient]
        for row in np.flatnonzero((data.day == days) & (days > 0.0))[:1]:
            raise VcohortError(
                f"Patient {data.patients[data.patient[row]]!r} is measured on day "
                f"{data.day[row]:g}, the day of {name}: here that is before the treatment, in "
                "PEtab after it. Move one of them by an hour, so that both say the same."
            )


def changes_of(model: Model, regimen: Regimen) -> tuple[Change, ...]:
    """Return what the treatments of one patient after day 0 do, day by day."""
    trees = _by_day(model, regimen)
    texts = {day: {name: plain_text(tree) for name, tree in cells.items()}
             for day, cells in trees.items()}  # fmt: skip
    return tuple(Change(day, cells) for day, cells in texts.items())


def _by_day(model: Model, regimen: Regimen) -> dict[float, dict[str, Tree]]:
    """Return what becomes of species by day; of two treatments on one day all is one formula."""
    treatments = Treatments(model, equations_of(model), regimen)
    numbers: dict[str, Tree] = {ONE_CELL: Number(1.0)}
    numbers |= {name: Number(value) for name, value, *_ in treatments.parameters}
    days = {name: value for name, value, *_ in treatments.parameters}
    found: dict[float, dict[str, Tree]] = {}
    for event in sorted(treatments.events, key=lambda event: (days[event.day], -event.priority)):
        before = found.setdefault(days[event.day], {})
        after = {name: replaced(tree, numbers | before) for name, tree in event.assigned.items()}
        before |= after
    return found


def treatments_of(
    day: float, cells: Mapping[str, Tree], model: Model, known: Mapping[str, float], who: str
) -> list[Treatment]:
    """Return the treatments that changes of a day are; ``known``: numbers that they may read.

    :raises VcohortError: for changes that are no infusion and no lymphodepletion.
    """
    _check_names(day, cells, model, known, who)

    def after(number: float) -> dict[str, float]:
        state = {**known, **dict.fromkeys(model.species.names, number)}
        with np.errstate(all="ignore"):
            return {name: float(evaluate(tree, state)) for name, tree in cells.items()}

    try:
        found = list(_told(day, after(0.0), after(_MANY), model))
        due = _by_day(model, Regimen(*found)).get(day, {})
    except VcohortError as error:
        raise VcohortError(f"What changes for {who} on day {day:g}: {error}") from None
    _compare(day, cells, due, model, known, who)
    return found


def _told(
    day: float, none: Mapping[str, float], many: Mapping[str, float], model: Model
) -> Iterator[Treatment]:
    """Yield the treatments that make of no cells ``none``, and of many cells ``many``."""
    shares = {name: left / _MANY for name, left in many.items()}
    if any(share != 1.0 for share in shares.values()):
        yield Lymphodepletion(day, _survival(shares, model))
    dose = sum(none.values())
    if dose != 0.0:
        yield Infusion(day, dose)


def _survival(shares: Mapping[str, float], model: Model) -> Any:
    """Return shares that survive as a lymphodepletion has them: one, a pair, or by compartment."""
    left = {name: 0.0 if share < _LEAST_SHARE else share for name, share in shares.items()}
    full = {each.name: left.get(each.name, 1.0) for each in model.species.compartments}
    normal, car = (
        {full[each.name] for each in model.species.compartments if each.car is is_car}
        for is_car in (False, True)
    )
    if len(normal) > 1 or len(car) > 1:
        return {name: share for name, share in full.items() if share != 1.0}
    pair = normal.pop(), car.pop()
    return pair if pair[0] != pair[1] else pair[0]


def _check_names(
    day: float, cells: Mapping[str, Tree], model: Model, known: Mapping[str, float], who: str
) -> None:
    for name, tree in cells.items():
        if name not in model.species.names:
            raise VcohortError(
                f"{name!r} of {who} changes on day {day:g}. After day 0 treatments change cells "
                f"alone: {', '.join(model.species.names)}."
            )
        for read in names_in(tree):
            if read not in known and read not in model.species.names:
                raise VcohortError(
                    f"What becomes of {name} of {who} on day {day:g} depends on {read!r}, which is "
                    "no known number: treatments are given, and not estimated."
                )


def _compare(
    day: float, cells: Mapping[str, Tree], due: Mapping[str, Tree], model: Model,
    known: Mapping[str, float], who: str,
) -> None:  # fmt: skip
    """Refuse changes that do anything else than the treatments that they were taken for."""
    generator = np.random.default_rng(0)
    names = model.species.names
    state: dict[str, Any] = {
        name: np.exp(generator.uniform(_FEWEST_LOG, _MOST_LOG, _STATES)) for name in names
    }
    values = {**known, **state}
    for name in names:
        with np.errstate(all="ignore"):
            found = evaluate(cells.get(name, Name(name)), values)
            wanted = evaluate(due.get(name, Name(name)), values)
        if not np.allclose(found, wanted, rtol=_RELATIVE, atol=0.0):
            raise VcohortError(
                f"What becomes of {name} of {who} on day {day:g} is what no infusion and no "
                "lymphodepletion does: these add a fixed number of cells, or leave a share, one "
                "cell at the least."
            )


def joined(patients: Sequence[Sequence[Treatment]], model: Model) -> list[Treatment]:
    """Return the k-th treatments of each kind of all patients as one; who has none never gets it.

    In the order of their days, lymphodepletions first.
    """
    found: list[Treatment] = []
    for kind in (Lymphodepletion, Infusion):
        own = [[each for each in given if isinstance(each, kind)] for given in patients]
        for number in range(max(map(len, own))):
            alike = [given[number] if number < len(given) else None for given in own]
            found.append(_as_one(_of_one_form(alike, model)))
    return sorted(found, key=lambda each: float(np.min(each.day)))


def _of_one_form(given: Sequence[Treatment | None], model: Model) -> list[Treatment | None]:
    """Return treatments with the same fields, where some of them name others."""
    if len({tuple(each.fields) for each in given if each is not None}) == 1:
        return list(given)
    return [
        Lymphodepletion(each.day, each.survivals(model.species))
        if isinstance(each, Lymphodepletion)
        else each
        for each in given
    ]


def _as_one(given: Sequence[Treatment | None]) -> Treatment:
    """Return treatments of one kind as one, a number for each patient where they differ."""
    first = next(each for each in given if each is not None)
    never = {"day": np.inf, "cells": 0.0}
    columns = {
        name: np.array([never.get(name, 1.0) if each is None else each.fields[name][0]
                        for each in given], float)
        for name in first.fields
    }  # fmt: skip
    return first.replace(**{name: as_given(column) for name, column in columns.items()})


def as_given(column: np.ndarray) -> float | np.ndarray:
    """Return numbers (patient,) as one, where all are the same."""
    return float(column[0]) if (column == column[0]).all() else column
