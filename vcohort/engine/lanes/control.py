"""Programs on parts: operation by operation, and loops that turn until all lanes are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeVar, cast

import jax
import numpy as np
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from vcohort.engine.lanes.parts import (
    Parts,
    alike,
    any_lane,
    as_vector,
    dtype_of,
    each,
    from_list,
    parts_of,
)
from vcohort.engine.lanes.rules import apply

T = TypeVar("T")


def run(work: Callable[..., T], *inputs: Any) -> T:
    """Return ``work(*inputs)`` of each lane.

    ``inputs``: trees of :data:`Parts`, of arrays that ``work`` has of one lane. So is what is
    returned.

    :raises NotInLanes: naming the operation that is not one of single numbers.
    """
    leaves, form = jax.tree.flatten(inputs)
    forms = [jax.ShapeDtypeStruct(leaf.shape, dtype_of(leaf)) for leaf in leaves]
    program, found = jax.make_jaxpr(work, return_shape=True)(*jax.tree.unflatten(form, forms))
    results = _evaluate(program, leaves)
    return jax.tree.unflatten(jax.tree.structure(found), results)


def _evaluate(program: ClosedJaxpr | Jaxpr, inputs: Sequence[Parts]) -> list[Parts]:
    inner, constants = (
        (program.jaxpr, program.consts) if isinstance(program, ClosedJaxpr) else (program, [])
    )
    known = dict(zip(inner.constvars, map(parts_of, constants), strict=True))
    known |= dict(zip(inner.invars, inputs, strict=True))

    def read(part: Any) -> Parts:
        if isinstance(part, Literal):
            return parts_of(np.asarray(part.val, cast("Any", part.aval).dtype))
        return known[part]

    for line in inner.eqns:
        held = list(map(read, line.invars))
        rule = _CONTROL.get(line.primitive.name)
        found = apply(line, held) if rule is None else rule(line, held)
        known |= dict(zip(line.outvars, found, strict=True))
    return list(map(read, inner.outvars))


def _call(line: Any, inputs: list[Parts]) -> list[Parts]:
    """Run the one program that an operation holds."""
    (called,) = (part for part in line.params.values() if isinstance(part, (Jaxpr, ClosedJaxpr)))
    return _evaluate(called, inputs)


def turns(count: Array, turn: Callable[[Array, T], T], begun: T) -> T:
    """Return what so many turns of a loop make of a tree of parts: ``turn(index, tree)``.

    ``count``: the same in all lanes.
    """
    leaves, form = jax.tree.flatten(begun)
    loose = _Loose(leaves)

    def once(index: Array, numbers: list[Any]) -> list[Any]:
        after = turn(index, jax.tree.unflatten(form, loose.parts(numbers)))
        return list(map(as_vector, loose.numbers(jax.tree.leaves(after))))

    first = list(map(as_vector, loose.numbers(leaves)))
    numbers = jax.lax.fori_loop(0, count, once, first)
    return jax.tree.unflatten(form, loose.parts(numbers))


class _Loose:
    """Parts of several shapes as one list of numbers, and back."""

    def __init__(self, like: Sequence[Parts]):
        self.shapes = [parts.shape for parts in like]

    def numbers(self, parts: Sequence[Parts]) -> list[Any]:
        return [number for one in parts for number in one.flat]

    def parts(self, numbers: Sequence[Any]) -> list[Parts]:
        found, rest = [], list(numbers)
        for shape in self.shapes:
            size = int(np.prod(shape))
            found.append(from_list(rest[:size], shape))
            rest = rest[size:]
        return found


def _while(line: Any, inputs: list[Parts]) -> list[Parts]:
    """Turn until all lanes are done: each keeps what it had when it was."""
    params = line.params
    asked, held = params["cond_nconsts"], params["body_nconsts"]
    for_flag, for_turn, begun = inputs[:asked], inputs[asked : asked + held], inputs[asked + held :]
    loose = _Loose(begun)

    def wanted(numbers: list[Any]) -> Parts:
        """Return who wants a turn; a loop that was mapped over an axis asks along it, too."""
        (flags,) = _evaluate(params["cond_jaxpr"], [*for_flag, *loose.parts(numbers)])
        return flags

    def go_on(numbers: list[Any]) -> Any:
        return any_lane(reduce(jax.lax.bitwise_or, map(as_vector, wanted(numbers).flat)))

    def turn(numbers: list[Any]) -> list[Any]:
        flags, before = wanted(numbers), loose.parts(numbers)
        after = _evaluate(params["body_jaxpr"], [*for_turn, *before])
        return [
            as_vector(number)
            for new, old in zip(after, before, strict=True)
            for number in _chosen(flags, new, old).flat
        ]

    first = list(map(as_vector, loose.numbers(begun)))
    return loose.parts(jax.lax.while_loop(go_on, turn, first))


def _chosen(flags: Parts, new: Parts, old: Parts) -> Parts:
    """Return the new numbers of those who took a turn; the flags are of the first axes."""
    return each(
        jax.lax.select, flags.reshape(flags.shape + (1,) * (old.ndim - flags.ndim)), new, old
    )


def _scan(line: Any, inputs: list[Parts]) -> list[Parts]:
    """Run a scan turn by turn: over a patient's few numbers, all of which are at hand."""
    params, (constants, carried) = line.params, _shares(line)
    held, carry = inputs[:constants], inputs[constants : constants + carried]
    items = inputs[constants + carried :]
    places = range(params["length"])
    kept: list[list[Parts]] = []
    for place in reversed(places) if params["reverse"] else places:
        item = [row[place : place + 1].reshape(row.shape[1:]) for row in items]
        found = _evaluate(params["jaxpr"], [*held, *carry, *item])
        carry = found[:carried]
        kept.append(found[carried:])
    kept = kept[::-1] if params["reverse"] else kept
    return [*carry, *(np.stack(rows) for rows in zip(*kept, strict=True))]


def _shares(line: Any) -> tuple[int, int]:
    """Return how many constants a scan has, and how many it carries; versions of JAX note it apart.

    What it goes over, and what it keeps, has one axis more outside than in a turn.
    """
    called = line.params["jaxpr"]
    inner = called.jaxpr if isinstance(called, ClosedJaxpr) else called

    def alike_in(outside: Sequence[Any], inside: Sequence[Any]) -> int:
        pairs = zip(outside, inside, strict=True)
        return sum(one.aval.ndim == other.aval.ndim for one, other in pairs)

    carried = alike_in(line.outvars, inner.outvars)
    return alike_in(line.invars, inner.invars) - carried, carried


def _branch(line: Any, inputs: list[Parts]) -> list[Parts]:
    """Take a branch by lane: all are run, and of each lane one is chosen."""
    number, *operands = inputs
    found = [_evaluate(branch, operands) for branch in line.params["branches"]]
    index = number[()]

    def choose(*options: Any) -> Any:
        chosen = options[-1]
        for place in reversed(range(len(options) - 1)):
            here = index <= np.asarray(place, index.dtype)
            chosen = jax.lax.select(*alike(here, *alike(options[place], chosen)))
        return chosen

    return [each(choose, *options) for options in zip(*found, strict=True)]


_CONTROL: dict[str, Callable[[Any, list[Parts]], list[Parts]]] = {
    "while": _while,
    "scan": _scan,
    "cond": _branch,
    **dict.fromkeys(
        ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat", "remat2",
         "custom_jvp_call", "custom_vjp_call"),
        _call,
    ),
}  # fmt: skip
