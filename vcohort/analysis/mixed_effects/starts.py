"""Where the starts of a fit begin."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from vcohort.analysis.estimation.estimation import start_logs
from vcohort.analysis.mixed_effects.problem import MixedProblem

# Within this of the first typical values, on their scales: a factor of 3 on a log scale.
_REACH = 1.1

# Spreads between these; that of the first start.
_SPREADS, _FIRST_SPREAD = (0.2, 1.0), 0.5


def first_vectors(problem: MixedProblem, starts: int, seed: int) -> np.ndarray:
    """Return where the starts begin (start, number): the first at the first values."""
    layout = problem.spec.layout
    random = len(layout.random)
    ends = [(-_REACH, _REACH)] * len(layout.parameters) + [_SPREADS] * random
    drawn = start_logs(np.array(ends), starts, seed)
    drawn[0] = [0.0] * len(layout.parameters) + [_FIRST_SPREAD] * random
    widths = first_widths(problem)
    vectors = []
    for row in drawn:
        places, spreads = np.split(row, [len(layout.parameters)])
        vectors.append(layout.vector_of(
            jnp.asarray(problem.typical + places), jnp.zeros(len(layout.effects)),
            jnp.diag(jnp.asarray(spreads) ** 2), jnp.asarray(widths),
        ))  # fmt: skip
    return np.asarray(jnp.stack(vectors))


def first_widths(problem: MixedProblem) -> np.ndarray:
    """Return the logs of the widths that errors start with: a half; where absolute, of a value."""
    widths = []
    names = np.array(problem.data.observable)
    for errors, places, kind in zip(
        problem.spec.errors, problem.spec.width_places(), problem.data.kinds, strict=True
    ):
        seen = problem.data.value[(names == kind.name) & problem.data.counted]
        size = float(np.median(np.abs(seen))) or 1.0 if seen.size else 1.0
        own = [0.5] if errors.is_log or errors.scatter.proportional else [0.5 * size]
        widths += [*own, 0.1 * size][: len(places)]
    return np.log(np.array(widths))
