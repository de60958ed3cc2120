"""A value as what JSON can hold, and back: what a dataset or a store keeps of what it was made of.

Numbers are written in full, so that a value and its text are the same value. Nothing hangs on the
order of keys: what has an order is a list. What text cannot hold (a law or a distribution of the
user's own) is kept by its class and its ``repr``: enough to tell one study from another, not to run
it again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from vcohort.errors import VcohortError

_Kind = TypeVar("_Kind", bound=type)

_known: dict[str, Any] = {}


def recordable(kind: _Kind) -> _Kind:
    """Let records hold values of a class: the fields of a dataclass, or its ``to_plain``.

    A class with ``to_plain`` has a class method ``from_plain``, which gives the value back.
    """
    _known[kind.__name__] = kind
    return kind


def is_recordable(value: Any) -> bool:
    """Whether a value is of a class that records hold, and so of this package."""
    return _known.get(type(value).__name__) is type(value)


def plain(value: Any, elsewhere: Mapping[int, str] | None = None) -> Any:
    """Return a value as what JSON can hold. A tuple is a list there, a list an array.

    ``elsewhere``: by ``id``, arrays that a dataset holds as variables, whose names stand for them.
    """
    if elsewhere and id(value) in elsewhere:
        return {"variable": elsewhere[id(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [plain(each, elsewhere) for each in value]
    if type(value) is dict:
        return {"mapping": {name: plain(part, elsewhere) for name, part in value.items()}}
    if isinstance(value, list) or hasattr(value, "__array__"):
        array = np.asarray(value)
        return {"array": array.tolist()} if array.ndim else array.item()
    return value.to_plain() if _says_itself(value) else _described(value, elsewhere)


def _says_itself(value: Any) -> bool:
    """Whether a value tells its own record, which this package can read; not one of the user's."""
    return is_recordable(value) and hasattr(value, "to_plain")


def _described(value: Any, elsewhere: Mapping[int, str] | None) -> dict[str, Any]:
    """Return an object of this package as its fields, any other as its text."""
    kind = type(value)
    if is_dataclass(value) and is_recordable(value):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        return {"is": kind.__name__,
                **{key: plain(part, elsewhere) for key, part in given.items()}}  # fmt: skip
    return {"own": repr(value), "class": f"{kind.__module__}.{kind.__qualname__}"}


def refuse_nameless(record: Any) -> None:
    """Refuse a record with an object of the user's own whose ``repr`` is but its address."""
    match record:
        case {"own": str(told)} if " at 0x" in told:
            raise VcohortError(
                f"{told} cannot be told from another of its kind, so a store cannot know its study "
                "by it. Give its class a __repr__ with its values, or sweep without a store."
            )
        case dict() | list():
            for part in record.values() if isinstance(record, dict) else record:
                refuse_nameless(part)
        case _:
            pass


def restored(value: Any, variables: Mapping[str, Any] | None = None) -> Any:
    """Return the value that :func:`plain` was given; ``variables``: those of the dataset."""
    if isinstance(value, list):
        return tuple(restored(each, variables) for each in value)
    if not isinstance(value, dict):
        return value
    if "own" in value:
        raise own(value)
    match value:
        case {"mapping": parts}:
            return {name: restored(part, variables) for name, part in parts.items()}
        case {"array": numbers}:
            return np.asarray(numbers)
        case {"variable": name}:
            return _variable(name, variables or {})
        case _:
            return _made(value, variables)


def _made(value: Mapping[str, Any], variables: Mapping[str, Any] | None) -> Any:
    """Return an object of this package, from its fields or from what it says of itself."""
    kind, given = _known[value["is"]], {name: part for name, part in value.items() if name != "is"}
    if hasattr(kind, "from_plain"):
        return kind.from_plain(given)
    return kind(**{name: restored(part, variables) for name, part in given.items()})


@contextmanager
def reading(what: str) -> Generator[None]:
    """Explain whatever goes wrong while a record is read."""
    try:
        yield
    except VcohortError:
        raise
    except Exception as error:  # What is no record fails in as many ways as there are parts of one.
        raise VcohortError(
            f"That is no record of a {what} ({error!r}). Give the text of a dataset's attribute "
            f"{what}_record."
        ) from None


def _variable(name: str, variables: Mapping[str, Any]) -> np.ndarray:
    if name not in variables:
        raise VcohortError(
            f"The record leaves the numbers of each patient to the variable {name!r} of its "
            "dataset. Give the dataset too."
        )
    return np.asarray(variables[name])


def own(record: Mapping[str, Any]) -> VcohortError:
    """Return the error for something of the user's own, which text cannot make again."""
    kind = record.get("class", "as an earlier version kept it")
    return VcohortError(
        f"This study holds something of your own: {record['own']} ({kind}), which its record "
        "cannot make again. Where it is a store's, call vc.sweep with the same arguments and the "
        "same store: it goes on where it was."
    )
