"""The paper's hybrid: a differential equation above the threshold, a birth-death process below.

Below, each step draws from the exact law of the process, however long the step is; the
day of extinction inside a step is drawn from its law given that it happens.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from vcohort.control import when
from vcohort.endpoints import Cubic
from vcohort.engine import birth_death
from vcohort.engine.birth_death import Lineage
from vcohort.engine.passage import Passage
from vcohort.engine.random import Key
from vcohort.engine.tumour import (
    Entry,
    Tumour,
    TumourStep,
    enter,
    settle,
    undisturbed,
)


def step(passage: Passage, tumour: Tumour, threshold: Array, key: Key, index: Array) -> TumourStep:
    """Follow the mean above the threshold, draw below it."""
    path = passage.path(tumour.log_cells)
    entry = enter(path, tumour, threshold)

    def draw(passage: Passage, path: Cubic, entry: Entry, key: Key, index: Array) -> TumourStep:
        # Patients who draw nothing get a harmless law, so that no sampler works for them.
        lineage, grown = passage.after(entry.fraction).lineage()
        lineage = Lineage(*(jnp.where(entry.stochastic, part, 0.0) for part in lineage))
        after, spare = birth_death.sample(key, index, entry.cells, lineage)
        died = grown.reaching(_log_j_at_extinction(spare, entry.cells, lineage))
        fraction = entry.fraction + (1.0 - entry.fraction) * died
        return settle(path, jnp.log(jnp.maximum(after, 1.0)), after == 0.0, fraction)

    mean = undisturbed(path, tumour)
    return when(entry.stochastic, draw, mean, passage, path, entry, key, index)


def _log_j_at_extinction(u: Array, cells: Array, lineage: Lineage) -> Array:
    """Draw ln J(s) at the time s of extinction, given extinction by the end.

    P(extinct by s | extinct by the end) = [J(s) / (1 + J(s))]^n / [J / (1 + J)]^n = u.
    """
    log_extinct = jnp.log(u) / cells + jax.nn.log_sigmoid(lineage.log_j)
    return log_extinct - jnp.log(-jnp.expm1(log_extinct))
