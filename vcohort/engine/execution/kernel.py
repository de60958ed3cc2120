"""A kernel: what a group of lanes reads, works out in registers, and writes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from vcohort.engine.inputs import Patients
from vcohort.engine.integrator.grid import Grid, Step
from vcohort.engine.lanes import LANES, Parts, as_vector, from_list

# JAX 0.12 names no way that is ready to take its place.
warnings.filterwarnings("ignore", "The Pallas Triton backend is deprecated", DeprecationWarning)


class Inputs(NamedTuple):
    """Of a block: its patients (patient, …), its grid, and numbers that all share."""

    patients: Patients
    grid: Grid
    shared: Any


def in_a_kernel(work: Callable[..., Any], inputs: Inputs, found: Any, *, interpret: bool) -> Any:
    """Return ``work(patients, shared, step_of)`` of a block, in trees of parts, (patient, …) each.

    ``step_of(index)``: a step of the grid. ``found``: the form of what is found of one patient.
    """
    total = jax.tree.leaves(inputs.patients)[0].shape[0]
    groups = -(-total // LANES)
    filled = partial(_filled, groups * LANES - total)
    # Of each number of a patient those of all patients lie side by side.
    patients = jax.tree.map(lambda leaf: jnp.moveaxis(filled(leaf), 0, -1), inputs.patients)
    grid = jax.tree.map(lambda part: part if part.ndim == 1 else filled(part.T).T, inputs.grid)
    shared = jax.tree.map(lambda number: jnp.reshape(number, (1,)), inputs.shared)
    specs = Inputs(
        jax.tree.map(_own, patients),
        jax.tree.map(lambda part: _all(part) if part.ndim == 1 else _own(part), grid),
        jax.tree.map(_all, shared),
    )
    leaves, form = jax.tree.flatten(Inputs(patients, grid, shared))
    results, found_form = jax.tree.flatten(found)

    def kernel(*refs: Any) -> None:
        given = jax.tree.unflatten(form, refs[: len(leaves)])
        constants = jax.tree.map(lambda ref: from_list([ref[0]], ()), given.shared)
        worked = work(jax.tree.map(_read, given.patients), constants, partial(_step, given.grid))
        for ref, parts in zip(refs[len(leaves) :], jax.tree.leaves(worked), strict=True):
            ref[:] = as_vector(parts[()])

    call = pl.pallas_call(
        kernel,
        grid=(groups,),
        in_specs=jax.tree.leaves(specs),
        out_specs=[pl.BlockSpec((LANES,), lambda group: (group,))] * len(results),
        out_shape=[jax.ShapeDtypeStruct((groups * LANES,), each.dtype) for each in results],
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=1, num_stages=1),
    )
    return jax.tree.unflatten(found_form, [result[:total] for result in call(*leaves)])


def _filled(more: int, leaf: Array) -> Array:
    """Fill up (patient, …) with copies of the last one."""
    if not more:
        return leaf
    return jnp.pad(leaf, [(0, more), *[(0, 0)] * (leaf.ndim - 1)], mode="edge")


def _own(leaf: Array) -> pl.BlockSpec:
    """Return that a group takes its own part of an array whose last axis has the patients."""
    before = leaf.shape[:-1]
    return pl.BlockSpec((*before, LANES), lambda group: (*[0] * len(before), group))


def _all(leaf: Array) -> pl.BlockSpec:
    """Return that each group takes all of an array (number,)."""
    return pl.BlockSpec(leaf.shape, lambda group: (0,))


def _read(ref: Any) -> Parts:
    """Return what is read of each patient: a number, or a few of them."""
    if len(ref.shape) == 1:
        return from_list([ref[:]], ())
    return from_list([ref[row, :] for row in range(ref.shape[0])], ref.shape[:1])


def _step(grid: Grid, index: Array) -> Step:
    """Return a step of a grid that all share, or of each patient's own."""
    parts = (ref[index] if len(ref.shape) == 1 else ref[index, :] for ref in grid)
    numbers = (index.astype(jnp.uint32), *parts)
    return Step(*(cast("Any", from_list([number], ())) for number in numbers))
