"""A chunk of a sweep, from its plan to what is kept of its patients.

Each cell gets the time grid that its own patients need, so that no cell knows its neighbours.
Cells of one grid and one run are computed together, in batches; threads draw, compute and
reduce batches side by side, over all devices. What they find is added up in whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vcohort.engine import cure
from vcohort.engine.blocks import Device, Work, block_size, run_block, spread
from vcohort.engine.grid import LADDER
from vcohort.engine.inputs import Patients, Roster, TimePlan
from vcohort.engine.pilot import PATIENTS, errors
from vcohort.engine.progression import probabilities
from vcohort.preparation import NO_DIGIT, draw_outcomes
from vcohort.settings import RunSettings
from vcohort.sweeps.cells import Drawn, Span, draw, draw_pilot, made, spans
from vcohort.sweeps.compiled import first_alone
from vcohort.sweeps.plan import SPAN, Plan
from vcohort.sweeps.tally import Tally, merge, tally

Columns = dict[str, Any]
"""Results (cell, patient, …) by name."""

# Patients that one core works on at a time; an accelerator takes a span.
_CPU_BATCH = 1 << 15


_BLOCKS = (1 << 17, 1 << 12, 1 << 8)


class Cell(NamedTuple):
    """What is known of one cell. ``tally`` is None where its equations cannot be followed.

    ``columns``: its patients', where the plan keeps them.
    """

    steps: int
    error: float
    tally: Tally | None
    columns: Columns


class _Batch(NamedTuple):
    """Spans of cells that share a run and a grid of so many steps."""

    spans: tuple[Span, ...]
    steps: int


def compute_chunk(
    plan: Plan,
    cells: Sequence[int],
    threads: int | None = None,
    on_done: Callable[[int], None] = lambda patients: None,
) -> list[Cell]:
    """Run cells and reduce them.

    ``threads``: how many work side by side, by default all cores, or two a device. ``on_done``
    hears how many patients are done.
    """
    rungs = _resolve(plan, cells, threads)
    followed = {cell: rung for cell, rung in rungs.items() if rung[1] < NO_DIGIT}
    batches = list(_batches(plan, followed))
    found = _Found()

    def run(index: int, device: Device) -> None:
        batch = batches[index]
        found.add(batch.spans, *_run(plan, batch, device))
        on_done(sum(span.patients for span in batch.spans))

    spread(run, len(batches), threads, first_alone=False)
    on_done(plan.patients * (len(rungs) - len(followed)))
    return [
        Cell(
            *rungs[cell],
            found.tallies.get(cell),
            found.columns_of(cell) if plan.keep_patients else {},
        )
        for cell in cells
    ]


class _Found:
    """What batches found, added up by cell; many threads may add."""

    def __init__(self) -> None:
        self.tallies: dict[int, Tally] = {}
        self._columns: dict[int, dict[int, Columns]] = {}
        self._lock = Lock()

    def add(self, parts: Iterable[Span], tallies: Tally, columns: Columns) -> None:
        """Add the results of a batch, (span, …)."""
        with self._lock:
            for row, span in enumerate(parts):
                one = {name: value[row : row + 1] for name, value in tallies.items()}
                before = self.tallies.get(span.cell)
                self.tallies[span.cell] = one if before is None else merge(before, one)
                mine = {name: value[row] for name, value in columns.items()}
                self._columns.setdefault(span.cell, {})[span.first] = mine

    def columns_of(self, cell: int) -> Columns:
        """Return the columns (patient, …) of a cell."""
        parts = [part for _, part in sorted(self._columns.get(cell, {}).items())]
        names = parts[0] if parts else {}
        return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _resolve(plan: Plan, cells: Sequence[int], threads: int | None) -> dict[int, tuple[int, float]]:
    """Return the steps that each cell takes, and the error seen with them."""
    together = PATIENTS // len(draw_pilot(plan, cells[0]).roster.number)
    groups = [cells[first : first + together] for first in range(0, len(cells), together)]
    found: dict[int, tuple[int, float]] = {}

    def run(index: int, device: Device) -> None:
        with jax.default_device(device):
            rungs = _climb(plan, [draw_pilot(plan, cell) for cell in groups[index]])
        found.update(zip(groups[index], rungs, strict=True))

    spread(run, len(groups), threads, first_alone=False)
    return {cell: found[cell] for cell in cells}


def _climb(plan: Plan, pilots: Sequence[Drawn]) -> list[tuple[int, float]]:
    """Take rung after rung until each pilot's error is within the tolerance."""
    dtype = np.dtype(plan.run.dtype)
    roster = join(pilots)
    chosen = np.minimum(np.arange(PATIENTS), len(roster.number) - 1)
    time = pilots[0].time
    if any(name.endswith("_day") for name in plan.layout.columns):
        # Cells that are treated on other days cannot share a grid.
        time = time._replace(treatments=None)
    rungs: list[tuple[int, float] | None] = [None] * len(pilots)
    with jax.enable_x64(plan.run.dtype == "float64"):
        patients = roster.take(chosen, dtype)
        for steps in LADDER:
            tried = time.with_steps(steps)
            mortal = plan.run.method != "deterministic"
            with first_alone(("pilot", plan.population.model, dtype, time.treatments is None)):
                seen = errors(plan.population.model, patients, tried, mortal=mortal)
            each = seen[: len(roster.number)].reshape(len(pilots), -1).max(axis=1)
            for index, error in enumerate(each):
                if rungs[index] is None and (error <= plan.run.tolerance or steps == LADDER[-1]):
                    rungs[index] = tried.steps, float(error)
            if None not in rungs:
                break
    return [rung for rung in rungs if rung is not None]


