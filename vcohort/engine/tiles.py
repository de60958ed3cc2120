"""On a CPU, a block is worked through in tiles that fit the processor's first caches.

XLA runs a time loop as some fifty small programs a step, started one by one, each over the whole
block. Told that a called function is small it compiles the function, loops and all, as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.xla_metadata import set_xla_metadata

T = TypeVar("T")

# By trial: larger tiles leave the caches, smaller ones spend more on starting their loops.
_TILE = 128

COMPILER_OPTIONS = {"xla_cpu_prefer_vector_width": "512"}
"""For ``jax.jit``: LLVM uses half the width of a vector register unless told otherwise."""


def in_tiles(work: Callable[..., T], axes: Sequence[int | None], *block: Any) -> T:
    """Return ``work(*block)``, whose results have the patient first.

    ``axes``: where each part of the block has its patients; None where it has none.
    """
    if jax.default_backend() != "cpu":
        return work(*block)
    patients = next(
        leaf.shape[axis] for axis, part in zip(axes, block, strict=True)
        if axis is not None for leaf in jax.tree.leaves(part)
    )  # fmt: skip
    if patients <= _TILE:
        return _as_one(work)(*block)

    def tile(first: Array) -> T:
        def cut(axis: int, leaf: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(leaf, first, _TILE, axis)

        parts = (part if axis is None else jax.tree.map(partial(cut, axis), part)
                 for axis, part in zip(axes, block, strict=True))  # fmt: skip
        return _as_one(work)(*parts)

    # The last tile is a whole one, too: it begins early enough.
    last = patients - _TILE
    found = jax.lax.map(tile, jnp.minimum(jnp.arange(0, patients, _TILE), last))

    def join(part: Array) -> Array:
        whole = part[:-1].reshape(-1, *part.shape[2:])
        return jnp.concatenate([whole, part[-1, whole.shape[0] - last :]])

    return jax.tree.map(join, found)


def _as_one(work: Callable[..., T]) -> Callable[..., T]:
    """Have XLA compile a function as one program; it ignores what it does not know."""

    def call(*tile: Any) -> T:
        with set_xla_metadata(inlineable="false", xla_cpu_small_call="true"):
            return jax.jit(work)(*tile)

    return call
