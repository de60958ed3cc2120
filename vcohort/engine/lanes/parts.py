"""An array of each lane, taken apart: a numpy array of objects, each the same number of all lanes.

An object is a vector (lane,), or a scalar where all lanes have the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Parts: TypeAlias = np.ndarray

LANES = 32
"""So many side by side: the threads that a GPU moves together, so that a loop waits for few."""


class NotInLanes(Exception):  # noqa: N818 - it is an answer, and always caught
    """The work holds an operation that is not known to be one of single numbers."""


def parts_of(constant: Any) -> Parts:
    """Return an array that is known, and that all lanes share, as its parts."""
    numbers = np.asarray(constant)
    return from_list(list(numbers.ravel()), numbers.shape)


def from_list(numbers: Sequence[Any], shape: Sequence[int]) -> Parts:
    """Return parts of a shape. Numpy by itself would look into each object."""
    found = np.empty(len(numbers), object)
    for place, each in enumerate(numbers):
        found[place] = each
    return found.reshape(tuple(shape))


def dtype_of(parts: Parts) -> Any:
    """Return the kind of number of parts."""
    return jnp.result_type(parts.flat[0])


def alike(*numbers: Any) -> list[Any]:
    """Return numbers all as vectors, where one of them is."""
    if not any(map(np.ndim, numbers)):
        return list(numbers)
    return list(map(as_vector, numbers))


def each(work: Callable[..., Any], *inputs: Parts) -> Parts:
    """Return work on the numbers at each place; what has no axes is taken at all of them."""
    shape = np.broadcast_shapes(*(one.shape for one in inputs))
    spread = [np.broadcast_to(one, shape) for one in inputs]
    numbers = [_worked(work, [one[place] for one in spread]) for place in np.ndindex(shape)]
    return from_list(numbers, shape)


def _worked(work: Callable[..., Any], numbers: list[Any]) -> Any:
    """Return work on some numbers: done at once, where all of them are known."""
    if not all(isinstance(number, np.generic) for number in numbers):
        return work(*alike(*numbers))
    with jax.ensure_compile_time_eval():
        return np.asarray(work(*numbers))[()]


def as_vector(number: Any) -> Any:
    """Return a number as a vector (lane,), whether or not all lanes have the same."""
    return number if np.ndim(number) else jax.lax.broadcast(number, (LANES,))


def any_lane(flag: Any) -> Array:
    """Return whether a flag (lane,) is set in any lane."""
    return jnp.max(jnp.where(flag, 1, 0)) > 0
