"""A cohort's outcomes in a few numbers, and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.table import Table

from vcohort.endpoints.escape import NEGATIVE, POSITIVE
from vcohort.endpoints.outcome import CURE, PROGRESSION, UNDECIDED
from vcohort.simulation.missing import known_outcomes


class Summary(NamedTuple):
    """Shares of the outcomes, and median days of the events (NaN where there are none).

    Of the ``patients`` with an outcome; beside them so many are ``missing``. ``antigen_positive``
    and ``antigen_negative``: shares with such a relapse, of those who ``progressed``; None where
    the dataset does not tell them apart (:class:`vcohort.Escaped`).
    """

    patients: int
    cured: float
    progressed: float
    undecided: float
    cure_day: float
    progression_day: float
    antigen_positive: float | None
    antigen_negative: float | None
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

    def relapsed(kind: int) -> float | None:
        if "relapse" not in ds:
            return None
        return float((ds["relapse"].values[kept] == kind).mean())

    return Summary(
        outcome.size,
        share(CURE),
        share(PROGRESSION),
        share(UNDECIDED),
        median(CURE),
        median(PROGRESSION),
        relapsed(POSITIVE),
        relapsed(NEGATIVE),
        int(kept.size - outcome.size),
    )


def summary_table(columns: dict[str, tuple[Summary, float]]) -> Table:
    """Return a table of summaries, each with its seconds of computing, under their names."""
    table = Table("", caption="patients per second: of the whole run, with compiling")
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    rows: dict[str, Callable[[Summary, float], str]] = {
        "patients": lambda summary, _: f"{summary.patients:,}",
        "cured": lambda summary, _: f"{summary.cured:.1%}",
        "progressed": lambda summary, _: f"{summary.progressed:.1%}",
        "antigen-positive": lambda summary, _: _share(summary.antigen_positive),
        "antigen-negative": lambda summary, _: _share(summary.antigen_negative),
        "undecided": lambda summary, _: f"{summary.undecided:.1%}",
        "missing": lambda summary, _: f"{summary.missing:,}",
        "median day of cure": lambda summary, _: _day(summary.cure_day),
        "median day of progression": lambda summary, _: _day(summary.progression_day),
        "patients per second": lambda summary, seconds: f"{summary.patients / seconds:,.0f}",
    }
    if not any(summary.missing for summary, _ in columns.values()):
        del rows["missing"]
    if all(summary.antigen_positive is None for summary, _ in columns.values()):
        del rows["antigen-positive"], rows["antigen-negative"]
    for heading, cell in rows.items():
        table.add_row(heading, *(cell(*column) for column in columns.values()))
    return table


def _share(share: float | None) -> str:
    return "not told" if share is None else f"{share:.1%}"


def _day(day: float) -> str:
    return "none" if np.isnan(day) else f"{day:.0f}"
