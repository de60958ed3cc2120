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


class Forms(NamedTuple):
    """Of one patient: the form of what is found, and of what is kept at each point of its grid."""

    found: Any
    kept: Any = None


def in_a_kernel(
    work: Callable[..., Any], inputs: Inputs, forms: Forms, *, interpret: bool
) -> tuple[Any, Any]:
    """Return what is found of a block, (patient, …), and what is kept of it, (point, patient).

    ``work(patients, shared, step_of, keep)``: it returns what is found, in trees of parts as all
    that it is given. ``step_of(index)``: a step of the grid. ``keep(index, tree)``: note what is to
    be kept at a point, 0 the start; of points that are not reached what is kept means nothing.
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
    points = 1 + inputs.grid.days.shape[0]
    results = jax.tree.leaves(forms.found)
    rows = jax.tree.leaves(forms.kept)

    def kernel(*refs: Any) -> None:
        given = jax.tree.unflatten(form, refs[: len(leaves)])
        constants = jax.tree.map(lambda ref: from_list([ref[0]], ()), given.shared)
        outputs = refs[len(leaves) :]

        def keep(index: Any, tree: Any) -> None:
            for ref, parts in zip(outputs[len(results) :], jax.tree.leaves(tree), strict=True):
                ref[index, :] = as_vector(parts[()])

        patients = jax.tree.map(_read, given.patients)
        found = work(patients, constants, partial(_step, given.grid), keep)
        for ref, parts in zip(outputs[: len(results)], jax.tree.leaves(found), strict=True):
            ref[:] = as_vector(parts[()])

    width = groups * LANES
    shapes = [jax.ShapeDtypeStruct((width,), each.dtype) for each in results]
    shapes += [jax.ShapeDtypeStruct((points, width), each.dtype) for each in rows]
    call = pl.pallas_call(
        kernel,
        grid=(groups,),
        in_specs=jax.tree.leaves(specs),
        out_specs=list(map(_own, shapes)),
        out_shape=shapes,
        interpret=interpret,
        compiler_params=None if interpret else triton.CompilerParams(num_warps=1, num_stages=1),
    )
    outputs = [output[..., :total] for output in call(*leaves)]
    found = jax.tree.unflatten(jax.tree.structure(forms.found), outputs[: len(results)])
    return found, jax.tree.unflatten(jax.tree.structure(forms.kept), outputs[len(results) :])


def _filled(more: int, leaf: Array) -> Array:
    """Fill up (patient, …) with copies of the last one."""
    if not more:
        return leaf
    return jnp.pad(leaf, [(0, more), *[(0, 0)] * (leaf.ndim - 1)], mode="edge")


def _own(leaf: Any) -> pl.BlockSpec:
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