def _batches(plan: Plan, rungs: dict[int, tuple[int, float]]) -> Iterator[_Batch]:
    """Put cells of one run and one grid together."""
    groups: dict[Any, list[int]] = {}
    for cell, (steps, _) in rungs.items():
        groups.setdefault((steps, _kind(made(plan, cell)[1])), []).append(cell)
    together = _cells_together(plan.patients)
    for (steps, _), cells in groups.items():
        if plan.patients > SPAN:
            yield from (_Batch((part,), steps) for cell in cells for part in spans(plan, cell))
            continue
        for first in range(0, len(cells), together):
            some = cells[first : first + together]
            yield _Batch(tuple(part for cell in some for part in spans(plan, cell)), steps)


def _kind(run: RunSettings) -> tuple[Any, ...]:
    """Return what cells must share to be computed together."""
    days = run.regimen.shared_days()
    return run.threshold, run.progression, None if days is None else tuple(days)


def _cells_together(patients: int) -> int:
    """Return how many cells make a batch: those that fill up its blocks best."""
    on_cpu = jax.default_backend() == "cpu"
    most = max(1, (_CPU_BATCH if on_cpu else SPAN) // patients)

    def idle(count: int) -> float:
        total = count * patients
        return -(-total // _block(total)) * _block(total) / total

    return min(range(1, most + 1), key=lambda count: (round(idle(count), 2), -count))


def _block(patients: int) -> int:
    """Return the largest block that is not mostly idle."""
    largest = block_size(SPAN)
    return next((size for size in _BLOCKS if size <= min(2 * patients, largest)), _BLOCKS[-1])


def _run(plan: Plan, batch: _Batch, device: Device) -> tuple[Tally, Columns]:
    """Draw, compute and reduce a batch: its tallies (span, …), and its columns if they are kept."""
    drawn = [draw(plan, span) for span in batch.spans]
    run, time = drawn[0].run, drawn[0].time.with_steps(batch.steps)
    columns = _columns(plan, run, time, join(drawn), device)
    shape = len(batch.spans), batch.spans[0].patients
    columns = {name: part.reshape(*shape, *part.shape[1:]) for name, part in columns.items()}
    whole = shape[1] == plan.patients
    with jax.enable_x64(True), jax.default_device(device):
        reduce = partial(tally, np) if jax.default_backend() == "cpu" else tally_on_device
        found = {name: np.asarray(value) for name, value in reduce(plan, columns, whole).items()}
    kept = {name: np.asarray(part) for name, part in columns.items()} if plan.keep_patients else {}
    return found, kept


@partial(jax.jit, static_argnames=("plan", "whole"))
def tally_on_device(plan: Plan, columns: Columns, whole: bool) -> Tally:
    """Reduce columns where they are."""
    return tally(jnp, plan, columns, whole)


def _columns(
    plan: Plan, run: RunSettings, time: TimePlan, roster: Roster, device: Device
) -> Columns:
    """Return the results (patient, …) by name: in memory on a CPU, else on their device."""
    total, dtype = len(roster.number), np.dtype(run.dtype)
    size = _block(total)
    work = cell_work(plan, run, time)
    xp = np if jax.default_backend() == "cpu" else jnp
    program = (plan.population.model, run.method, run.endpoints, run.dtype, len(plan.days),
               roster.schedule is None, time.steps, size, device)  # fmt: skip
    parts: list[list[Any]] = []
    for first in range(0, total, size):
        with first_alone(program):
            found = run_block(work, roster, first, size, dtype, device)
            parts.append([xp.asarray(part)[: total - first] for part in found])
    names = [each.name for endpoint in run.endpoints for each in endpoint.variables]
    names += ["cure_probability", "pfs_probability"]
    joined = (part[0] if len(part) == 1 else xp.concatenate(part)
              for part in zip(*parts, strict=True))  # fmt: skip
    return dict(zip(names, joined, strict=False))


def cell_work(plan: Plan, run: RunSettings, time: TimePlan) -> Work:
    """Return what one block runs: what befalls its patients, and what they could expect."""
    model = plan.population.model
    outcomes = draw_outcomes(model, run, time)

    def work(patients: Patients) -> list[Array]:
        drawn = list(outcomes(patients))
        if not plan.has_law:
            return drawn
        values, schedule, grid = patients.values, patients.schedule, time.grid(patients)
        if not plan.days:
            return [*drawn, cure.cure_probability(model, values, schedule, grid)]
        numbers = (jnp.asarray(each, run.dtype) for each in (plan.days, run.progression, 0.0))
        return [*drawn, *probabilities(model, values, schedule, grid, *numbers)]

    return work


def join(drawn: Sequence[Drawn]) -> Roster:
    """Return the patients of several cells as one roster."""
    if len(drawn) == 1:
        return drawn[0].roster
    rosters = [each.roster for each in drawn]
    return jax.tree.map(lambda *parts: np.concatenate(parts), *rosters)
