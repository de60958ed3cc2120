"""Many starts at once: down the gradient first, then by Levenberg and Marquardt's method."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from vcohort.analysis.estimation.least_squares import least_squares
from vcohort.analysis.estimation.problem import (
    Bounds,
    FitSpec,
    Problem,
    Subject,
    all_residuals,
    logs_inside,
)
from vcohort.progress import progress_bar

# Candidates solved at a time; a small problem takes the small block.
_BLOCKS = (32, 256)

# From a start anywhere between the bounds to where the loss is nearly quadratic.
_DESCENT_STEPS, _DESCENT_RATE = 30, 0.1

# Of Levenberg and Marquardt's method: a block waits for its slowest candidate.
_MOST_STEPS = 30

# As a share of the range of logs; a candidate on the bound itself would feel no gradient.
_EDGE = 1e-9

# At a minimum the residuals are orthogonal to each column of their Jacobian (Moré 1978); here as
# a cosine. A perfect fit has no residuals.
_ORTHOGONAL, _PERFECT = 1e-3, 1e-16


class Candidates(NamedTuple):
    """Candidate solutions, one per row: the patient of each, and where it is.

    ``hold``: index of a parameter that is held at its value, -1 for none.
    """

    patient: np.ndarray
    logs: np.ndarray
    hold: np.ndarray


class Solved(NamedTuple):
    """Where the candidates end: logs (candidate, parameter), loss, whether they converged."""

    logs: np.ndarray
    loss: np.ndarray
    converged: np.ndarray


def search(problem: Problem, candidates: Candidates, progress: bool | None) -> Solved:
    """Lead candidates from anywhere to the nearest minimum of their loss."""
    return _solve(problem, candidates, _DESCENT_STEPS, 1e-6, progress)


def polish(problem: Problem, candidates: Candidates, blocks_of: int) -> Solved:
    """Bring candidates near a minimum to rounding; ``blocks_of``: candidates of the search."""
    count = len(candidates.patient)
    padded = np.minimum(np.arange(max(count, min(blocks_of, _BLOCKS[-1]))), count - 1)
    all_rows = Candidates(*(part[padded] for part in candidates))
    found = _solve(problem, all_rows, 0, 1e-10, progress=False)
    return Solved(*(part[:count] for part in found))


def _solve(
    problem: Problem,
    candidates: Candidates,
    descent: int,
    tolerance: float,
    progress: bool | None,
) -> Solved:
    count, parameters = candidates.logs.shape
    block = _BLOCKS[0] if count <= _BLOCKS[0] else _BLOCKS[-1]
    solved = Solved(np.empty((count, parameters)), np.empty(count), np.empty(count, bool))

    with progress_bar("fit, starts", count, progress) as advance, jax.enable_x64(True):
        for first in range(0, count, block):
            real = slice(first, min(first + block, count))
            chosen = np.minimum(np.arange(first, first + block), count - 1)
            subjects = _pick(problem.subjects, candidates.patient[chosen])
            found = _solve_block(
                problem.spec, problem.bounds, subjects,
                candidates.logs[chosen], candidates.hold[chosen], descent, tolerance,
            )  # fmt: skip
            for whole, part in zip(solved, found, strict=True):
                whole[real] = np.asarray(part)[: real.stop - first]
            advance(real.stop - first)
    return solved


def _pick(subjects: Subject, chosen: np.ndarray) -> Subject:
    return jax.tree.map(lambda part: part[chosen], subjects)


@partial(jax.jit, static_argnames=("spec",))
def _solve_block(
    spec: FitSpec,
    bounds: Bounds,
    subjects: Subject,
    logs: Array,
    hold: Array,
    descent: int,
    tolerance: float,
) -> tuple[Array, Array, Array]:
    """Return where each candidate ends, its loss, and whether it converged."""
    share = (logs - bounds.low) / (bounds.high - bounds.low)
    start = jax.scipy.special.logit(jnp.clip(share, _EDGE, 1.0 - _EDGE))

    # Traced once, whoever asks for them: a time loop takes seconds.
    @jax.jit
    def residuals(position: Array, given: tuple[Subject, Array, Array]) -> Array:
        subject, held, index = given
        inside = logs_inside(bounds, position)
        inside = jnp.where(jnp.arange(inside.size) == index, held, inside)
        return all_residuals(spec, subject, inside)

    given = (subjects, logs, hold)
    position = _descend(residuals, start, given, descent)
    position, loss, converged = jax.vmap(partial(_finish, residuals, tolerance))(position, given)
    inside = jax.vmap(partial(logs_inside, bounds))(position)
    held = jnp.arange(inside.shape[1]) == hold[:, None]
    return jnp.where(held, logs, inside), loss, converged


def _descend(residuals: Callable, start: Array, given: Any, steps: int) -> Array:
    """Follow the gradient of the log of each candidate's loss (Adam: Kingma & Ba 2015)."""
    method = optax.adam(optax.cosine_decay_schedule(_DESCENT_RATE, _DESCENT_STEPS))

    def total(position: Array) -> Array:
        losses = jax.vmap(lambda *each: jnp.sum(residuals(*each) ** 2))(position, given)
        # Logs make the descent blind to the scale of the loss. Candidates do not interact.
        return jnp.sum(jnp.log(losses + jnp.finfo(losses.dtype).tiny))

    def step(_: Array, carry: tuple[Array, Any]) -> tuple[Array, Any]:
        position, state = carry
        slope = jnp.nan_to_num(jax.grad(total)(position))
        update, state = method.update(slope, state)
        return jnp.asarray(optax.apply_updates(position, update)), state

    return jax.lax.fori_loop(0, steps, step, (start, method.init(start)))[0]


def _finish(
    residuals: Callable, tolerance: float, position: Array, given: Any
) -> tuple[Array, Array, Array]:
    """Return where one candidate ends, its loss, and whether that is a minimum."""
    found = least_squares(lambda at: residuals(at, given), position, tolerance, _MOST_STEPS)
    loss = jnp.sum(found.residuals**2)
    sizes = jnp.sqrt(jnp.sum(found.slopes**2, axis=0) * loss)
    flat = jnp.abs(found.residuals @ found.slopes) <= _ORTHOGONAL * sizes
    return found.position, loss, jnp.isfinite(loss) & (flat.all() | (loss < _PERFECT))
