"""On a CPU, a block is worked through in tiles that fit the processor's first caches.

Over a whole block each operation of a step goes through memory. A tile's work, loops and all, is
compiled as one program: else XLA would start some fifty small ones a step, tile by tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import jaxpr_as_fun

from vcohort.engine.compiling.operations import LONGEST_SUM, is_one_program
from vcohort.engine.compiling.platform import platform

T = TypeVar("T")

# By trial: larger tiles leave the caches, smaller ones spend more on starting their loops.
_TILE, _LEAST = 128, 16

# XLA would share out larger arrays among threads, which a function compiled as one cannot.
_LARGEST = 1 << 17

# Their XLA makes one program of a loop only where a private mark says so, and each operation of
# an unmarked tile would be started on its own. From JAX 0.12 on it does so by itself.
_MARKED = ("0.10.", "0.11.")


def in_tiles(work: Callable[..., T], axes: Sequence[int | None], rows: int, *block: Any) -> T:
    """Return ``work(*block)``, whose results have the patient first.

    ``axes``: where each part of the block has its patients, the first part in front; None where a
    part has none. ``rows``: how many numbers of a patient the largest array holds. Derivatives are
    those of ``work`` itself.
    """
    leaves = jax.tree.leaves(block)
    patients = jax.tree.leaves(block[0])[0].shape[0]
    width = max(leaf.dtype.itemsize for leaf in leaves)
    tile = min(_TILE, patients, _LARGEST // (width * max(rows, 1)))
    fit = platform() == "cpu" and tile >= min(_LEAST, patients)
    if not fit or not all(leaf.size for leaf in leaves):
        return work(*block)
    traced = _trace(work, axes, tile, *block)
    if traced is None:
        return work(*block)

    @jax.custom_batching.custom_vmap
    def tiled(*block: Any) -> T:
        return _run(traced, axes, patients, tile, *block)

    @tiled.def_vmap
    def _(_: int, batched: Any, *block: Any) -> tuple[T, Any]:
        many = [jax.tree.map(lambda each: 0 if each else None, part) for part in batched]
        found = jax.vmap(work, many)(*block)
        return found, jax.tree.map(lambda _: True, found)

    rule = jax.custom_jvp(tiled)
    rule.defjvp(lambda block, ways: jax.jvp(work, block, ways))
    return cast("T", rule(*block))


def add_up(values: Array) -> Array:
    """Return the sum of an array (number,), one number after the other where they are many.

    A tile's program cannot hold the sum of more than :data:`LONGEST_SUM` at once.
    """
    if values.size <= LONGEST_SUM:
        return jnp.sum(values)
    start = jnp.zeros((), values.dtype)
    return jax.lax.scan(lambda total, each: (total + each, None), start, values)[0]


def _trace(
    work: Callable[..., T], axes: Sequence[int | None], size: int, *block: Any
) -> Callable[..., T] | None:
    """Return the work on a tile, traced; None where it holds what a tile's program cannot."""

    def form(axis: int | None, leaf: Array) -> jax.ShapeDtypeStruct:
        shape = [size if place == axis else length for place, length in enumerate(leaf.shape)]
        return jax.ShapeDtypeStruct(shape, leaf.dtype)

    forms = (jax.tree.map(partial(form, axis), part)
             for axis, part in zip(axes, block, strict=True))  # fmt: skip
    program, found = jax.make_jaxpr(work, return_shape=True)(*forms)
    if not is_one_program(program.jaxpr):
        return None

    def again(*tile: Any) -> T:
        results = jaxpr_as_fun(program)(*jax.tree.leaves(tile))
        return jax.tree.unflatten(jax.tree.structure(found), results)

    return again


def _run(
    work: Callable[..., T], axes: Sequence[int | None], patients: int, size: int, *block: Any
) -> T:
    """Run a block in tiles of a size; the last one begins early enough to be a whole one."""

    def tile(first: Array) -> T:
        def cut(axis: int, leaf: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(leaf, first, size, axis)

        parts = (part if axis is None else jax.tree.map(partial(cut, axis), part)
                 for axis, part in zip(axes, block, strict=True))  # fmt: skip
        return _as_one(work, *parts)

    if patients == size:
        return _as_one(work, *block)
    last = patients - size
    found = jax.lax.map(tile, jnp.minimum(jnp.arange(0, patients, size), last))

    def join(part: Array) -> Array:
        whole = part[:-1].reshape(-1, *part.shape[2:])
        return jnp.concatenate([whole, part[-1, whole.shape[0] - last :]])

    return jax.tree.map(join, found)


def _as_one(work: Callable[..., T], *tile: Any) -> T:
    """Call a function that XLA is to compile as one program, apart from what is around it."""
    together = jax.lax.optimization_barrier
    if not jax.__version__.startswith(_MARKED):
        return together(work(*together(tile)))

    def reading(*tile: Any) -> tuple[T, list[Array]]:
        return work(*tile), [jnp.ravel(leaf)[:1] for leaf in jax.tree.leaves(tile)]

    # XLA stops at a parameter that nothing reads: each is read, and what was read is kept.
    return together(call(reading, *tile, xla_cpu_small_call="true"))[0]


def call(work: Callable[..., T], *inputs: Any, **marks: str) -> T:
    """Call a function that XLA is not to inline."""
    mark = partial(set_xla_metadata, inlineable="false", **marks)
    return jax.tree.map(mark, jax.jit(work)(*inputs))
