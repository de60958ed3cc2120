"""Endpoints as text, the same on the command line and in study files: as one would call them."""

from __future__ import annotations

import ast
import reprlib
from dataclasses import MISSING, fields
from inspect import isabstract
from typing import TYPE_CHECKING, Any

from vcohort.errors import VcohortError, unknown

if TYPE_CHECKING:
    from vcohort.endpoints import Endpoint


def parse_endpoint(text: str) -> Endpoint:
    """Return the endpoint that a text says: ``Escaped``, ``Kinetics(auc_until=60)``.

    :raises VcohortError: for what is no such text, an unknown endpoint, and arguments that it does
        not have, are given twice, or are lacking.
    """
    name, given = _read(text)
    known = _known()
    if name not in known:
        raise unknown("endpoint", name, known)
    _check_arguments(known[name], given)
    return known[name](**given)


def _read(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the arguments that a text says."""
    wrong = VcohortError(
        f"The endpoint {reprlib.repr(text)} is not understood. Write its name, and what it is "
        "given with names: Nadir, Kinetics(auc_until=60), Response(days=[30, 90])."
    )
    try:
        said = ast.parse(text.strip(), mode="eval").body
        called = said if isinstance(said, ast.Call) else ast.Call(said, [], [])
        if not isinstance(called.func, ast.Name) or called.args:
            raise wrong
        given = {str(each.arg): ast.literal_eval(each.value) for each in called.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        raise wrong from None
    if len(given) < len(called.keywords):
        raise VcohortError(f"The endpoint {text!r} is given an argument twice. Keep one.")
    return called.func.id, given


def _check_arguments(kind: Any, given: dict[str, Any]) -> None:
    """Refuse arguments that an endpoint does not have, and that it lacks."""
    names = [each.name for each in fields(kind)]
    for name in given:
        if name not in names:
            raise unknown(f"argument of {kind.__name__}", name, names)
    needed = (each.name for each in fields(kind)
              if each.default is MISSING and each.default_factory is MISSING)  # fmt: skip
    lacking = [name for name in needed if name not in given]
    if lacking:
        call = ", ".join(f"{name}=..." for name in lacking)
        raise VcohortError(
            f"The endpoint {kind.__name__} lacks {', '.join(lacking)}. Write "
            f"{kind.__name__}({call})."
        )


def _known() -> dict[str, Any]:
    """Return the endpoints of the package by name; the outcome is always there."""
    from vcohort import endpoints

    kinds = [each for each in vars(endpoints).values() if isinstance(each, type)]
    found = [each for each in kinds if issubclass(each, endpoints.Endpoint)]
    return {each.__name__: each for each in found if not isabstract(each)}
