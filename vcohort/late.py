"""JAX, imported when it is first used: it takes a second, and a user's slip is told before.

For rooms that know names and bounds, and reckon with arrays only when they are asked to.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ("Array", "is_traced", "jax", "jnp")


class _Late:
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, part: str) -> Any:
        return getattr(import_module(self._name), part)


if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    from jax import Array
else:
    jax, jnp = _Late("jax"), _Late("jax.numpy")
    Array: TypeAlias = Any


def is_traced(value: Any) -> bool:
    """Whether a value is being traced, by ``jax.jit`` or ``jax.grad``."""
    # As long as nobody has imported JAX, nobody traces.
    core = sys.modules.get("jax.core")
    return core is not None and isinstance(value, core.Tracer)
