"""From SBML to a patient and a regimen, where the model is one of this family."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.library import complaints
from vcohort.exchange.sbml.reading.family import Member, member_of, scale_of, species_of
from vcohort.exchange.sbml.reading.maths import Maths
from vcohort.exchange.sbml.reading.regimens import Given, events_of, treatments_of
from vcohort.exchange.sbml.reading.scales import Scales, scales_of
from vcohort.exchange.sbml.reading.system import System, system_of
from vcohort.exchange.sbml.reading.trusted import read_document
from vcohort.exchange.sbml.treatments import ONE_CELL, Treatments
from vcohort.models.formulas.equations import equations_of
from vcohort.models.formulas.tree import evaluate
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen

_RELATIVE = 1e-9


class Patient(NamedTuple):
    """What a model of one patient holds: a cohort of one, and what it is treated with."""

    cohort: Cohort
    regimen: Regimen


def from_sbml(
    path: str | os.PathLike[str], *, t_cells: str | None = None, tumour: str | None = None
) -> Patient:
    """Return the patient and the regimen of an SBML model of this family.

    Read are models that :func:`vcohort.to_sbml` wrote, and those of others, of level 2 or 3, that
    compute the same: which laws a model has is told by its slopes, at random states and parameters,
    not by what it says of itself. BIOMD0000001041, the curated model of Kimmel, Locke & Altrock
    2021, is one. Needs the extra ``pip install "vcohort[sbml]"``.

    :param t_cells: ``"cells"`` or ``"cells/ul"``, the unit of N, C and M, where the file does not
        declare it, or not rightly.
    :param tumour: ``"cells"`` or ``"ml"``, the same of B and E.
    :raises VcohortError: for what is no valid SBML, and for a model outside of this family, with
        what it lacks.
    """
    document = read_document(path)
    model = document.getModel()
    maths = Maths(model)
    system = system_of(model, maths)
    names = species_of(system)
    sound = not complaints(document, units=True)
    scales = scales_of(model, names, t_cells, tumour, sound=sound)
    member = member_of(system, names, scales)
    values = _values(system, names, scales, member)
    cohort = Cohort.from_values(model=member.model, **values)
    cohort = replace(cohort, origin=(("sbml", Path(path).name),))
    events = events_of(model, maths, system, names)
    regimen = Regimen(*treatments_of(events, system, names, scales))
    _check(_Reading(system, names, scales, events), cohort, regimen)
    return Patient(cohort, regimen)


def _values(
    system: System, names: Mapping[str, str], scales: Scales, member: Member
) -> dict[str, float]:
    """Return the patient's parameters, in cells and days."""
    values = {name: system.constants[symbol] * member.sizes[name]
              for name, symbol in member.symbols.items()}  # fmt: skip
    first = {name: system.first[symbol] * scale_of(name, scales) for name, symbol in names.items()}
    # What a file of this package begins with is told by parameters: treatments of day 0 change it.
    begun = {f"{name}0": cells for name, cells in first.items()}
    if "f_M" in member.model.parameters:
        infused = first["C"] + first["M"]
        begun |= {"C0": infused, "f_M": first["M"] / infused}
    told = {name: system.constants[name] for name in (*begun, "f_M") if name in system.constants}
    wanted = [name for name in member.model.parameters if name not in values]
    return values | {name: (begun | told)[name] for name in wanted}


class _Reading(NamedTuple):
    """What was read of a file."""

    system: System
    names: Mapping[str, str]
    scales: Scales
    events: list[Given]


def _check(read: _Reading, cohort: Cohort, regimen: Regimen) -> None:
    """Refuse a file that begins otherwise, or has other events, than what was made of it."""
    model = cohort.model
    treatments = Treatments(model, equations_of(model), regimen)
    known = {name: float(np.asarray(cohort[name])[0]) for name in model.parameters}
    known |= {ONE_CELL: 1.0, **{name: value for name, value, *_ in treatments.parameters}}
    for name, tree in treatments.first_cells.items():
        begun = read.system.first[read.names[name]] * scale_of(name, read.scales)
        if not np.isclose(begun, evaluate(tree, known), rtol=_RELATIVE, atol=1e-30):
            raise VcohortError(
                f"{name} begins with {begun:.10g} cells in the file, where its parameters and its "
                f"treatments of day 0 give {float(evaluate(tree, known)):.10g}."
            )
    wanted = sorted(treatments.events, key=lambda event: (known[event.day], -event.priority))
    given = sorted(read.events, key=lambda event: (event.day, -event.priority))
    if len(given) != len(wanted):
        raise VcohortError(
            f"The file has {len(given)} events, and its numbers speak of {len(wanted)} treatments "
            "after day 0."
        )
    generator = np.random.default_rng(0)
    cells = {name: np.exp(generator.uniform(-5.0, 30.0, 24)) for name in read.names}
    theirs = {symbol: cells[name] / scale_of(name, read.scales)
              for name, symbol in read.names.items()}  # fmt: skip
    at = read.system.at(theirs)
    for event, treatment in zip(given, wanted, strict=True):
        is_late = any(other.day == event.day for other in given if other is not event)
        for name in read.names:
            after = evaluate(event.assigned[name], at) * scale_of(name, read.scales) if (
                name in event.assigned) else cells[name]  # fmt: skip
            due = evaluate(treatment.assigned[name], known | cells) if (
                name in treatment.assigned) else cells[name]  # fmt: skip
            if event.day != known[treatment.day] or not np.allclose(after, due, rtol=_RELATIVE, atol=0.0):
                raise VcohortError(
                    f"The event {event.name!r} does to {name} what no infusion and no "
                    "lymphodepletion does: these add a fixed number of cells, or leave a share."
                )
        if is_late and not event.now:
            raise VcohortError(
                f"The event {event.name!r} shares its day with another one, and takes cells from "
                "before it. Let it use values of its own time (useValuesFromTriggerTime false)."
            )
