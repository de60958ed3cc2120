"""Which parameters are free."""

from __future__ import annotations

from collections.abc import Sequence

from vcohort.errors import VcohortError
from vcohort.given import names_of
from vcohort.models import Model


def free_names(free: Sequence[str], model: Model) -> tuple[str, ...]:
    """Return the names of free parameters, each known to the model, and once."""
    given = names_of("free", free, "['K_C', 'r_B']", "parameters")
    names = tuple(model.param(name).name for name in given)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise VcohortError(f"{twice[0]} is twice among the free parameters.")
    return names
