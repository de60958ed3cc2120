"""From one patient and a regimen to SBML."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from vcohort.errors import VcohortError, one_of
from vcohort.exchange.sbml.document import Document
from vcohort.exchange.sbml.libsbml import complaints, library
from vcohort.exchange.sbml.treatments import Treatments
from vcohort.files import check_writable, replacing
from vcohort.models import Model
from vcohort.models.formulas.checking import checked_equations
from vcohort.models.formulas.equations import Equations
from vcohort.populations.cohort import Cohort, check_values, is_traced, whole_cells
from vcohort.regimens.regimen import Regimen

FORMS = ("equations", "birth-death")

_NOTES = {
    "equations": "The differential equations of one patient. What chance does is not in them: no "
    "tumour dies out, and below one cell its number is a mean over many patients. Cure and "
    "progression are read off by who runs the model.",
    "birth-death": "T cells follow differential equations; each clone of the tumour divides, "
    "mutates and dies one cell at a time, at propensities per day. Cure is the death of the last "
    "tumour cell.",
}


def to_sbml(
    patient: Cohort | Model,
    regimen: Regimen | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    form: str = "equations",
) -> str:
    """Return one patient's model as SBML, level 3 version 2, and write it to ``path`` if given.

    Parameters, equations, first cells and treatments are all in it, each with its unit; libSBML's
    consistency check passes without an error or a word on units. Needs the extra
    ``pip install "vcohort[sbml]"``. Docs: what it carries and what not.

    :param patient: a cohort of one patient, ``cohort.select([0])``; of a :class:`Model` the
        default values.
    :param regimen: treatments beside the first infusion.
    :param form: ``"equations"``, or ``"birth-death"``: the tumour's clones as reactions with
        propensities, for stochastic simulators.
    :raises VcohortError: for several patients; for a law whose formula cannot be read or is not
        what the law computes; for units that are not of cells and days.
    """
    one_of("form", form, FORMS)
    cohort = _one_patient(patient)
    given = _checked_regimen(regimen)
    if is_traced(cohort) or given.is_traced:
        raise VcohortError("to_sbml writes numbers, and cannot be traced by jax.grad or jax.jit.")
    library()
    target = None if path is None else check_writable(path)
    model = cohort.model
    values = {name: float(np.asarray(cohort[name])[0]) for name in model.parameters}
    for name in (f"{clone}0" for clone in model.species.tumour):
        values[name] = float(whole_cells(values[name]))
    equations = checked_equations(model, values)
    text = _document(cohort, equations, values, given, form).text()
    if target is not None:
        with replacing(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return text


def _document(
    cohort: Cohort, equations: Equations, values: dict[str, float], regimen: Regimen, form: str
) -> Document:
    model = cohort.model
    number = int(np.asarray(cohort.patient)[0])
    origin = ", ".join(f"{key} {text}" for key, text in cohort.origin)
    notes = f"{_NOTES[form]} Cells are counted in the body, time in days. Laws: {model.name}."
    notes += f" Patient {number}{f' of {origin}' if origin else ''}, by vcohort."
    # GillesPy2 reads neither units of numbers nor, along its paths, derived quantities.
    one_by_one = form == "birth-death"
    written = equations.in_full() if one_by_one else equations
    name = f"CAR T cell therapy ({model.name})"
    found = Document(model, written, name, notes, named_numbers=one_by_one)
    found.add(values, model, Treatments(model, equations, regimen))
    species = model.species
    if not one_by_one:
        found.add_rates(tuple(equations.rates))
    else:
        found.add_rates((*species.grown, *species.fed))
        found.add_reactions()
    wrong = complaints(found.document)
    if wrong:
        raise VcohortError(
            f"libSBML does not accept the model {model.name!r}: {wrong[0]} Nothing was written. "
            "Are units and formulas of the laws of one kind?"
        )
    return found


def _one_patient(patient: Any) -> Cohort:
    if isinstance(patient, Model):
        values = {name: np.array([param.default]) for name, param in patient.parameters.items()}
        return Cohort(values, np.arange(1), patient, (("preset", "defaults of the laws"),))
    if not isinstance(patient, Cohort):
        raise VcohortError(
            f"patient = {patient!r} is neither a cohort nor a model. Try "
            "vc.Cohort.from_values('kimmel2021') or vc.car_t()."
        )
    if len(patient) != 1:
        raise VcohortError(
            f"SBML holds one patient, and the cohort has {len(patient):,}. Choose one: "
            "cohort.select([0])."
        )
    check_values(patient)
    return patient


def _checked_regimen(regimen: Any) -> Regimen:
    given = Regimen() if regimen is None else regimen
    if not isinstance(given, Regimen):
        raise VcohortError(
            f"regimen = {regimen!r} is no regimen. Try vc.Regimen(vc.Infusion(day=100))."
        )
    given.check(1, np.inf)
    return given
