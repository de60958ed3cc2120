"""Events as a regimen: what falls on a day, and does to cells what a treatment does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.libsbml import library
from vcohort.exchange.sbml.reading.family import scale_of
from vcohort.exchange.sbml.reading.maths import Maths
from vcohort.exchange.sbml.reading.scales import Scales
from vcohort.exchange.sbml.reading.system import System
from vcohort.models.formulas.tree import Tree, evaluate
from vcohort.regimens.treatments import Infusion, Lymphodepletion, Treatment

_OWN = re.compile(r"(infusion|lymphodepletion)_(\d+)_(\w+)")

# So many cells that none is lost by a cut to one cell, in whose units a share is exact.
_MANY = 2.0**60


class Given(NamedTuple):
    """An event of a file: on which day, before which others, and what becomes of species."""

    name: str
    day: float
    priority: float
    now: bool
    assigned: dict[str, Tree]


def events_of(model: Any, maths: Maths, system: System, names: Mapping[str, str]) -> list[Given]:
    """Return the events of a model.

    :raises VcohortError: for a delay, a trigger that is no day after the first, and an assignment
        to what is no species.
    """
    here = {symbol: name for name, symbol in names.items()}
    found: list[Given] = []
    for number in range(model.getNumEvents()):
        event = model.getEvent(number)
        name = event.getId() or f"event {number + 1}"
        if event.isSetDelay():
            raise VcohortError(
                f"{name!r} has a delay, which no treatment has. Let it fall on its day."
            )
        day = _day(event, maths, system, name)
        assigned: dict[str, Tree] = {}
        for each in range(event.getNumEventAssignments()):
            one = event.getEventAssignment(each)
            if one.getVariable() not in here:
                raise VcohortError(
                    f"{name!r} changes {one.getVariable()!r}. Treatments change cells alone."
                )
            assigned[here[one.getVariable()]] = maths.tree(one.getMath(), name)
        priority = 0.0
        if event.isSetPriority():
            tree = maths.tree(event.getPriority().getMath(), f"the priority of {name}")
            priority = float(evaluate(tree, system.constants))
        now = not event.getUseValuesFromTriggerTime()
        found.append(Given(name, day, priority, now, assigned))
    return found


def _day(event: Any, maths: Maths, system: System, name: str) -> float:
    """Return the day of a trigger ``time >= day``."""
    sbml = library()
    trigger = event.getTrigger()
    node = None if trigger is None else trigger.getMath()
    kinds = {sbml.AST_RELATIONAL_GEQ, sbml.AST_RELATIONAL_GT}
    if (
        node is None
        or node.getType() not in kinds
        or node.getNumChildren() != 2
        or node.getChild(0).getType() != sbml.AST_NAME_TIME
    ):
        raise VcohortError(f"{name!r} is triggered by something else than a day, time >= day.")
    day = float(evaluate(maths.tree(node.getChild(1), f"the day of {name}"), system.constants))
    if not (np.isfinite(day) and day > 0.0):
        raise VcohortError(
            f"{name!r} falls on day {day:g}. Events come after day 0; what holds on day 0 "
            "stands in the initial values."
        )
    return day


def treatments_of(
    events: list[Given], system: System, names: Mapping[str, str], scales: Scales
) -> Iterator[Treatment]:
    """Yield the treatments of a model: of one that was written here by the names of its numbers."""
    own = _own(system.constants)
    if own:
        yield from own
        return
    for event in events:
        yield _told(event, system, names, scales)


def _own(constants: Mapping[str, float]) -> list[Treatment]:
    """Return the treatments whose numbers are named as :func:`vcohort.to_sbml` names them."""
    fields: dict[tuple[str, int], dict[str, float]] = {}
    for name, value in constants.items():
        found = _OWN.fullmatch(name)
        if found:
            fields.setdefault((found[1], int(found[2])), {})[found[3]] = value
    return [_made(kind, given) for (kind, _), given in fields.items() if "day" in given]


def _made(kind: str, given: Mapping[str, float]) -> Treatment:
    if kind == "infusion":
        return Infusion(given["day"], given.get("cells"))
    shares = {name.removesuffix("_survival"): value for name, value in given.items()
              if name.endswith("_survival")}  # fmt: skip
    if set(shares) == {"normal", "car"}:
        pair = shares["normal"], shares["car"]
        return Lymphodepletion(given["day"], pair if pair[0] != pair[1] else pair[0])
    return Lymphodepletion(given["day"], shares)


def _told(event: Given, system: System, names: Mapping[str, str], scales: Scales) -> Treatment:
    """Return the treatment that an event is, told from what it does to many cells and to none."""

    def after(cells: float) -> dict[str, float]:
        state = {symbol: cells / scale_of(name, scales) for name, symbol in names.items()}
        known = system.at(state)
        return {
            name: float(evaluate(tree, known)) * scale_of(name, scales)
            for name, tree in event.assigned.items()
        }

    none, many = after(0.0), after(_MANY)
    added = sum(none.values())
    if added > 0.0:
        return Infusion(event.day, added)
    return Lymphodepletion(event.day, {name: left / _MANY for name, left in many.items()})
