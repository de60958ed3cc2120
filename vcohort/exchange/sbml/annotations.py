"""What a model is of, in the vocabularies that archives of models read (MIRIAM)."""

from __future__ import annotations

from typing import Any

from vcohort.exchange.sbml.libsbml import library
from vcohort.models import Species

PAPER_DOI = "10.1098/rspb.2021.0229"

_HERE = "http://identifiers.org/"
_HUMAN = f"{_HERE}taxonomy/9606"
_DISEASE = f"{_HERE}doid/DOID:0050745"  # Diffuse large B-cell lymphoma.
_PAPER = f"{_HERE}doi/{PAPER_DOI}"
_T_CELL = f"{_HERE}cl/CL:0000084"
_NEOPLASTIC_CELL = f"{_HERE}cl/CL:0001063"


def annotate(model: Any, species: Species) -> None:
    """Say of which organism, disease and paper a model is, and which cells its species are."""
    sbml = library()
    _say(model, sbml.BIOLOGICAL_QUALIFIER, sbml.BQB_HAS_TAXON, _HUMAN)
    _say(model, sbml.BIOLOGICAL_QUALIFIER, sbml.BQB_HAS_PROPERTY, _DISEASE)
    _say(model, sbml.MODEL_QUALIFIER, sbml.BQM_IS_DESCRIBED_BY, _PAPER)
    kinds = dict.fromkeys(species.niche, _T_CELL) | dict.fromkeys(species.tumour, _NEOPLASTIC_CELL)
    for name, kind in kinds.items():
        one = model.getSpecies(name)
        _say(one, sbml.BIOLOGICAL_QUALIFIER, sbml.BQB_IS_VERSION_OF, kind)


def _say(of: Any, kind: int, qualifier: int, resource: str) -> None:
    sbml = library()
    if not of.isSetMetaId():
        of.setMetaId(f"about_{of.getId()}")
    term = sbml.CVTerm(kind)
    if kind == sbml.MODEL_QUALIFIER:
        term.setModelQualifierType(qualifier)
    else:
        term.setBiologicalQualifierType(qualifier)
    term.addResource(resource)
    of.addCVTerm(term)
