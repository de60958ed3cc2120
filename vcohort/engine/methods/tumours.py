"""What the tumour does in a step, of one clone or of several, by each method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import jax.numpy as jnp

from vcohort.arrays import Counter, Number
from vcohort.endpoints import Reach
from vcohort.engine.chance.random import Key
from vcohort.engine.integrator.clones import LOG_NONE, CloneRates, mean_paths, whole_tumour
from vcohort.engine.methods import (
    deterministic,
    gillespie,
    gillespie_clones,
    hybrid,
    hybrid_clones,
)
from vcohort.engine.methods.clones import Clones, ClonesStep, first_clones_of
from vcohort.engine.methods.tumour import Limits, Tumour, TumourMethod, TumourStep
from vcohort.models import Model

AnyTumour: TypeAlias = Tumour | Clones

METHODS: Mapping[str, TumourMethod] = {
    "hybrid": hybrid.step,
    "gillespie": gillespie.step,
    "deterministic": deterministic.step,
}
"""The methods that step the tumour. (``exact`` draws its fate from the whole path.)"""

_OF_CLONES = {"hybrid": hybrid_clones.step, "gillespie": gillespie_clones.step}


def first_tumour(logs: Mapping[str, Number]) -> AnyTumour:
    """Return one patient's tumour on day 0, from the logs of its clones."""
    if len(logs) > 1:
        return first_clones_of(logs)
    (log_cells,) = logs.values()
    alive = jnp.zeros_like(log_cells, dtype=bool)
    return Tumour(log_cells, alive, ~alive)


def step_tumour(
    method: str,
    model: Model,
    rates: CloneRates,
    tumour: AnyTumour,
    limits: Limits,
    key: Key,
    index: Counter,
) -> TumourStep | ClonesStep:
    """Step one patient's tumour."""
    if isinstance(tumour, Tumour):
        (own,) = rates.own.values()
        return METHODS[method](own, tumour, limits, key, index)
    if method == "deterministic":
        return _mean(model, rates, tumour, limits)
    return _OF_CLONES[method](model.species.tumour, rates, tumour, limits, key, index)


def _mean(model: Model, rates: CloneRates, tumour: Clones, limits: Limits) -> ClonesStep:
    """Follow the means of all clones."""
    paths = mean_paths(model, rates, logs_of(tumour))
    path, first = whole_tumour(model, rates, paths), model.species.tumour[0]
    logs = {name: each.end for name, each in paths.items()}
    still = jnp.zeros_like(tumour.undecided)
    end = Clones(logs, dict.fromkeys(logs, still), tumour.undecided)
    reach, never = Reach.of(path, limits.log_progression), jnp.full_like(path.start, jnp.inf)
    return ClonesStep(path, still, never, reach, paths[first], end)


def logs_of(tumour: AnyTumour) -> dict[str, Number]:
    """Return the logs of the clones' cells; of none, among several, one far below all."""
    if isinstance(tumour, Tumour):
        return {"B": tumour.log_cells}
    return {name: jnp.where(tumour.empty[name], LOG_NONE, log) for name, log in tumour.logs.items()}


def saved_logs(tumour: AnyTumour) -> dict[str, Number]:
    """Return the logs of the clones' cells, -inf of those that have none."""
    if isinstance(tumour, Tumour):
        return {"B": jnp.where(tumour.extinct, -jnp.inf, tumour.log_cells)}
    logs = logs_of(tumour)
    return {name: jnp.where(log <= 0.5 * LOG_NONE, -jnp.inf, log) for name, log in logs.items()}
