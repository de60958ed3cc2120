"""What a traced program holds, and which of its outputs depend on which inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Var

# Operations that run the one program they hold, once, on their operands.
_CALLS = (
    *("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2"),
    *("custom_jvp_call", "custom_vjp_call"),
)


def inner_programs(line: JaxprEqn) -> list[Jaxpr]:
    """Return the programs that one operation holds: of loops, branches, called functions."""

    def is_program(part: Any) -> bool:
        return isinstance(part, (Jaxpr, ClosedJaxpr))

    parts = jax.tree.leaves(list(line.params.values()), is_leaf=is_program)
    return [
        part.jaxpr if isinstance(part, ClosedJaxpr) else part for part in filter(is_program, parts)
    ]


def dependent(program: Jaxpr, marked: Sequence[bool]) -> list[bool]:
    """Return, of each output, whether it depends on one of the ``marked`` inputs.

    Followed through calls and branches; what goes into a loop, or into an operation that is not
    known, is taken to reach all that comes out of it.
    """
    reached = {var for var, mark in zip(program.invars, marked, strict=True) if mark}

    def is_reached(part: Any) -> bool:
        return isinstance(part, Var) and part in reached

    for line in program.eqns:
        found = _outputs(line, [is_reached(part) for part in line.invars])
        reached.update(var for var, mark in zip(line.outvars, found, strict=True) if mark)
    return [is_reached(part) for part in program.outvars]


def _outputs(line: JaxprEqn, marked: Sequence[bool]) -> list[bool]:
    """Return which outputs of one operation depend on its marked operands."""
    operation = line.primitive.name
    if operation in _CALLS:
        (called,) = inner_programs(line)
        return dependent(called, marked)
    if operation == "cond" and not marked[0]:
        branches = [dependent(branch, marked[1:]) for branch in inner_programs(line)]
        return [any(ways) for ways in zip(*branches, strict=True)]
    return [any(marked)] * len(line.outvars)
