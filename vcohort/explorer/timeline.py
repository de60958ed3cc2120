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
from vcohort.explorer.sliders import values_of
from vcohort.studies.study import Study
from vcohort.units import CELLS_PER_UL

_KINDS = ("infusion", "lymphodepletion")
_COLOURS = {"infusion": BLUE, "lymphodepletion": VERMILLION}

# Two of one day do not cover each other.
_HEIGHTS = {"infusion": 0.25, "lymphodepletion": 0.75}

# The day of a treatment when it is added.
_FIRST_DAY = 60.0

Entry = dict[str, Any]


class Timeline:
    """The treatments after the first infusion, of one kind after the other."""

    def __init__(self, edit: Callable[[Callable[[Study], Study]], None]) -> None:
        self._edit = edit
        self._entries: dict[str, list[Entry]] = {kind: [] for kind in _KINDS}
        self._fields: dict[tuple[str, int, str], Any] = {}
        self._left = 1.0
        self._source = source("day", "row", "colour", "kind")
        self._figure = self._drawn()
        self._source.on_change("data", self._dragged)
        self._rows = pn.Column(sizing_mode="stretch_width", margin=0)
        buttons = [
            pn.widgets.Button(label=f"+ {kind}", color="light",
                              on_click=partial(self._add, kind))
            for kind in _KINDS
        ]  # fmt: skip
        key = " ".join(f"<span style='color:{_COLOURS[kind]}'>▼ {kind}</span>" for kind in _KINDS)
        self.view = pn.Column(
            pn.pane.Bokeh(self._figure, sizing_mode="stretch_width"),
            pn.pane.HTML(key, margin=(0, 8)), self._rows, pn.Row(*buttons),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip

    def follow(self, study: Study) -> None:
        """Show the study's treatments."""
        dumped = study.model_dump(exclude_none=True)
        found = {kind: [dict(each) for each in dumped[kind]] for kind in _KINDS}
        self._figure.x_range.end = study.run.horizon
        self._left = left_by_the_first(study)
        before, self._entries = self._entries, found
        points = [(each["day"], kind) for kind in _KINDS for each in found[kind]]
        self._source.data = {
            "day": [day for day, _ in points], "row": [_HEIGHTS[kind] for _, kind in points],
            "colour": [_COLOURS[kind] for _, kind in points], "kind": [kind for _, kind in points],
        }  # fmt: skip
        if _shape(before) != _shape(found):
            self._fields.clear()
            self._rows[:] = [self._row(kind, index) for kind in _KINDS
                             for index in range(len(found[kind]))]  # fmt: skip
            return
        # A row that is made anew would lose what is being typed into it.
        for (kind, index, name), field in self._fields.items():
            field.value = _shown(found[kind][index], name)

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
        day = self._field(kind, index, "day", label=f"{kind}, day")
        remove = pn.widgets.Button(label="×", width=30, margin=(20, 0), color="light")
        remove.on_click(lambda _: self._remove(kind, index))
        return pn.Row(day, self._strength(kind, index), remove, margin=0)

    def _strength(self, kind: str, index: int) -> pn.viewable.Viewable:
        """Return what a treatment's strength is typed into: a dose, or the share that survives."""
        if kind == "infusion":
            return self._field(kind, index, "cells", label="dose, /µl", placeholder="as the first")
        survival = self._entries[kind][index]["survival"]
        if not _is_number(survival):
            return pn.pane.Markdown(f"survival {survival}", width=120)
        return self._field(
            kind, index, "survival", label="T cells that survive", end=1.0, step=0.05,
            description=f"Of normal and of CAR T cells alike, on the day and before an infusion "
            f"of that day. The lymphodepletion before day 0 left {self._left:.2g} of the normal "
            "ones (N0 / K_N).",
        )  # fmt: skip

    def _field(self, kind: str, index: int, name: str, **about: Any) -> pn.widgets.FloatInput:
        """Return what a number of a treatment is typed into."""
        value = _shown(self._entries[kind][index], name)
        field = pn.widgets.FloatInput(value=value, start=0.0, width=120, **about)
        scale = CELLS_PER_UL if name == "cells" else 1.0
        field.param.watch(lambda event: self._set(
            kind, index, name, None if event.new is None else event.new * scale
        ), "value")  # fmt: skip
        self._fields[kind, index, name] = field
        return field

    def _add(self, kind: str, _: Any) -> None:
        days = [each["day"] for each in self._entries[kind]]
        new: Entry = {"day": max(days) + 30.0 if days else _FIRST_DAY}
        if kind == "lymphodepletion":
            new["survival"] = self._left
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


def left_by_the_first(study: Study) -> float:
    """Return the share of normal T cells that the lymphodepletion before day 0 left, rounded."""
    values = values_of(study)
    return float(f"{min(values['N0'] / values['K_N'], 1.0):.2g}")


def _shape(entries: dict[str, list[Entry]]) -> list[tuple[str, bool]]:
    """Return what the rows depend on: the treatments, and which have a number for a strength."""
    return [(kind, _is_number(each.get("survival"))) for kind in _KINDS for each in entries[kind]]


def _is_number(survival: Any) -> bool:
    return not isinstance(survival, dict | list)


def _shown(entry: Entry, name: str) -> float | None:
    """Return a number of a treatment as it is typed; None for one that is not given."""
    value = entry.get(name)
    if value is None:
        return None
    return float(value) / CELLS_PER_UL if name == "cells" else float(value)
