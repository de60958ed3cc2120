"""From a file to an SBML document: nothing is expanded, fetched or nested without end."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any
from xml.parsers import expat

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.libsbml import faults, library
from vcohort.files import read_given

# A model of this family has a hundredth of it.
_MOST_BYTES = 2 << 20
_DEEPEST = 100

# What libSBML checks takes time by the square of these, and more.
_MOST, _MOST_TERMS = 300, 60
_COUNTED = {
    "parameter", "species", "compartment", "assignmentRule", "rateRule", "algebraicRule", "event",
    "initialAssignment", "functionDefinition", "reaction", "unitDefinition",
}  # fmt: skip
_MOST_OF_ALL = 5_000
_ENCODINGS = {None, "utf-8", "us-ascii", "ascii"}


def read_document(path: str | os.PathLike[str]) -> Any:
    """Return the SBML document of a file that libSBML finds no error in.

    :raises VcohortError: for no file, one too large, no XML, an XML with declarations of its own
        (entities, DOCTYPE) or nested too deep, an SBML with errors or packages that change it.
    """
    content = read_given(path, _MOST_BYTES)
    _check_xml(path, content)
    document = library().readSBMLFromString(content.decode("utf-8-sig"))
    wrong = faults(document)
    if wrong or document.getModel() is None:
        raise VcohortError(f"{path} is no valid SBML: {(wrong or ['it has no model.'])[0]}")
    return document


def _check_xml(path: Any, content: bytes) -> None:
    """Refuse what is no plain XML, before a reader that would follow what it says sees it."""
    if b"\0" in content:
        raise VcohortError(f"{path} is no XML in UTF-8, in which SBML is written.")
    try:
        content.decode("utf-8")
        _Plain(path).check(content)
    except UnicodeDecodeError:
        raise VcohortError(f"{path} is no XML in UTF-8, in which SBML is written.") from None
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, str(error.code))
        raise VcohortError(
            f"{path} is no whole XML: {why}, in line {error.lineno}. Is the file cut off?"
        ) from None


class _Plain:
    """A look at every tag, in Python's own reader, which fetches and expands nothing by itself."""

    def __init__(self, path: Any) -> None:
        self._path = path
        self._counts: Counter[str] = Counter()
        # Of the elements that are open: what each is, and how many others it has inside.
        self._open: list[tuple[str, int]] = []

    def check(self, content: bytes) -> None:
        """Refuse declarations, other encodings, a depth without end, and packages of SBML."""
        reader = expat.ParserCreate(namespace_separator=" ")
        reader.XmlDeclHandler = self._declared
        reader.StartDoctypeDeclHandler = self._doctype
        reader.StartElementHandler = self._begun
        reader.EndElementHandler = self._ended
        reader.Parse(content, True)

    def _declared(self, version: str, encoding: str | None, standalone: int) -> None:
        if (encoding.lower() if encoding else None) not in _ENCODINGS:
            raise VcohortError(f"{self._path} is written in {encoding}. SBML is written in UTF-8.")

    def _doctype(self, *given: Any) -> None:
        raise VcohortError(
            f"{self._path} declares a document type, by which a file can make a reader expand or "
            "fetch what it likes. SBML has none: take the line <!DOCTYPE …> out."
        )

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(" ")[2]
        if not self._open:
            self._check_first(kind, attributes)
        else:
            outer, inside = self._open[-1]
            self._open[-1] = outer, inside + 1
            if outer == "apply" and inside >= _MOST_TERMS:
                raise VcohortError(f"{self._path} has a formula of more than {_MOST_TERMS} terms.")
        self._open.append((kind, 0))
        if len(self._open) > _DEEPEST:
            raise VcohortError(f"{self._path} nests its elements more than {_DEEPEST} deep.")
        self._counts[kind] += 1
        most = _MOST if kind in _COUNTED else _MOST_OF_ALL
        if self._counts[kind] > most:
            raise VcohortError(
                f"{self._path} has more than {most:,} elements {kind!r}: no model of this family "
                "has so many."
            )

    def _check_first(self, kind: str, attributes: dict[str, str]) -> None:
        if kind != "sbml":
            raise VcohortError(f"{self._path} is no SBML: its first element is {kind!r}.")
        needed = [
            key.rpartition(" ")[0]
            for key, value in attributes.items()
            if key.endswith(" required") and value in {"true", "1"}
        ]
        if needed:
            raise VcohortError(
                f"{self._path} needs a package of SBML that is not read here: {needed[0]}."
            )

    def _ended(self, name: str) -> None:
        self._open.pop()
