"""Where the patients lie in the unit cube, before distributions give them values."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import scipy

from vcohort.errors import VcohortError, one_of
from vcohort.given import whole
from vcohort.populations.distributions import Floats

# Philox yields four 64-bit numbers per counter value.
_PER_COUNTER = 4

_SOBOL_BITS = 32

_EDGE = float(np.finfo(np.float64).epsneg)

Points: TypeAlias = Callable[[slice, Floats | None], Floats]
"""The uniform numbers (patient, column) of a slice of patients, in some room if it is given."""


def _random(seed: int, first: int, count: int, columns: int, total: int) -> Points:
    """Counter-based: patient i owns a range of counters, so its numbers depend on (seed, i)."""
    counters = -(-columns // _PER_COUNTER)

    def drawn(part: slice, room: Floats | None) -> Floats:
        philox = np.random.Philox(key=seed, counter=(first + part.start) * counters)
        rows, width = part.stop - part.start, counters * _PER_COUNTER
        numbers = np.empty(rows * width) if room is None else room[: rows * width]
        np.random.Generator(philox).random(out=numbers)
        return _inside(numbers).reshape(rows, width)[:, :columns]

    return drawn


def _sobol(seed: int, first: int, count: int, columns: int, total: int) -> Points:
    """Scrambled Sobol points (Sobol 1967; Owen 1998): patient i is point i."""
    if first + count > 2**_SOBOL_BITS:
        raise VcohortError(
            f"A Sobol design has 2^{_SOBOL_BITS} points, not {first + count}. Use design='random'."
        )
    engine = scipy.stats.qmc.Sobol(
        columns, scramble=True, bits=_SOBOL_BITS, rng=np.random.default_rng(seed)
    )
    if first:
        engine.fast_forward(first)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
        return _cut_from(engine.random(count))


def _latin_hypercube(seed: int, first: int, count: int, columns: int, total: int) -> Points:
    """Latin hypercube (McKay, Beckman & Conover 1979), laid out for ``total`` patients."""
    if first + count > total:
        raise VcohortError(
            f"A Latin hypercube of {total} patients has none of the number {first + count - 1}."
        )
    engine = scipy.stats.qmc.LatinHypercube(columns, rng=np.random.default_rng(seed))
    return _cut_from(engine.random(total)[first : first + count])


def _cut_from(whole: Floats) -> Points:
    """Return points of which all are there, since they follow from each other."""
    _inside(whole)
    return lambda part, room: whole[part]


def _inside(numbers: Floats) -> Floats:
    """Move what lies on the edge of (0, 1) into it."""
    return np.clip(numbers, _EDGE, 1.0 - _EDGE, out=numbers)


_DESIGNS: dict[str, Callable[[int, int, int, int, int], Points]] = {
    "random": _random,
    "sobol": _sobol,
    "latin-hypercube": _latin_hypercube,
}

DESIGNS = tuple(_DESIGNS)


def points_of(
    design: str, seed: int, *, first: int, count: int, columns: int, total: int
) -> Points:
    """Return a function of a slice of 0 … count: the uniform numbers of patients first + slice.

    They are read-only (patient, columns). Those of ``"random"`` are drawn when they are asked for,
    in any thread. The function also takes the room that :func:`room_for` makes: the points may lie
    there, until the next take their place.
    """
    lay_out = _DESIGNS[one_of("design", design, _DESIGNS)]
    drawn = lay_out(whole("seed", seed), first, count, columns, total)

    def points(part: slice, room: Floats | None = None) -> Floats:
        found = drawn(part, room)[:]
        # They are shared: a distribution of the user's own must not write into them.
        found.flags.writeable = False
        return found

    return points


def room_for(patients: int, columns: int) -> Floats:
    """Return room for points: to take it anew each time costs more than to draw them."""
    return np.empty(patients * (columns + _PER_COUNTER - 1))


def uniforms(design: str, seed: int, *, first: int, count: int, columns: int, total: int) -> Floats:
    """Return the uniform numbers (count, columns) of patients first … first + count - 1, read-only.

    In ``"random"`` and ``"sobol"`` patient i depends on (seed, i) alone. A Latin
    hypercube is laid out for its ``total`` number of patients.
    """
    points = points_of(design, seed, first=first, count=count, columns=columns, total=total)
    return points(slice(0, count), None)
