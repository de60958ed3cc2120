"""How time is cut for each cell: by the patients that it holds, whatever its neighbours are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from vcohort.compilation import first_alone
from vcohort.engine.blocks import Device, spread
from vcohort.engine.grid import LADDER
from vcohort.engine.pilot import PATIENTS, errors
from vcohort.sweeps.cells import Drawn, draw_pilot, join, made, pilot_size
from vcohort.sweeps.plan import Plan


class Resolved(NamedTuple):
    """How many steps a cell takes, and the error seen with them."""

    steps: int
    error: float


def resolve_cells(plan: Plan, cells: Sequence[int], threads: int | None) -> dict[int, Resolved]:
    """Return the coarsest grid of the engine's ladder that each cell's pilot allows."""
    groups = list(_groups(plan, cells))
    found: dict[int, Resolved] = {}

    def run(index: int, device: Device) -> None:
        with jax.default_device(device):
            rungs = _climb(plan, [draw_pilot(plan, cell) for cell in groups[index]])
        found.update(zip(groups[index], rungs, strict=True))

    spread(run, len(groups), threads)
    return {cell: found[cell] for cell in cells}


def _groups(plan: Plan, cells: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield cells whose pilots fill one block; they have as many treatments after day 0."""
    together = PATIENTS // pilot_size(plan)
    alike: dict[int, list[int]] = {}
    for cell in cells:
        alike.setdefault(len(made(plan, cell)[1].regimen.later), []).append(cell)
    for group in alike.values():
        yield from (group[first : first + together] for first in range(0, len(group), together))


def _climb(plan: Plan, pilots: Sequence[Drawn]) -> list[Resolved]:
    """Take rung after rung until each pilot's error is within the tolerance."""
    dtype = np.dtype(plan.run.dtype)
    roster = join(pilots)
    chosen = np.minimum(np.arange(PATIENTS), len(roster.number) - 1)
    time = pilots[0].time
    if roster.schedule is not None and any(name.endswith("_day") for name in plan.layout.columns):
        # Cells that are treated on other days cannot share a grid.
        time = time._replace(treatments=None)
    rungs: list[Resolved | None] = [None] * len(pilots)
    with jax.enable_x64(plan.run.dtype == "float64"):
        patients = roster.take(chosen, dtype)
        for steps in LADDER:
            tried = time.with_steps(steps)
            mortal = plan.run.method != "deterministic"
            program = plan.population.model, dtype, roster.schedule is None, time.treatments is None
            with first_alone(("pilot", *program)):
                seen = errors(plan.population.model, patients, tried, mortal=mortal)
            each = seen[: len(roster.number)].reshape(len(pilots), -1).max(axis=1)
            for index, error in enumerate(each):
                if rungs[index] is None and (error <= plan.run.tolerance or steps == LADDER[-1]):
                    rungs[index] = Resolved(tried.steps, float(error))
            if None not in rungs:
                break
    return [rung for rung in rungs if rung is not None]
