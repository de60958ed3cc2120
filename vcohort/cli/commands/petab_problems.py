"""A problem of PEtab in place of a table: it says itself what flags say of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcohort.errors import VcohortError

if TYPE_CHECKING:
    from vcohort.exchange.petab.reading.fit_problem import FitProblem


def problem_of(table: str, how: str, flags: Mapping[str, Any]) -> FitProblem | None:
    """Return the problem that a file of YAML is; None for a table.

    :raises VcohortError: for ``flags`` that say what a problem says itself.
    """
    if Path(table).suffix.lower() not in {".yaml", ".yml"}:
        return None
    told = [flag for flag, value in flags.items() if value]
    if told:
        raise VcohortError(
            f"A problem of PEtab says itself what {', '.join(told)} would say. Leave it out, or "
            "give a table."
        )
    if how == "compare":
        raise VcohortError("--how compare fits other laws than the problem has. Give a table.")
    from vcohort.exchange.petab.read import read_petab

    return read_petab(table)


def settings_of(problem: FitProblem, how: str) -> dict[str, Any]:
    """Return what a problem says beside its data and what is free."""
    found = problem.for_posterior() if how == "posterior" else problem.for_fit()
    return {name: value for name, value in found.items() if name not in {"data", "free"}}
