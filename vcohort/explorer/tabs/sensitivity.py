"""What P(cure) hangs on here: exact derivatives, as a tornado."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import panel as pn
from bokeh.models import FactorRange, Span

import vcohort as vc
from vcohort.colours import BLUE, VERMILLION
from vcohort.explorer.figures import plain, source
from vcohort.explorer.tabs.base import Tab, button
from vcohort.studies.study import Study

if TYPE_CHECKING:
    from vcohort.explorer.page import Page

_PATIENTS = 500

# The change of each parameter of which the bars tell.
_TENTH = 0.1


class Sensitivity(Tab):
    """By how much P(cure) changes where all patients' value of a parameter is a tenth higher."""

    title = "Sensitivity"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._drawn_of: Study | None = None
        self._bars = source("name", "change", "colour")
        self._figure = plain("change of P(cure), percentage points, where a parameter is 10 % "
                             "higher: first order", "percentage points", "",
                             y_range=FactorRange(factors=[]))  # fmt: skip
        self._figure.height = 380
        self._figure.hbar(y="name", right="change", height=0.7, color="colour", source=self._bars)
        self._figure.add_layout(Span(location=0, dimension="height", line_width=1))
        self.view[:] = [pn.FlexBox(button("differentiate here", self._ask), self.busy), self.told,
                        pn.pane.Bokeh(self._figure, sizing_mode="stretch_width")]  # fmt: skip

    def follow(self) -> None:
        """Say where the bars are of another setting than the page."""
        is_old = self._drawn_of not in (None, self.page.study)
        self.told.object = "The bars are those of the setting before." if is_old else ""

    def _ask(self) -> None:
        self.want(self.page.study)

    def compute(self, wish: Study) -> Iterator[object]:
        """Yield d P(cure) / d ln(parameter) of the cohort's mean, by name."""
        run = wish.run
        cohort = wish.cohort().select(slice(0, _PATIENTS))
        values = {name: np.asarray(value, np.float32) for name, value in cohort.values.items()}

        def cured(shifts: dict[str, Any]) -> Any:
            moved = {name: values[name] * jnp.exp(shift) for name, shift in shifts.items()}
            found = vc.cure_probability(cohort.replace(**moved), run.horizon, regimen=run.regimen)
            return jnp.nanmean(found)

        slopes = jax.grad(cured)(dict.fromkeys(values, jnp.float32(0.0)))
        yield {name: float(slope) for name, slope in slopes.items()}

    def show(self, wish: Study, found: dict[str, float]) -> None:
        """Draw the bars, the longest on top."""
        self._drawn_of = wish
        order = sorted(found, key=lambda name: abs(found[name]))
        self._figure.y_range.factors = order
        self._bars.data = {
            "name": order, "change": [100.0 * _TENTH * found[name] for name in order],
            "colour": [BLUE if found[name] > 0 else VERMILLION for name in order],
        }  # fmt: skip
