"""How time is cut for each cell: by the patients that it holds, whatever its neighbours are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from vcohort.engine.execution.blocks import Device, spread
from vcohort.engine.execution.pilot import PATIENTS, Resolution, climb, settle
from vcohort.sweeps.compute.cells import Drawn, draw_pilot, join, made, pilot_size
from vcohort.sweeps.design.plan import Plan


def resolve_cells(plan: Plan, cells: Sequence[int], threads: int | None) -> dict[int, Resolution]:
    """Return the coarsest grid of the engine's ladder that each cell's pilot allows."""
    groups = list(_groups(plan, cells))
    found: dict[int, Resolution] = {}

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


def _climb(plan: Plan, pilots: Sequence[Drawn]) -> list[Resolution]:
    """Take rung after rung until each pilot's error is within the tolerance."""
    dtype = np.dtype(plan.run.dtype)
    table = join(pilots)
    chosen = np.minimum(np.arange(PATIENTS), len(table.number) - 1)
    time = pilots[0].time
    if table.schedule is not None and any(name.endswith("_day") for name in plan.layout.columns):
        # Cells that are treated on other days cannot share a grid.
        time = time._replace(treatments=None)
    tolerance, mortal = plan.run.tolerance, plan.run.method != "deterministic"
    with jax.enable_x64(plan.run.dtype == "float64"):
        patients = table.take(chosen, dtype)
        rungs = climb(plan.population.model, patients, time, tolerance, mortal=mortal)
    size = len(table.number) // len(pilots)
    rows = (slice(first, first + size) for first in range(0, len(table.number), size))
    return [settle(rungs, time, tolerance, each, anew=True) for each in rows]
