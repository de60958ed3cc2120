"""Fresh patients of a calibrated population: what they show judges it."""

from __future__ import annotations

from collections.abc import Sequence

from vcohort.analysis.calibration.fates import Fates, fates
from vcohort.analysis.calibration.targets import Target
from vcohort.populations.population import Population
from vcohort.simulation.run import Run

# Patients that judge the result.
JUDGES = 20_000


def simulated(population: Population, targets: Sequence[Target], run: Run, seed: int) -> Fates:
    """Return patients of the population with what the targets read of them."""
    return fates(population.sample(JUDGES, seed), targets, run, seed)
