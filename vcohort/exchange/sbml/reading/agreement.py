"""Whether what was made of a file is what the file says: its first cells, and all its events."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.reading.family import scale_of
from vcohort.exchange.sbml.reading.regimens import Given
from vcohort.exchange.sbml.reading.scales import Scales
from vcohort.exchange.sbml.reading.system import System
from vcohort.exchange.sbml.treatments import ONE_CELL, Event, Treatments
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.tree import Tree, evaluate
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen

# Files hold numbers of fifteen digits.
_RELATIVE = 1e-9

_STATES, _FEWEST_LOG, _MOST_LOG = 24, -5.0, 30.0


class Reading(NamedTuple):
    """What was read of a file."""

    system: System
    names: Mapping[str, str]
    scales: Scales
    events: list[Given]


def check_agreement(read: Reading, cohort: Cohort, regimen: Regimen) -> None:
    """Refuse a file that begins otherwise, or has other events, than what was made of it."""
    model = cohort.model
    treatments = Treatments(model, equations_of(model), regimen)
    known = {name: float(np.asarray(cohort[name])[0]) for name in model.parameters}
    known |= {ONE_CELL: 1.0, **{name: value for name, value, *_ in treatments.parameters}}
    _check_first(read, treatments, known)
    wanted = sorted(treatments.events, key=lambda event: (known[event.day], -event.priority))
    given = sorted(read.events, key=lambda event: (event.day, -event.priority))
    if len(given) != len(wanted):
        raise VcohortError(
            f"The file has {len(given)} events, and its numbers speak of {len(wanted)} treatments "
            "after day 0."
        )
    _check_order(given)
    for event, treatment in zip(given, wanted, strict=True):
        if event.day != known[treatment.day]:
            raise VcohortError(
                f"The event {event.name!r} falls on day {event.day:g}, and its numbers speak of "
                f"day {known[treatment.day]:g}."
            )
        _check_event(read, event, treatment, known)


def _check_first(read: Reading, treatments: Treatments, known: Mapping[str, float]) -> None:
    for name, tree in treatments.first_cells.items():
        begun = read.system.first[read.names[name]] * scale_of(name, read.scales)
        due = float(evaluate(tree, known))
        if not np.isclose(begun, due, rtol=_RELATIVE, atol=0.0):
            raise VcohortError(
                f"{name} begins with {begun:.10g} cells in the file, where its parameters and its "
                f"treatments of day 0 give {due:.10g}."
            )


def _check_event(read: Reading, event: Given, treatment: Event, known: Mapping[str, float]) -> None:
    """Refuse an event that does anything else than its treatment, at random states."""
    generator = np.random.default_rng(0)
    cells = {
        name: np.exp(generator.uniform(_FEWEST_LOG, _MOST_LOG, _STATES)) for name in read.names
    }
    theirs = {symbol: cells[name] / scale_of(name, read.scales)
              for name, symbol in read.names.items()}  # fmt: skip
    at = read.system.at(theirs)

    def after(
        assigned: Mapping[str, Tree], name: str, state: Mapping[str, Any], size: float
    ) -> Any:
        return evaluate(assigned[name], state) * size if name in assigned else cells[name]

    for name in read.names:
        found = after(event.assigned, name, at, scale_of(name, read.scales))
        due = after(treatment.assigned, name, {**known, **cells}, 1.0)
        if not np.allclose(found, due, rtol=_RELATIVE, atol=0.0):
            raise VcohortError(
                f"The event {event.name!r} does to {name} what no infusion and no lymphodepletion "
                "does: these add a fixed number of cells, or leave a share, one cell at the least."
            )


def _check_order(given: list[Given]) -> None:
    """Refuse two events of one day that do not follow each other as treatments do."""
    for first, second in pairwise(given):
        if first.day == second.day and (first.priority == second.priority or not second.now):
            raise VcohortError(
                f"The events {first.name!r} and {second.name!r} fall on one day, and the file does "
                "not say which comes first: give them priorities, and let the second use values of "
                "its own time (useValuesFromTriggerTime false)."
            )
