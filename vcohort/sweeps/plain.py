"""A value as what JSON can hold, and back.

Numbers are written in full, so that a value and its text are the same value. Nothing hangs on the
order of keys: what has an order is a list. What text cannot hold (a law or a distribution of the
user's own) is kept as its ``repr``: enough to tell one study from another, not to run it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from vcohort.distributions import Empirical, Fixed, LogNormal, MultivariateNormal, Normal, Uniform
from vcohort.endpoints import Kinetics, Nadir, Outcome, Response
from vcohort.errors import VcohortError
from vcohort.treatments import Infusion, Lymphodepletion

_KNOWN: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (Empirical, Fixed, LogNormal, Normal, Uniform, Infusion, Lymphodepletion,
                 Kinetics, Nadir, Outcome, Response)
}  # fmt: skip


def plain(value: Any) -> Any:
    """Return a value as what JSON can hold. A tuple is a list there, a list an array."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, list) or hasattr(value, "__array__"):
        array = np.asarray(value)
        return {"array": array.tolist()} if array.ndim else array.item()
    return _described(value)


def _described(value: Any) -> dict[str, Any]:
    """Return an object of this package as its fields, any other as its text."""
    name = type(value).__name__
    if isinstance(value, MultivariateNormal):
        return {"is": name, "names": list(value.names), "centre": value.centre.tolist(),
                "covariance": value.covariance.tolist(), "log": value.log}  # fmt: skip
    if is_dataclass(value) and _KNOWN.get(name) is type(value):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        return {"is": name, **{key: plain(part) for key, part in given.items()}}
    told = repr(value)
    if " at 0x" in told:
        raise VcohortError(
            f"{told} cannot be told from another of its kind, so a store cannot know its study by "
            "it. Give its class a __repr__ with its values, or sweep without a store."
        )
    return {"own": told}


def restored(value: Any) -> Any:
    """Return the value that :func:`plain` was given."""
    if isinstance(value, list):
        return tuple(restored(each) for each in value)
    if not isinstance(value, dict):
        return value
    if "own" in value:
        raise own(value["own"])
    if "array" in value:
        return np.asarray(value["array"])
    given = {name: part for name, part in value.items() if name != "is"}
    if value["is"] == MultivariateNormal.__name__:
        centre = dict(zip(given.pop("names"), given.pop("centre"), strict=True))
        return MultivariateNormal(centre, **given)
    return _KNOWN[value["is"]](**{name: restored(part) for name, part in given.items()})


def own(what: str) -> VcohortError:
    """Return the error for a study that its text cannot make again."""
    return VcohortError(
        f"This study holds something of your own: {what}. Its store cannot make it again. Call "
        "vc.sweep with the same arguments and the same store: it goes on where it was."
    )
