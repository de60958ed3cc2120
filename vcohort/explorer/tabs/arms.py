"""Arms: settings that are kept beside each other, their curves, and a table of differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import panel as pn

from vcohort.explorer.figures import ARMS, curve_of, legend, plain, source
from vcohort.explorer.outlook import TOLD_DAYS, Outlook
from vcohort.explorer.tabs.base import button
from vcohort.explorer.whom import gains

if TYPE_CHECKING:
    from vcohort.explorer.page import Page


class Arms:
    """What was pinned as an arm, up to as many as colours can be told apart."""

    title = "Arms"

    def __init__(self, page: Page) -> None:
        self.page = page
        self._arms: list[Outlook] = []
        self._name = "ABCDE"
        self._sources = [source("day", "free") for _ in ARMS]
        figure = plain("progression-free survival", "days since infusion", "share, %",
                       y_range=(0, 102))  # fmt: skip
        for name, colour, curve in zip(self._name, ARMS, self._sources, strict=True):
            figure.line("day", "free", source=curve, color=colour, line_width=2.5,
                        legend_label=f"arm {name}")  # fmt: skip
        legend(figure)
        self._table = pn.pane.DataFrame(pd.DataFrame(), sizing_mode="stretch_width", index=False)
        self._note, self._asked = (pn.pane.Markdown("", sizing_mode="stretch_width")
                                   for _ in range(2))  # fmt: skip
        self._whom = pn.pane.DataFrame(pd.DataFrame(), index=False)
        self.view = pn.Column(
            pn.FlexBox(button("pin as arm", self._pin), button("clear", self._clear)),
            pn.pane.Bokeh(figure, sizing_mode="stretch_width"), self._table, self._note,
            self._asked, self._whom, sizing_mode="stretch_width",
        )  # fmt: skip

    def follow(self) -> None:
        """Arms stay what they were when they were pinned."""

    def end(self) -> None:
        """Nothing runs here."""

    def _pin(self) -> None:
        if self.page.is_busy or self.page.outlook is None:
            self._note.object = "What is set is still being computed: pin it in a moment."
            return
        if len(self._arms) == len(ARMS):
            self._note.object = f"There are {len(ARMS)} arms already. Clear them first."
            return
        self._arms.append(self.page.outlook)
        self._show()

    def _clear(self) -> None:
        self._arms.clear()
        self._show()

    def _show(self) -> None:
        for index, curve in enumerate(self._sources):
            is_there = index < len(self._arms)
            curve.data = curve_of(self._arms[index]) if is_there else {"day": [], "free": []}
        rows = [self._row(name, each) for name, each in zip(self._name, self._arms, strict=False)]
        self._table.object = pd.DataFrame(rows)
        is_same = all(each.has_patients_of(self._arms[0]) for each in self._arms)
        self._note.object = (
            "Differences are to arm A. The arms have the same patients." if is_same else
            "Differences are to arm A. The arms have other patients: their differences are also "
            "those of the draw."
        )  # fmt: skip
        who = len(self._arms) > 1 and is_same
        self._whom.object = gains(self._arms[0], self._arms[-1]) if who else pd.DataFrame()
        self._asked.object = (
            f"Whom does arm {self._name[len(self._arms) - 1]} help or harm, beside arm A? Mean "
            "change of P(cure), percentage points, of the thirds of patients with the lowest, "
            "middle and highest values of those parameters that part them most:"
            if who
            else ""
        )

    def _row(self, name: str, outlook: Outlook) -> dict[str, Any]:
        first = self._arms[0]
        row: dict[str, Any] = {"arm": name, "what": _changes(first, outlook)}
        row |= _cells("P(cure), %", 100.0 * outlook.cured, 100.0 * first.cured)
        for day in TOLD_DAYS:
            if day in outlook.days and day in first.days:
                here, there = (100.0 * float(each.free[np.searchsorted(each.days, day)])
                               for each in (outlook, first))  # fmt: skip
                row |= _cells(f"PFS day {day:g}, %", here, there)
        return row


def _cells(name: str, here: float, there: float) -> dict[str, str]:
    return {name: f"{here:.1f}", f"{name}, difference": f"{here - there:+.1f}"}


def _changes(first: Outlook, other: Outlook) -> str:
    """Say what an arm has that the first has not."""
    before, now = (each.study.model_dump(exclude_unset=True, exclude_none=True)
                   for each in (first, other))  # fmt: skip
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return "; ".join(_said(name, now.get(name)) for name in changed) or "as arm A"


def _said(name: str, value: Any) -> str:
    """Say a field of a study as one reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items()) or f"the preset's {name}"
    if isinstance(value, list):
        days = ", ".join(_treatment(each) for each in value)
        return f"{name} on {days}" if value else f"no {name}"
    return f"{name} = {value}"


def _treatment(entry: dict[str, Any]) -> str:
    strength = "".join(f", {key} {each:g}" for key, each in entry.items()
                       if key != "day" and isinstance(each, float | int))  # fmt: skip
    return f"day {entry['day']:g}{strength}"
