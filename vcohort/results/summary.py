"""A cohort's outcomes in a few numbers, and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.table import Table

from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.simulation.missing import known_outcomes


class Summary(NamedTuple):
    """Shares of the outcomes, and median days of the events (NaN where there are none).

    Of the ``patients`` with an outcome; beside them so many are ``missing``.
    """

    patients: int
    cured: float
    progressed: float
    undecided: float
    cure_day: float
    progression_day: float
    missing: int


def summarise(ds: xr.Dataset) -> Summary:
    """Return the summary of a dataset; warn of patients without an outcome, and leave them out."""
    kept = known_outcomes(ds)
    outcome, day = ds["outcome"].values[kept], ds["event_time"].values[kept]

    def median(event: int) -> float:
        days = day[outcome == event]
        return float(np.median(days)) if days.size else float("nan")

    def share(event: int) -> float:
        return float((outcome == event).mean())

    return Summary(
        outcome.size,
        share(CURE),
        share(PROGRESSION),
        share(UNDECIDED),
        median(CURE),
        median(PROGRESSION),
        int(kept.size - outcome.size),
    )


def summary_table(columns: dict[str, tuple[Summary, float]]) -> Table:
    """Return a table of summaries, each with its seconds of computing, under their names."""
    table = Table("", caption="patients per second: of the whole run, with compiling")
    for name in columns:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Summary, float], str]] = {
        "patients": lambda summary, _: f"{summary.patients:,}",
        "cured": lambda summary, _: f"{summary.cured:.1%}",
        "progressed": lambda summary, _: f"{summary.progressed:.1%}",
        "undecided": lambda summary, _: f"{summary.undecided:.1%}",
        "missing": lambda summary, _: f"{summary.missing:,}",
        "median day of cure": lambda summary, _: _day(summary.cure_day),
        "median day of progression": lambda summary, _: _day(summary.progression_day),
        "patients per second": lambda summary, seconds: f"{summary.patients / seconds:,.0f}",
    }
    if not any(summary.missing for summary, _ in columns.values()):
        del rows["missing"]
    for heading, cell in rows.items():
        table.add_row(heading, *(cell(*column) for column in columns.values()))
    return table


def _day(day: float) -> str:
    return "none" if np.isnan(day) else f"{day:.0f}"
