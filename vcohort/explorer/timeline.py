"""The treatments: a line of days on which they can be dragged, and a row of numbers for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import panel as pn
from bokeh.models import PointDrawTool
from bokeh.plotting import figure

from vcohort.colours import BLUE, VERMILLION
from vcohort.explorer.figures import source, span
from vcohort.explorer.settings import with_treatments
from vcohort.studies.study import Study
from vcohort.units import CELLS_PER_UL

_KINDS = ("infusion", "lymphodepletion")
_COLOURS = {"infusion": BLUE, "lymphodepletion": VERMILLION}

# What a treatment is when it is added.
_FIRST_DAY, _FIRST_SURVIVAL = 60.0, 0.1

Entry = dict[str, Any]


class Timeline:
    """The treatments after the first infusion, of one kind after the other."""

    def __init__(self, edit: Callable[[Callable[[Study], Study]], None]) -> None:
        self._edit = edit
        self._entries: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
        self._source = source("day", "row", "colour", "kind")
        self._figure = self._drawn()
        self._source.on_change("data", self._dragged)
        self._rows = pn.Column(sizing_mode="stretch_width", margin=0)
        buttons = [
            pn.widgets.Button(label=f"+ {kind}", color="light",
                              on_click=partial(self._add, kind))
            for kind in _KINDS
        ]  # fmt: skip
        self.view = pn.Column(
            pn.pane.Bokeh(self._figure, sizing_mode="stretch_width"), self._rows, pn.Row(*buttons),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def follow(self, study: Study) -> None:
        """Show the study's treatments."""
        dumped = study.model_dump(exclude_none=True)
        found = {kind: [dict(each) for each in dumped[kind]] for kind in _KINDS}
        self._figure.x_range.end = study.run.horizon
        if found == self._entries and len(self._rows) == sum(map(len, found.values())):
            return
        self._entries = found
        points = [(each["day"], kind) for kind in _KINDS for each in found[kind]]
        self._source.data = {
            "day": [day for day, _ in points], "row": [0.5] * len(points),
            "colour": [_COLOURS[kind] for _, kind in points], "kind": [kind for _, kind in points],
        }  # fmt: skip
        self._rows[:] = [self._row(kind, index) for kind in _KINDS
                         for index in range(len(found[kind]))]  # fmt: skip

    def _drawn(self) -> Any:
        found = figure(height=70, sizing_mode="stretch_width", x_range=span(0, 1),
                       y_range=span(0, 1), tools="", toolbar_location=None)  # fmt: skip
        points: Any = found.scatter("day", "row", source=self._source, size=14, color="colour",
                               marker="inverted_triangle")  # fmt: skip
        tool = PointDrawTool(renderers=[points], add=False)
        found.add_tools(tool)
        found.toolbar.active_tap = tool
        found.yaxis.visible, found.ygrid.visible, found.outline_line_color = False, False, None
        return found

    def _row(self, kind: str, index: int) -> pn.Row:
        entry = self._entries[kind][index]
        day = pn.widgets.FloatInput(label=f"{kind}, day", value=float(entry["day"]), start=0.0,
                                    width=120)  # fmt: skip
        day.param.watch(lambda event: self._set(kind, index, "day", event.new), "value")
        remove = pn.widgets.Button(label="×", width=30, margin=(20, 0), color="light")
        remove.on_click(lambda _: self._remove(kind, index))
        return pn.Row(day, self._strength(kind, index, entry), remove, margin=0)

    def _strength(self, kind: str, index: int, entry: Entry) -> pn.viewable.Viewable:
        """Return what a treatment's strength is typed into: a dose, or the share that survives."""
        if kind == "infusion":
            cells = entry.get("cells")
            widget = pn.widgets.FloatInput(
                label="dose, /µl", value=None if cells is None else cells / CELLS_PER_UL, start=0.0,
                placeholder="as the first", width=120,
            )  # fmt: skip
            widget.param.watch(lambda event: self._set(
                kind, index, "cells", None if event.new is None else event.new * CELLS_PER_UL,
            ), "value")  # fmt: skip
            return widget
        survival = entry["survival"]
        if isinstance(survival, dict | list):
            return pn.pane.Markdown(f"survival {survival}", width=120)
        widget = pn.widgets.FloatInput(label="T cells that survive", value=float(survival),
                                       start=0.0, end=1.0, step=0.05, width=120)  # fmt: skip
        widget.param.watch(lambda event: self._set(kind, index, "survival", event.new), "value")
        return widget

    def _add(self, kind: str, _: Any) -> None:
        days = [each["day"] for each in self._entries[kind]]
        new: Entry = {"day": max(days) + 30.0 if days else _FIRST_DAY}
        if kind == "lymphodepletion":
            new["survival"] = _FIRST_SURVIVAL
        self._send({**self._entries, kind: [*self._entries[kind], new]})

    def _remove(self, kind: str, index: int) -> None:
        rest = [each for at, each in enumerate(self._entries[kind]) if at != index]
        self._send({**self._entries, kind: rest})

    def _set(self, kind: str, index: int, field: str, value: Any) -> None:
        entries = [dict(each) for each in self._entries[kind]]
        entries[index][field] = value
        entries[index] = {key: each for key, each in entries[index].items() if each is not None}
        self._send({**self._entries, kind: entries})

    def _dragged(self, _: str, __: Any, new: dict[str, Any]) -> None:
        days = [max(float(round(day)), 0.0) for day in new["day"]]
        count = len(self._entries["infusion"])
        parts = zip(_KINDS, (days[:count], days[count:]), strict=True)
        found = {kind: [{**each, "day": day} for each, day in
                        zip(self._entries[kind], part, strict=True)]
                 for kind, part in parts}  # fmt: skip
        if found != self._entries:
            self._send(found)

    def _send(self, entries: dict[str, list[Entry]]) -> None:
        self._edit(lambda study: with_treatments(study, entries["infusion"],
                                                 entries["lymphodepletion"]))  # fmt: skip
