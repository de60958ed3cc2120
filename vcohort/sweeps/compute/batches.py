"""Which cells are computed together: those of one run and one grid, as many as fill blocks well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from vcohort.engine.execution.blocks import block_size
from vcohort.engine.execution.pilot import Resolution
from vcohort.simulation.run import Run
from vcohort.sweeps.compute.cells import Span, made, spans
from vcohort.sweeps.design.plan import SPAN, Plan

# Patients that one core works on at a time; an accelerator takes a span.
CPU_BATCH = 1 << 15

_BLOCKS = (1 << 17, 1 << 12, 1 << 8)


class Batch(NamedTuple):
    """Spans of cells that share a run and a grid of so many steps."""

    spans: tuple[Span, ...]
    steps: int


def batches_of(plan: Plan, rungs: Mapping[int, Resolution]) -> Iterator[Batch]:
    """Put cells of one run and one grid together."""
    groups: dict[Any, list[int]] = {}
    for cell, rung in rungs.items():
        steps = rung.plan.steps
        groups.setdefault((steps, _kind(made(plan, cell)[1])), []).append(cell)
    together = _cells_together(plan.patients)
    for (steps, _), cells in groups.items():
        if plan.patients > SPAN:
            yield from (Batch((part,), steps) for cell in cells for part in spans(plan, cell))
            continue
        for first in range(0, len(cells), together):
            some = cells[first : first + together]
            yield Batch(tuple(part for cell in some for part in spans(plan, cell)), steps)


def _kind(run: Run) -> tuple[Any, ...]:
    """Return what cells must share to be computed together."""
    days = run.regimen.shared_days()
    return run.threshold, run.progression, None if days is None else tuple(days)


def _cells_together(patients: int) -> int:
    """Return how many cells make a batch: those that fill up its blocks best."""
    on_cpu = jax.default_backend() == "cpu"
    most = max(1, (CPU_BATCH if on_cpu else SPAN) // patients)

    def idle(count: int) -> float:
        total = count * patients
        return -(-total // block_of(total)) * block_of(total) / total

    return min(range(1, most + 1), key=lambda count: (round(idle(count), 2), -count))


def block_of(patients: int) -> int:
    """Return the largest block that is not mostly idle."""
    largest = block_size(SPAN)
    return next((size for size in _BLOCKS if size <= min(2 * patients, largest)), _BLOCKS[-1])
