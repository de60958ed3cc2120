"""Where the patients lie in the unit cube, before distributions give them values."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.stats import qmc

from vcohort.errors import VcohortError, one_of
from vcohort.given import whole
from vcohort.populations.distributions import Floats

# Philox yields four 64-bit numbers a counter value.
_PER_COUNTER = 4

_SOBOL_BITS = 32


def _random(seed: int, first: int, count: int, columns: int, total: int) -> Floats:
    """Counter-based: patient i owns a range of counters, so its numbers depend on (seed, i)."""
    counters = -(-columns // _PER_COUNTER)
    generator = np.random.Generator(np.random.Philox(key=seed, counter=first * counters))
    return generator.random((count, counters * _PER_COUNTER))[:, :columns]


def _sobol(seed: int, first: int, count: int, columns: int, total: int) -> Floats:
    """Scrambled Sobol points (Sobol 1967; Owen 1998): patient i is point i."""
    if first + count > 2**_SOBOL_BITS:
        raise VcohortError(
            f"A Sobol design has 2^{_SOBOL_BITS} points, not {first + count}. Use design='random'."
        )
    engine = qmc.Sobol(columns, scramble=True, bits=_SOBOL_BITS, rng=np.random.default_rng(seed))
    if first:
        engine.fast_forward(first)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The balance properties", category=UserWarning)
        return engine.random(count)


def _latin_hypercube(seed: int, first: int, count: int, columns: int, total: int) -> Floats:
    """Latin hypercube (McKay, Beckman & Conover 1979), laid out for ``total`` patients."""
    if first + count > total:
        raise VcohortError(
            f"A Latin hypercube of {total} patients has none of the number {first + count - 1}."
        )
    engine = qmc.LatinHypercube(columns, rng=np.random.default_rng(seed))
    return engine.random(total)[first : first + count]


_DESIGNS: dict[str, Callable[[int, int, int, int, int], Floats]] = {
    "random": _random,
    "sobol": _sobol,
    "latin-hypercube": _latin_hypercube,
}

DESIGNS = tuple(_DESIGNS)


def uniforms(design: str, seed: int, *, first: int, count: int, columns: int, total: int) -> Floats:
    """Return the uniform numbers (count, columns) of patients first … first + count - 1, read-only.

    In ``"random"`` and ``"sobol"`` patient i depends on (seed, i) alone. A Latin
    hypercube is laid out for its ``total`` number of patients.
    """
    lay_out = _DESIGNS[one_of("design", design, _DESIGNS)]
    points = lay_out(whole("seed", seed), first, count, columns, total)
    edge = np.finfo(np.float64).epsneg
    inside = np.clip(points, edge, 1.0 - edge)
    # They are shared: a distribution of the user's own must not write into them.
    inside.flags.writeable = False
    return inside
