"""The constants of a model's file, and where it reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vcohort.errors import VcohortError
from vcohort.exchange.sbml.reading.trusted import read_document

# Files hold numbers of fifteen digits.
_RELATIVE = 1e-9


class Constants:
    """The constants of a model's file; which its first cells depend on, and which its events."""

    def __init__(self, path: Path) -> None:
        model = read_document(path).getModel()
        parameters = [model.getParameter(each) for each in range(model.getNumParameters())]
        self.values = {each.getId(): each.getValue() for each in parameters if each.getConstant()}
        first = [model.getInitialAssignment(each)
                 for each in range(model.getNumInitialAssignments())]  # fmt: skip
        events = [model.getEvent(each) for each in range(model.getNumEvents())]
        assigned = [each.getEventAssignment(number) for each in events
                    for number in range(each.getNumEventAssignments())]  # fmt: skip
        triggers = [each.getTrigger() for each in events]
        self.begun = {name for each in first for name in _names(each.getMath())}
        self.treated = {name for each in (*triggers, *assigned) for name in _names(each.getMath())}

    def are(self, name: str, value: float) -> bool:
        """Whether the model has a constant of a name, of a value."""
        return bool(np.isclose(self.values.get(name, np.nan), value, _RELATIVE, 0.0))

    def check(self, name: str, value: float) -> None:
        """Refuse a number that the model has by another name, or in another unit."""
        if not self.are(name, value):
            raise VcohortError(
                f"The problem sets {name!r}, which is no constant of the model that counts cells "
                "and days. Problems are read whose model has the names and units of this family."
            )


def _names(maths: Any) -> Iterator[str]:
    """Yield the names that a formula of libSBML reads."""
    if maths.isName():
        yield maths.getName()
    for each in range(maths.getNumChildren()):
        yield from _names(maths.getChild(each))
