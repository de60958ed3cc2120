"""How operations on arrays of one patient work on their parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vcohort.engine.lanes.parts import NotInLanes, Parts, each, from_list

# What Triton does number by number as XLA does.
_SINGLE = """
abs acos acosh add add_any and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil cos cosh
convert_element_type div eq erf_inv exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p
logistic lt mul ne neg not or pow rem rsqrt shift_left shift_right_arithmetic
shift_right_logical sign sin sinh sqrt square sub tan tanh xor
"""
SINGLE = frozenset(_SINGLE.split())

# What changes nothing in one lane.
_SAME = frozenset(("copy", "copy_p", "optimization_barrier", "reshard", "stop_gradient"))


def apply(line: Any, inputs: list[Parts]) -> list[Parts]:
    """Return the results of an operation that holds no program."""
    name, params = line.primitive.name, line.params
    if name in _SAME:
        return inputs
    if name in SINGLE:
        return [each(partial(line.primitive.bind, **params), *inputs)]
    if name in _UNLIKE_TRITON:
        return [each(_UNLIKE_TRITON[name], *inputs)]
    if name in _FOLDED:
        return [_fold(_FOLDED[name], params["axes"], inputs[0])]
    if name in _RULES:
        return _RULES[name](line, *inputs)
    raise NotInLanes(name)


def _extremum(pick: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    """Return the larger or smaller number; NaN where one of them is, which Triton would drop."""
    found = pick(x, y)
    for number in (x, y):
        if jnp.issubdtype(jnp.result_type(number), jnp.floating):
            found = jnp.where(jnp.isnan(number), number, found)
    return found


_larger, _smaller = (partial(_extremum, pick) for pick in (jax.lax.max, jax.lax.min))


def _clamp(least: Any, x: Any, most: Any) -> Any:
    return _smaller(_larger(least, x), most)


def _round(x: Any) -> Any:
    """Return the nearest whole number, the even one of two: Triton has no such operation."""
    below = jnp.floor(x)
    rest, half = x - below, 0.5 * below
    up = (rest > 0.5) | ((rest == 0.5) & (half != jnp.floor(half)))
    return jnp.where(up, below + 1.0, below)


def _polynomial(x: Any, *coefficients: Any) -> Any:
    """Return a polynomial of x, its coefficients from the lowest degree on: one in JAX 0.12."""
    return reduce(lambda value, coefficient: value * x + coefficient, reversed(coefficients))


def _select(which: Any, *cases: Any) -> Any:
    """Return the case that is chosen: Triton knows two."""
    if len(cases) == 2:
        return jax.lax.select_n(which, *cases)
    numbered = list(enumerate(cases[:-1]))
    return reduce(lambda found, at: jnp.where(which == at[0], at[1], found), numbered, cases[-1])


_UNLIKE_TRITON = {
    "max": _larger, "min": _smaller, "clamp": _clamp, "round": _round, "polynomial": _polynomial,
    "select_n": _select,
}  # fmt: skip

_FOLDED = {
    "reduce_sum": jax.lax.add,
    "reduce_max": _larger,
    "reduce_min": _smaller,
    "reduce_and": jax.lax.bitwise_and,
    "reduce_or": jax.lax.bitwise_or,
}


def _fold(work: Callable[[Any, Any], Any], axes: tuple[int, ...], parts: Parts) -> Parts:
    """Fold some axes, one number after the other."""
    kept = [axis for axis in range(parts.ndim) if axis not in axes]
    table = parts.transpose(*axes, *kept).reshape(-1, *(parts.shape[axis] for axis in kept))
    if not len(table):
        raise NotInLanes("an array without numbers")
    return reduce(partial(each, work), map(_whole, table))


def _whole(part: Any) -> Parts:
    """Return a row of parts: numpy hands out what has no axes as the object itself."""
    return part if isinstance(part, np.ndarray) else from_list([part], ())


def _accumulate(work: Callable[[Any, Any], Any], line: Any, parts: Parts) -> list[Parts]:
    axis, backwards = line.params["axis"], line.params["reverse"]
    rows = [_whole(row) for row in np.moveaxis(parts, axis, 0)]
    rows = rows[::-1] if backwards else rows
    for place in range(1, len(rows)):
        rows[place] = each(work, rows[place - 1], rows[place])
    return [np.moveaxis(np.stack(rows[::-1] if backwards else rows), 0, axis)]


def _spread(line: Any, parts: Parts) -> list[Parts]:
    shape, axes = line.params["shape"], line.params["broadcast_dimensions"]
    form = [1] * len(shape)
    for axis, length in zip(axes, parts.shape, strict=True):
        form[axis] = length
    return [np.broadcast_to(parts.reshape(form), shape)]


def _count(line: Any) -> list[Parts]:
    params = line.params
    shape = params["shape"]
    numbers = np.arange(shape[params["dimension"]]).astype(params["dtype"])
    form = [1] * len(shape)
    form[params["dimension"]] = len(numbers)
    return [np.broadcast_to(from_list(list(numbers), form), shape)]


def _cut(line: Any, parts: Parts) -> list[Parts]:
    params = line.params
    strides = params["strides"] or (1,) * parts.ndim
    limits = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return [parts[tuple(slice(*each) for each in limits)]]


def _cut_anywhere(line: Any, parts: Parts, *starts: Parts) -> list[Parts]:
    """Return a slice that begins where a lane says: of the few there are, the one is chosen."""
    sizes = line.params["slice_sizes"]
    found = parts
    for axis, (size, start) in enumerate(zip(sizes, starts, strict=True)):
        last = found.shape[axis] - size
        rows = [found.take(range(first, first + size), axis) for first in range(last + 1)]
        chosen = rows[-1]
        for first in reversed(range(last)):
            here = each(lambda at, first=first: at <= at.dtype.type(first), start)
            chosen = each(jax.lax.select, here, rows[first], chosen)
        found = chosen
    return [found]


def _split(line: Any, parts: Parts) -> list[Parts]:
    places = np.cumsum(line.params["sizes"])[:-1]
    return np.split(parts, places, line.params["axis"])


_RULES: dict[str, Callable[..., list[Parts]]] = {
    "broadcast_in_dim": _spread,
    "concatenate": lambda line, *parts: [np.concatenate(parts, line.params["dimension"])],
    "cummax": partial(_accumulate, _larger),
    "cummin": partial(_accumulate, _smaller),
    "cumsum": partial(_accumulate, jax.lax.add),
    "dynamic_slice": _cut_anywhere,
    "iota": _count,
    "reshape": lambda line, parts: [parts.reshape(line.params["new_sizes"])],
    "rev": lambda line, parts: [np.flip(parts, line.params["dimensions"])],
    "slice": _cut,
    "split": _split,
    "squeeze": lambda line, parts: [parts.squeeze(line.params["dimensions"])],
    "stack": lambda line, *parts: [np.stack(parts, line.params["axis"])],
    "transpose": lambda line, parts: [parts.transpose(line.params["permutation"])],
}
