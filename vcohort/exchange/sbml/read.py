"""From SBML to a patient and a regimen, where the model is one of this family."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vcohort.exchange.sbml.reading.agreement import Reading, check_agreement
from vcohort.exchange.sbml.reading.family import Member, member_of, scale_of, species_of
from vcohort.exchange.sbml.reading.maths import Maths
from vcohort.exchange.sbml.reading.regimens import events_of, treatments_of
from vcohort.exchange.sbml.reading.scales import Declared, Scales
from vcohort.exchange.sbml.reading.system import System, system_of
from vcohort.exchange.sbml.reading.trusted import read_document
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen


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
    units = Declared(model, names, t_cells, tumour)
    member = member_of(system, names, units.scales)
    units.check(member.symbols)
    scales = units.scales
    values: dict[str, Any] = _values(system, names, scales, member)
    cohort = Cohort.from_values("kimmel2021", model=member.model, **values)
    cohort = replace(cohort, origin=(("sbml", Path(path).name),))
    events = events_of(model, maths, system, names)
    regimen = Regimen(*treatments_of(events, system, names, scales))
    check_agreement(Reading(system, names, scales, events), cohort, regimen)
    return Patient(cohort, regimen)


def _values(
    system: System, names: Mapping[str, str], scales: Scales, member: Member
) -> dict[str, Any]:
    """Return the patient's parameters, in cells and days."""
    values = {name: system.constants[symbol] * member.sizes[name]
              for name, symbol in member.symbols.items()}  # fmt: skip
    first = {name: system.first[symbol] * scale_of(name, scales) for name, symbol in names.items()}
    # What a file of this package begins with is told by parameters: treatments of day 0 change it.
    begun = {f"{name}0": cells for name, cells in first.items()}
    if "f_M" in member.model.parameters:
        infused = first["C"] + first["M"]
        begun |= {"C0": infused, "f_M": first["M"] / infused if infused else 0.0}
    told = {
        name: system.constants[name] * (1.0 if name == "f_M" else scale_of(name[0], scales))
        for name in begun
        if name in system.constants
    }
    wanted = [name for name in member.model.parameters if name not in values]
    return values | {name: (begun | told)[name] for name in wanted}
