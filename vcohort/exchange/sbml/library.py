"""libSBML, which is an extra: imported when it is asked for, and what its own checker says."""

from __future__ import annotations

import importlib
from typing import Any

from vcohort.errors import VcohortError

LEVEL, VERSION = 3, 2

_SHOWN = 160


def library() -> Any:
    """Return libSBML."""
    try:
        return importlib.import_module("libsbml")
    except ImportError:
        raise VcohortError('SBML needs libSBML. Type: pip install "vcohort[sbml]"') from None


def complaints(document: Any, *, units: bool) -> list[str]:
    """Return what libSBML's consistency check says against a document: errors, and of units all.

    ``units``: also warnings on units.
    """
    sbml = library()
    document.checkConsistency()
    found = [document.getError(number) for number in range(document.getNumErrors())]
    return [
        told(each)
        for each in found
        if each.getSeverity() >= sbml.LIBSBML_SEV_ERROR
        or (units and each.getCategory() == sbml.LIBSBML_CAT_UNITS_CONSISTENCY)
    ]


def told(error: Any) -> str:
    """Return an error of libSBML's as one line."""
    text = " ".join(str(error.getMessage()).split())
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return f"line {error.getLine()}: {short}"
