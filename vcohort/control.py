"""Branches that a batch pays for only when one of its patients needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

T = TypeVar("T")


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
