"""The tumour as a differential equation alone: it never dies out."""

from __future__ import annotations

from vcohort.arrays import Counter
from vcohort.engine.chance.random import Key
from vcohort.engine.integrator.tumour_rates import TumourRates
from vcohort.engine.methods.tumour import Limits, Tumour, TumourStep, undisturbed


def step(
    rates: TumourRates, tumour: Tumour, limits: Limits, key: Key, index: Counter
) -> TumourStep:
    """Follow the mean."""
    return undisturbed(rates.path(tumour.log_cells), tumour, limits)
