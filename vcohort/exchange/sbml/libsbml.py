"""libSBML, which is an extra: imported when it is asked for, and what its own checker says."""

from __future__ import annotations

from typing import Any

from vcohort.extras import extra

LEVEL, VERSION = 3, 2

_SHOWN = 160


def library() -> Any:
    """Return libSBML."""
    return extra("libsbml", "sbml")


def complaints(document: Any) -> list[str]:
    """Return what libSBML says against a document that is written: errors, and of units all."""
    sbml = library()
    document.checkConsistency()
    return [
        told(each)
        for each in _errors(document)
        if each.getSeverity() >= sbml.LIBSBML_SEV_ERROR
        or each.getCategory() == sbml.LIBSBML_CAT_UNITS_CONSISTENCY
    ]


def faults(document: Any) -> list[str]:
    """Return the errors that libSBML finds in a document of others, one kind of them at a time.

    What is wrong by one check is not asked for by the next, nor units at all: of some files that
    are no model its check of units ends the process.
    """
    sbml = library()
    kinds = (
        sbml.LIBSBML_CAT_IDENTIFIER_CONSISTENCY, sbml.LIBSBML_CAT_MATHML_CONSISTENCY,
        sbml.LIBSBML_CAT_GENERAL_CONSISTENCY,
    )  # fmt: skip
    others = (
        sbml.LIBSBML_CAT_UNITS_CONSISTENCY, sbml.LIBSBML_CAT_SBO_CONSISTENCY,
        sbml.LIBSBML_CAT_OVERDETERMINED_MODEL, sbml.LIBSBML_CAT_MODELING_PRACTICE,
    )  # fmt: skip
    found = _serious(document)
    for kind in kinds:
        if found:
            break
        for each in (*kinds, *others):
            document.setConsistencyChecks(each, each == kind)
        document.checkConsistency()
        found = _serious(document)
    return found


def _serious(document: Any) -> list[str]:
    least = library().LIBSBML_SEV_ERROR
    return [told(each) for each in _errors(document) if each.getSeverity() >= least]


def _errors(document: Any) -> list[Any]:
    return [document.getError(number) for number in range(document.getNumErrors())]


def told(error: Any) -> str:
    """Return an error of libSBML's as one line."""
    text = " ".join(str(error.getMessage()).split())
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"line {error.getLine()}: {short}"
