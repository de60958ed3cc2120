"""What a sweep is, checked before any work: cells, patients, run, what is kept of it, chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from vcohort.errors import VcohortError, one_of
from vcohort.given import number, numbers, truth, whole
from vcohort.populations.designs import DESIGNS
from vcohort.populations.population import Population, check_population
from vcohort.regimens.regimen import Regimen
from vcohort.simulation.checks import check_fits
from vcohort.simulation.preparation import check_days_apart
from vcohort.simulation.run import Run
from vcohort.sweeps.design.axes import advised, apply, describe
from vcohort.sweeps.design.chunks import Chunks, cut
from vcohort.sweeps.design.layout import Layout, given_values, make_layout, names_in
from vcohort.tables.days import days_of

# Patients whose columns are held at a time, sorted for their quantiles. A larger cell is run in
# spans of so many, and its quantiles are read off histograms.
SPAN = 1 << 17

# Patients of a chunk, at most: a few seconds of work on two cores, which is what a kill may cost.
_CHUNK_PATIENTS = {"cpu": 1 << 20, "accelerator": 1 << 26}

# A kill costs a small sweep no more than this part of it, either.
_CHUNKS = 20

DAYS = (30.0, 60.0, 90.0, 180.0, 365.0, 720.0)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep. See :func:`vcohort.sweep` for the meaning of each field."""

    population: Population
    layout: Layout
    patients: int
    run: Run
    design: str
    independent: bool
    days: tuple[float, ...]
    until: float
    quantiles: tuple[float, ...]
    keep_patients: bool
    chunks: Chunks

    @property
    def has_law(self) -> bool:
        """Whether the tumour's law is known, and with it exact probabilities of cure."""
        return self.population.model.tumour_is_linear

    @property
    def has_survival_law(self) -> bool:
        """Whether probabilities of no progression by the days are known too."""
        return self.has_law and self.population.model.has_one_clone and bool(self.days)

    @property
    def required_days(self) -> tuple[float, ...]:
        """Days that the time grid must hold."""
        return self.run.required_days + (self.days if self.has_survival_law else ())

    def cell(self, index: int) -> tuple[Population, Run]:
        """Return the population and the run of a cell."""
        return apply(self.population, self.run, self.layout.cell(index))


def make_plan(
    population: Population,
    axes: Mapping[str, Any],
    n: int,
    run: Run,
    *,
    layout: str = "grid",
    cells: int | None = None,
    design: str = "random",
    independent: bool = False,
    days: Sequence[float] | None = None,
    until: float | None = None,
    quantiles: Sequence[float] = QUANTILES,
    keep_patients: bool = False,
    chunk: int | None = None,
) -> Plan:
    """Return the checked plan."""
    check_population(population)
    n = whole("n", n, least=1)
    laid = make_layout(axes, layout, cells, run.seed)
    wanted = [day for day in DAYS if day <= run.horizon] if days is None else days
    together = _chunk_cells(laid.cells, n) if chunk is None else whole("chunk", chunk, least=1)
    plan = Plan(
        population, laid, n, run, design, truth("independent", independent),
        _increasing("days", wanted, 0.0, run.horizon),
        min(DAYS[-1], run.horizon) if until is None else number("until", until),
        _increasing("quantiles", quantiles, 0.0, 1.0),
        truth("keep_patients", keep_patients), cut(laid.shape, together),
    )  # fmt: skip
    _check(plan)
    _advise(plan, axes)
    return plan


def _chunk_cells(cells: int, patients: int) -> int:
    kind = "cpu" if jax.default_backend() == "cpu" else "accelerator"
    return max(1, min(cells // _CHUNKS, _CHUNK_PATIENTS[kind] // patients))


def _check(plan: Plan) -> None:
    run = plan.run
    one_of("design", plan.design, DESIGNS)
    if run.save_at is not None:
        raise VcohortError("A sweep keeps no states. Simulate the cells of interest with save_at.")
    if plan.design == "latin-hypercube" and (plan.independent or plan.patients > SPAN):
        raise VcohortError(
            "A Latin hypercube is laid out for one cohort at a time, of at most "
            f"{SPAN} patients, the same in each cell. Use design='sobol' or 'random'."
        )
    if not 0 < plan.until <= run.horizon:
        raise VcohortError(
            f"until = {plan.until:g} is impossible: it must lie within 0 … {run.horizon:g} days."
        )
    if "threshold" in plan.layout.columns and run.method in {"exact", "deterministic"}:
        raise VcohortError(f"Method {run.method!r} has no threshold to sweep. Use method='hybrid'.")
    _check_values(plan)


def _check_values(plan: Plan) -> None:
    """Refuse impossible values: each by itself, but treatments as cells have them together.

    The first and the last cell are made whole.
    """
    for name, (_, values) in plan.layout.columns.items():
        describe(name, plan.population, plan.run.regimen)
        if name not in plan.run.regimen.field_names:
            for value in np.unique(values):
                apply(plan.population, plan.run, {name: float(value)})
    for regimen in _regimens(plan):
        regimen.check(plan.patients, plan.run.horizon)
        if regimen.later:
            check_days_apart(regimen.later_days(plan.patients), plan.run)
    for index in (0, plan.layout.cells - 1):
        population, run = plan.cell(index)
        some = min(plan.patients, 256)
        if not any(np.ndim(value) for _, value, _ in run.regimen.named_fields()):
            check_fits(run, population.sample(some, run.seed))
        elif plan.patients > SPAN:
            raise VcohortError(f"One value per patient is possible up to {SPAN} patients per cell.")


def _regimens(plan: Plan) -> Iterator[Regimen]:
    """Yield the regimen of each combination of its swept fields that some cell has."""
    given = plan.run.regimen
    swept = {name: column for name, column in plan.layout.columns.items()
             if name in given.field_names}  # fmt: skip
    over = list(dict.fromkeys(dimension for dimension, _ in swept.values()))
    for place in np.ndindex(*(plan.layout.sizes[dimension] for dimension in over)):
        at = dict(zip(over, place, strict=True))
        yield given.at(**{name: float(values[at[dimension]])
                          for name, (dimension, values) in swept.items()})  # fmt: skip


def _advise(plan: Plan, axes: Mapping[str, Any]) -> None:
    """Warn, once an axis, of values for which another unit was probably meant."""
    for key, given in axes.items():
        for name in names_in(key):
            param = advised(name, plan.population, plan.run.regimen)
            if param is not None:
                param.advise(given_values(name, given), name)


def _increasing(name: str, given: Any, low: float, high: float) -> tuple[float, ...]:
    values = days_of(name, given) if name == "days" else numbers(name, given)
    inside = (values > low) & ((values < high) | (values == high) & (name == "days"))
    if not inside.all() or (np.diff(values) <= 0).any():
        raise VcohortError(
            f"{name} = {given!r} is impossible: give numbers between {low:g} and {high:g}, in "
            "increasing order."
        )
    return tuple(float(value) for value in values)
