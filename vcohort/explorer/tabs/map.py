"""P(cure) over two parameters; a click goes there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import panel as pn
from bokeh.events import Tap
from bokeh.models import ColorBar, LinearColorMapper

import vcohort as vc
from vcohort.errors import VcohortError
from vcohort.explorer.figures import plain, source, span
from vcohort.explorer.settings import with_value
from vcohort.explorer.sliders import Slider, sliders_of, value_of
from vcohort.explorer.tabs.base import Tab, button
from vcohort.studies.study import Study

if TYPE_CHECKING:
    from vcohort.explorer.page import Page

_SIDE, _PATIENTS = 15, 200

# A map reaches from the present values to so many times them.
_REACH = 3.0


class Wish(NamedTuple):
    """A study and the two parameters."""

    study: Study
    across: str
    up: str


class Map(Tab):
    """A map of P(cure) about the present values."""

    title = "Map"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        names = list(sliders_of(page.study))
        self._across = pn.widgets.Select(label="across", options=names, value="K_C", width=120)
        self._up = pn.widgets.Select(label="up", options=names, value="r_B", width=120)
        self._cells = source("x", "y", "width", "height", "cured")
        self._here = source("x", "y")
        self._sliders: dict[str, Slider] = {}
        self._figure = self._drawn()
        self._shown: Wish | None = None
        self.view[:] = [
            pn.FlexBox(self._across, self._up, button("draw the map", self._ask, margin=(20, 8)),
                   self.busy), self.told,
            pn.pane.Bokeh(self._figure, sizing_mode="stretch_width"),
        ]  # fmt: skip

    def _drawn(self) -> Any:
        found = plain("P(cure), %: click to go there", "", "", x_axis_type="log",
                      y_axis_type="log", x_range=span(1, 10), y_range=span(1, 10))  # fmt: skip
        found.height = 420
        colours = LinearColorMapper(palette="Viridis256", low=0.0, high=100.0)
        found.rect("x", "y", "width", "height", source=self._cells, line_color=None,
                   fill_color={"field": "cured", "transform": colours})  # fmt: skip
        found.scatter("x", "y", source=self._here, marker="x", size=16, line_width=3,
                      color="white")  # fmt: skip
        found.add_layout(ColorBar(color_mapper=colours, width=10), "right")
        found.on_event(Tap, self._go)
        return found

    def follow(self) -> None:
        """Offer the parameters of the new study."""
        names = list(sliders_of(self.page.study))
        if names != self._across.options:
            self._across.options = self._up.options = names

    def _ask(self) -> None:
        self.want(Wish(self.page.study, self._across.value, self._up.value))

    def compute(self, wish: Wish) -> Iterator[object]:
        """Yield both axes and P(cure) (across, up), of the same patients in each cell."""
        study, names = wish.study, (wish.across, wish.up)
        if wish.across == wish.up:
            raise VcohortError("Choose two parameters that differ.")
        axes = {name: _values(study, name) for name in names}
        run, population = study.run, study.population()
        grid = vc.sweep(
            population, axes, _PATIENTS, method="exact", horizon=run.horizon, regimen=run.regimen,
            tolerance=run.tolerance, seed=run.seed, design=study.design, progress=False,
        )  # fmt: skip
        yield axes, grid["cure_probability"].transpose(*names).values

    def show(self, wish: Wish, found: Any) -> None:
        """Colour the cells, and mark where the page is."""
        axes, cured = found
        self._shown, self._sliders = wish, sliders_of(wish.study)
        (x, width), (y, height) = (_edges(axes[name] / self._sliders[name].cells)
                                   for name in (wish.across, wish.up))  # fmt: skip
        for range_, at, half in ((self._figure.x_range, x, width / 2.0),
                                 (self._figure.y_range, y, height / 2.0)):  # fmt: skip
            range_.start, range_.end = float((at - half).min()), float((at + half).max())
        self._cells.data = {
            "x": np.repeat(x, y.size), "width": np.repeat(width, y.size),
            "y": np.tile(y, x.size), "height": np.tile(height, x.size),
            "cured": 100.0 * cured.ravel(),
        }  # fmt: skip
        here = (value_of(wish.study, name) / self._sliders[name].cells
                for name in (wish.across, wish.up))  # fmt: skip
        self._here.data = {name: [value] for name, value in zip("xy", here, strict=True)}
        self._figure.xaxis.axis_label, self._figure.yaxis.axis_label = (
            f"{name} {self._sliders[name].unit}" for name in (wish.across, wish.up)
        )

    def _go(self, event: Any) -> None:
        if self._shown is None:
            return
        edges = (self._cells.data[name] for name in ("x", "width", "y", "height"))
        x, width, y, height = map(np.asarray, edges)
        across, up = np.abs(x - event.x) <= width / 2.0, np.abs(y - event.y) <= height / 2.0
        if not (across & up).any():
            return
        values = {name: float(f"{at:.4g}") * self._sliders[name].cells for name, at in
                  ((self._shown.across, event.x), (self._shown.up, event.y))}  # fmt: skip

        def there(study: Study) -> Study:
            for name, value in values.items():
                study = with_value(study, name, value)
            return study

        self._here.data = {"x": [event.x], "y": [event.y]}
        self.page.edit(there)


def _values(study: Study, name: str) -> np.ndarray:
    """Return values about the present one, within what is possible."""
    here, param = value_of(study, name), study.population().model.param(name)
    if here <= 0.0:
        raise VcohortError(f"{name} is 0 here: move it first, a map is of ratios.")
    high = min(here * _REACH, param.upper * (1.0 - 1e-9))
    return np.geomspace(max(here / _REACH, param.lower), high, _SIDE)


def _edges(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle and the width of cells whose edges lie between the logs of the centres."""
    half = np.sqrt(centres[1] / centres[0])
    low, high = centres / half, centres * half
    return 0.5 * (low + high), high - low
