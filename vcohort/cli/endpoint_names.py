"""Endpoints as text, the same on the command line and in study files: as one would call them."""

from __future__ import annotations

import ast
from dataclasses import fields
from inspect import isabstract
from typing import TYPE_CHECKING, Any

from vcohort.errors import VcohortError, unknown

if TYPE_CHECKING:
    from vcohort.endpoints import Endpoint


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint that a text says: ``Escaped``, ``Kinetics(auc_until=60)``.

    :raises VcohortError: for what is no such text, an unknown endpoint, an unknown argument.
    """
    wrong = VcohortError(
        f"The endpoint {text!r} is not understood. Write its name, and what it is given with "
        "names: Nadir, Kinetics(auc_until=60), Response(days=[30, 90])."
    )
    try:
        said = ast.parse(text.strip(), mode="eval").body
        called = said if isinstance(said, ast.Call) else ast.Call(said, [], [])
        if not isinstance(called.func, ast.Name) or called.args:
            raise wrong
        given = {str(each.arg): ast.literal_eval(each.value) for each in called.keywords}
    except (SyntaxError, ValueError, TypeError):
        raise wrong from None
    known = _known()
    if called.func.id not in known:
        raise unknown("endpoint", called.func.id, known)
    kind = known[called.func.id]
    for name in given:
        if name not in (names := [each.name for each in fields(kind)]):
            raise unknown(f"argument of {kind.__name__}", name, names)
    return kind(**given)


def _known() -> dict[str, Any]:
    """Return the endpoints of the package by name; the outcome is always there."""
    from vcohort import endpoints

    kinds = [each for each in vars(endpoints).values() if isinstance(each, type)]
    found = [each for each in kinds if issubclass(each, endpoints.Endpoint)]
    return {each.__name__: each for each in found if not isabstract(each)}
