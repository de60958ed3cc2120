"""The tumour as a differential equation alone: it never dies out."""

from __future__ import annotations

from jax import Array

from vcohort.engine.passage import Passage
from vcohort.engine.random import Key
from vcohort.engine.tumour import Limits, Tumour, TumourStep, undisturbed


def step(passage: Passage, tumour: Tumour, limits: Limits, key: Key, index: Array) -> TumourStep:
    """Follow the mean."""
    return undisturbed(passage.path(tumour.log_cells), tumour, limits)
