"""Event by event below the threshold, as in the paper's own code: slow, and the oracle."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from vcohort.control import when
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.events import play
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key, fold
from vcohort.engine.tumour import (
    Entry,
    Limits,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)


def step(passage: Passage, tumour: Tumour, limits: Limits, key: Key, index: Array) -> TumourStep:
    """Follow the mean above the threshold, every birth and death below it."""
    path = passage.path(tumour.log_cells)
    threshold = limits.threshold_now(tumour.undecided)
    entry = enter(path, tumour, threshold)

    def simulate(
        passage: Passage, path: Cubic, entry: Entry, limits: Limits, threshold: Array, key: Key,
        index: Array,
    ) -> TumourStep:  # fmt: skip
        begin = jnp.where(entry.stochastic, entry.cells, 0.0), entry.fraction
        end = play(passage, *begin, jnp.ceil(threshold), limits.progression, fold(key, index, 0))
        died = end.cells == 0.0
        # Above the threshold the rest of the step follows the mean.
        rest = jnp.where(end.cells > threshold, path.end - path.at(end.fraction), 0.0)
        log_end = jnp.log(jnp.maximum(end.cells, 1.0)) + rest
        reach = Reach.on(end.reached <= 1.0, end.reached)
        return settle(path, log_end, died, end.fraction, reach)

    mean = undisturbed(path, tumour, limits)
    needed = entry.stochastic
    return when(needed, simulate, mean, passage, path, entry, limits, threshold, key, index)
