"""The families of distributions that there are: those whose files lie in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields
from functools import cache
from typing import Any

from vcohort.populations import distributions
from vcohort.populations.distributions.law import Distribution
from vcohort.populations.distributions.numbers import text_name
from vcohort.records import is_recordable


@cache
def families() -> dict[str, Any]:
    """Return the families by their names: each is the ``FAMILY`` of its file."""
    modules = sorted(module.name for module in pkgutil.iter_modules(distributions.__path__))
    imported = [importlib.import_module(f"{distributions.__name__}.{name}") for name in modules]
    found = [module.FAMILY for module in imported if hasattr(module, "FAMILY")]
    return {kind.family: kind for kind in found}


def families_in_text() -> dict[str, Any]:
    """Return the families that a text can give, by what it calls them."""
    named = {text_name(name): kind for name, kind in families().items()}
    return {name: kind for name, kind in named.items() if hasattr(kind, "from_text")}


def to_text(law: Distribution) -> str:
    """Return the text from which ``from_text`` of a law's family makes it, to six digits."""
    parts: Any = law
    numbers = (f"{getattr(law, each.name):.6g}" for each in fields(parts))
    return f"{text_name(name_of(law))}({', '.join(numbers)})"


def name_of(law: Distribution) -> str:
    """Return the name of a distribution's family; of one of the user's own, that of its class."""
    kind: Any = type(law)
    return kind.family if is_recordable(law) else kind.__name__


def draw_alike(law: Distribution, other: Distribution | None) -> bool:
    """Whether two laws draw the same values; of the user's own only one and the same object."""
    return law is other or (is_recordable(law) and law == other)
