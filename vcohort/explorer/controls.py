"""The left side of the page: what can be set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import panel as pn
from bokeh.models import CustomJSTickFormatter

from vcohort.explorer.settings import (
    changed,
    laws_are_its_own,
    with_law,
    with_preset,
    with_value,
)
from vcohort.explorer.sliders import Slider, sliders_of, values_of
from vcohort.explorer.timeline import Timeline
from vcohort.models import LAW_KINDS
from vcohort.models import laws as laws_of
from vcohort.studies.study import Study

Edit: TypeAlias = Callable[[Study], Study]

PRESETS = ("zuma1", "kimmel2021-figures", "kimmel2021")

# Steps from one end of a slider to the other.
_STEPS = 400

_OF_LOGS = "return Number(Math.pow(10, tick).toPrecision(3)).toString()"
_PLAIN = "return Number(tick.toPrecision(3)).toString()"


class Prompt(pn.widgets.FloatSlider):
    """A slider that tells of each move at once; what is passed by is dropped by who computes."""

    # Panel else waits for 50 ms.
    _debounce = 0


class Knob:
    """A parameter's slider, with a mark at the preset's value and a way back to it."""

    def __init__(self, name: str, slider: Slider, edit: Callable[..., None]) -> None:
        self._name, self._slider = name, slider
        unit = f", {slider.unit}" if slider.unit else ""
        self.widget = Prompt(
            label=f"{name}{unit}", start=slider.low, end=slider.high,
            step=(slider.high - slider.low) / _STEPS, margin=(2, 8),
            format=CustomJSTickFormatter(code=_OF_LOGS if slider.is_log else _PLAIN),
            sizing_mode="stretch_width",
        )  # fmt: skip
        back = pn.widgets.Button(label="↺", width=28, margin=(14, 0), color="light",
                                 description=f"back to {slider.preset:.3g}")  # fmt: skip
        about = f"{slider.param.description}. Source: {slider.param.source}."
        mark = pn.pane.HTML(
            f"<div style='position:relative;height:8px;font-size:9px;line-height:8px'>"
            f"<span style='position:absolute;left:calc({100 * slider.mark:.1f}% - 4px)'>▲</span>"
            "</div>", sizing_mode="stretch_width", margin=(-8, 16, 0, 16),
        )  # fmt: skip
        self.view = pn.Row(
            pn.Column(self.widget, mark, sizing_mode="stretch_width", margin=0),
            back, pn.widgets.TooltipIcon(value=about, margin=(14, 0)),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self.widget.param.watch(lambda event: edit(self._moved(event.new), slides=True), "value")
        back.on_click(lambda _: edit(lambda study: with_value(study, name, None)))

    def _moved(self, position: float) -> Edit:
        value = self._slider.value(position)
        return lambda study: with_value(study, self._name, value)

    def follow(self, value: float) -> None:
        """Stand at a value, in cells and days."""
        position = self._slider.position(value)
        self.widget.value = min(max(position, self._slider.low), self._slider.high)


class Controls:
    """All that can be set. ``edit``: as of :class:`Page`."""

    def __init__(self, study: Study, edit: Callable[..., None]) -> None:
        self._edit_page, self._is_following = edit, False
        self._knobs: dict[str, Knob] = {}
        self._of: tuple[Any, ...] = ()
        self._presets = pn.widgets.RadioButtonGroup(
            label="population",
            options=list(PRESETS),
            sizing_mode="stretch_width",
            margin=(5, 0),
            description="zuma1: a virtual ZUMA-1, calibrated to the trial. kimmel2021: table 1 of "
            "Kimmel, Locke & Altrock (2021); kimmel2021-figures: the values behind its figures.",
        )
        self._numbers = {
            "sigma": Prompt(label="variability, sigma", start=0.0, end=0.5, step=0.01),
            "patients": pn.widgets.IntInput(label="patients", start=1, end=200_000, step=1000),
            "horizon": pn.widgets.FloatInput(label="horizon, days", start=1.0, end=1e5, step=100),
            "progression": pn.widgets.FloatInput(label="progression, times the first size",
                                                 start=1.001, end=100.0, step=0.1),
            "seed": pn.widgets.IntInput(label="seed", start=0, end=2**31),
        }  # fmt: skip
        self._laws = {kind: pn.widgets.Select(label=kind, options=list(laws_of(kind)))
                      for kind in LAW_KINDS}  # fmt: skip
        self._note = pn.pane.Markdown("", margin=(0, 8))
        self._rows = pn.Column(sizing_mode="stretch_width", margin=0)
        self.timeline = Timeline(self._edit)
        self._watch()
        self.view = pn.Column(
            self._presets, pn.Accordion(
                ("treatments after day 0", self.timeline.view),
                ("parameters: the patient in the middle", self._rows),
                ("patients", pn.Column(*self._numbers.values(), sizing_mode="stretch_width")),
                ("laws", pn.Column(self._note, *self._laws.values(), sizing_mode="stretch_width")),
                active=[0, 1], sizing_mode="stretch_width", margin=0,
            ), sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        self.follow(study)

    def follow(self, study: Study) -> None:
        """Stand where the study says, without a word to the page."""
        self._is_following = True
        try:
            self._build(study)
            self._presets.value = study.preset if study.preset in PRESETS else None
            for name, widget in self._numbers.items():
                widget.value = getattr(study, name)
            own, laws = laws_are_its_own(study), study.population().model
            self._note.object = f"{study.preset} comes with laws of its own." if own else ""
            for kind, widget in self._laws.items():
                widget.value, widget.disabled = getattr(laws, kind).name, own
            values = values_of(study)
            for name, knob in self._knobs.items():
                knob.follow(values[name])
            self.timeline.follow(study)
        finally:
            self._is_following = False

    def _build(self, study: Study) -> None:
        """Make the sliders anew where they are those of other laws or values."""
        of = (study.preset, study.model, study.sigma)
        if of == self._of:
            return
        self._of = of
        self._knobs = {name: Knob(name, slider, self._edit)
                       for name, slider in sliders_of(study).items()}  # fmt: skip
        self._rows[:] = [knob.view for knob in self._knobs.values()]

    def _watch(self) -> None:
        def number(name: str) -> Callable[[Any], None]:
            return lambda event: self._edit(lambda study: changed(study, **{name: event.new}))

        def law(kind: str) -> Callable[[Any], None]:
            return lambda event: self._edit(lambda study: with_law(study, kind, event.new))

        self._presets.param.watch(
            lambda event: self._edit(lambda study: with_preset(study, event.new)), "value"
        )
        for name, widget in self._numbers.items():
            widget.param.watch(number(name), "value")
        for kind, widget in self._laws.items():
            widget.param.watch(law(kind), "value")

    def _edit(self, edit: Edit, *, slides: bool = False) -> None:
        if not self._is_following:
            self._edit_page(edit, slides=slides)
