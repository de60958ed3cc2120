"""What a sweep will take, before it starts: cells, bytes, memory, hours, money."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.populations.population import Population
from vcohort.sweeps.api import plan_of
from vcohort.sweeps.compute.chunk import compute_chunk
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store.template import blanks

# Patients that are run to see how fast it goes, and cells they are spread over.
_TRIAL_PATIENTS, _TRIAL_CELLS = 1 << 16, 16


class SweepEstimate(NamedTuple):
    """What a sweep comes to.

    ``store_bytes``: before compression. ``memory_bytes``: the peak of this process in a trial, and
    a chunk. ``seconds``: on this machine alone, compiling apart. ``cost``: at a price an hour.
    """

    cells: int
    patients: int
    chunks: int
    store_bytes: int
    memory_bytes: int
    patients_per_second: float
    compile_seconds: float
    seconds: float
    cost: float | None

    def __str__(self) -> str:
        lines = {
            "cells": f"{self.cells:,}",
            "patients": f"{self.patients:,}",
            "chunks": f"{self.chunks:,}",
            "store": f"{_bytes(self.store_bytes)} before compression",
            "memory": f"about {_bytes(self.memory_bytes)}",
            "time": f"{_time(self.seconds)} on this machine, at {self.patients_per_second:,.0f} "
                    f"patients/s, and {self.compile_seconds:.0f} s of compiling",
        }  # fmt: skip
        if self.cost is not None:
            lines["cost"] = f"{self.cost:,.2f}"
        return "\n".join(f"{name:<9} {text}" for name, text in lines.items())


def estimate_sweep(
    population: Population,
    axes: Mapping[str, Any],
    n: int = 1000,
    *,
    price_per_hour: float | None = None,
    **options: Any,
) -> SweepEstimate:
    """Say what :func:`vcohort.sweep` with the same arguments would take, from a short trial.

    Some of its patients are run, in cells spread over the sweep.

    :param price_per_hour: of this machine, in any currency.
    :param options: those of :func:`vcohort.sweep`.
    :raises VcohortError: as :func:`vcohort.sweep`.
    """
    price = 0.0 if price_per_hour is None else number("price_per_hour", price_per_hour)
    if not 0.0 <= price < math.inf:
        raise VcohortError(f"price_per_hour = {price:g} is impossible: it must be at least 0.")
    plan = plan_of(population, axes, n, **options)
    first, speed = _trial(plan)
    patients = plan.layout.cells * plan.patients
    seconds = patients / speed
    forms = blanks(plan).values()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return SweepEstimate(
        plan.layout.cells,
        patients,
        len(plan.chunks),
        sum(math.prod(form.shape) * form.dtype.itemsize for form in forms),
        peak * (1 if sys.platform == "darwin" else 1024)
        + 2 * sum(math.prod(form.chunk) * form.dtype.itemsize for form in forms),
        speed,
        first,
        seconds,
        None if price_per_hour is None else price * seconds / 3600,
    )


def _trial(plan: Plan) -> tuple[float, float]:
    """Return seconds of compiling, and patients per second."""
    wanted = np.linspace(0, plan.layout.cells - 1, min(_TRIAL_CELLS, plan.layout.cells))
    cells = [int(cell) for cell in np.unique(wanted.astype(np.int64))]
    small = replace(plan, patients=min(plan.patients, _TRIAL_PATIENTS // len(cells)))
    seconds: list[float] = []
    for _ in range(2):
        start = time.perf_counter()
        compute_chunk(small, cells)
        seconds.append(time.perf_counter() - start)
    first, warm = seconds
    return max(first - warm, 0.0), small.patients * len(cells) / warm


def _bytes(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**29 else f"{count / 2**20:.1f} MiB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
