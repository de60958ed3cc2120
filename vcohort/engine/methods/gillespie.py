"""Event by event below the threshold, as in the paper's own code: slow, and the oracle."""

from __future__ import annotations

import jax.numpy as jnp

from vcohort.arrays import Counter, Number
from vcohort.branches import when
from vcohort.endpoints import Cubic, Reach
from vcohort.engine.chance.random import Key, fold
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.engine.methods.thinning import play
from vcohort.engine.methods.tumour import (
    Entry,
    Limits,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)


def step(
    rates: TumourRates, tumour: Tumour, limits: Limits, key: Key, index: Counter
) -> TumourStep:
    """Follow the mean above the threshold, every birth and death below it."""
    path = rates.path(tumour.log_cells)
    threshold = limits.threshold_now(tumour.undecided)
    entry = enter(path, tumour, threshold)

    def simulate(
        rates: TumourRates, path: Cubic, entry: Entry, limits: Limits, threshold: Number, key: Key,
        index: Counter,
    ) -> TumourStep:  # fmt: skip
        begin = jnp.where(entry.stochastic, entry.cells, 0.0), entry.fraction
        end = play(rates, *begin, jnp.ceil(threshold), limits.progression, fold(key, index, 0))
        died = end.cells == 0.0
        # Above the threshold the rest of the step follows the mean.
        rest = jnp.where(end.cells > threshold, path.end - path.at(end.fraction), 0.0)
        log_end = jnp.log(jnp.maximum(end.cells, 1.0)) + rest
        reach = Reach.on(end.reached <= 1.0, end.reached)
        return settle(path, log_end, died, end.fraction, reach)

    mean = undisturbed(path, tumour, limits)
    needed = entry.stochastic
    return when(needed, simulate, mean, rates, path, entry, limits, threshold, key, index)
