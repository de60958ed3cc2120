"""Branches that a batch pays for only when one of its patients needs them; loops of any length."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

T = TypeVar("T")
C = TypeVar("C")
X = TypeVar("X")
Y = TypeVar("Y")


def when(needed: Array, branch: Callable[..., T], value: T, *operands: Any) -> T:
    """Return ``branch(*operands)`` where ``needed``, else ``value``.

    A loop of at most one turn. Under ``jax.vmap`` a condition becomes a selection that
    always pays for both sides; a loop is left at once when no patient wants a turn.
    The branch must reach its inputs through ``operands``.
    """

    def turn(carry: tuple[Array, T]) -> tuple[Array, T]:
        # The compiler moves work that no turn changes out of a loop, and would do it always:
        # the barrier ties the operands to the carry.
        _, held = jax.lax.optimization_barrier((carry, operands))
        return jnp.zeros_like(carry[0]), branch(*held)

    return jax.lax.while_loop(lambda carry: carry[0], turn, (needed, value))[1]


def scan_first(
    count: Array | int,
    body: Callable[[C, X], tuple[C, Y]],
    carry: C,
    items: X,
    *,
    reverse: bool = False,
) -> tuple[C, Y]:
    """Return ``jax.lax.scan(body, carry, items)`` of the first ``count`` items alone.

    ``reverse``: from the last of these to the first. One program serves every count up to the
    number of items; what is not reached is 0. Without reverse-mode derivatives.
    """

    def item(index: Array | int) -> X:
        return jax.tree.map(lambda part: part[index], items)

    # To trace a step takes seconds: what its form was asked of is what the loop takes.
    step = jax.jit(body, inline=True)
    length = jax.tree.leaves(items)[0].shape[0]
    form = jax.eval_shape(step, carry, item(0))[1]
    found = jax.tree.map(lambda part: jnp.zeros((length, *part.shape), part.dtype), form)

    def turn(number: Array, state: tuple[C, Y]) -> tuple[C, Y]:
        index = count - 1 - number if reverse else number
        carry, value = step(state[0], item(index))
        keep = partial(jax.lax.dynamic_update_index_in_dim, index=index, axis=0)
        return carry, jax.tree.map(keep, state[1], value)

    return jax.lax.fori_loop(0, count, turn, (carry, found))
