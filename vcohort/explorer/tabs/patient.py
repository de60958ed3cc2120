"""One patient: all cells, and the chance of each fate over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import panel as pn

import vcohort as vc
from vcohort.colours import BLUE, VERMILLION
from vcohort.errors import VcohortError
from vcohort.explorer.figures import Courses, legend, plain, source
from vcohort.explorer.outlook import before
from vcohort.explorer.tabs.base import Tab, button
from vcohort.results.counted import counted
from vcohort.studies.study import Study
from vcohort.units import t_cells_per_ul, tumour_ml

if TYPE_CHECKING:
    from vcohort.explorer.page import Page

_DAYS, _DAYS_OF_CHANCE = 200, 24


class Wish(NamedTuple):
    """A patient of a study, and which chance befalls it."""

    study: Study
    number: int
    chance: int


class Patient(Tab):
    """A patient by its number."""

    title = "Patient"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._courses = Courses()
        self._chances = source("day", "cured", "progressed")
        self._number = pn.widgets.IntInput(label="patient", value=0, start=0, width=110)
        self._number.param.watch(lambda _: self._ask(), "value")
        self._chance = 0
        figure = plain("chance of each fate", "days since infusion", "probability, %",
                       y_range=(-2, 102))  # fmt: skip
        for name, colour in (("cured", BLUE), ("progressed", VERMILLION)):
            figure.line("day", name, source=self._chances, color=colour, line_width=2.5,
                        legend_label=f"{name} by then")  # fmt: skip
        legend(figure, "center_right")
        self.view[:] = [
            self.told,
            pn.FlexBox(self._number, button("another chance", self._again), self.busy),
            pn.pane.Bokeh(self._courses.figure, sizing_mode="stretch_width"),
            pn.pane.Bokeh(figure, sizing_mode="stretch_width"),
        ]

    def follow(self) -> None:
        """Show the patient of the new study."""
        self._ask()

    def _again(self) -> None:
        self._chance += 1
        self._ask()

    def _ask(self) -> None:
        self.want(Wish(self.page.study, int(self._number.value or 0), self._chance))

    def compute(self, wish: Wish) -> Iterator[object]:
        """Yield days and cells of the patient, and days and chances."""
        study, number = wish.study, wish.number
        if number >= study.patients:
            raise VcohortError(f"There are {study.patients:,} patients: give a number below that.")
        one = study.cohort().select([number])
        days = np.linspace(0.0, study.run.horizon, _DAYS)
        run = replace(study.run, method="hybrid", save_at=days, seed=study.run.seed + wish.chance)
        ds = vc.simulate(one, run=run, progress=False).isel(patient=0)
        cells = {name: t_cells_per_ul(counted(ds, name).values) for name in ("N", "C")}
        cells["B"] = tumour_ml(counted(ds, "B").values)
        yield days, cells, self._chances_of(one, study)

    def _chances_of(self, one: vc.Cohort, study: Study) -> dict[str, np.ndarray] | None:
        days = np.linspace(0.0, study.run.horizon, _DAYS_OF_CHANCE)[1:]
        options: dict[str, Any] = {"regimen": study.run.regimen, "tolerance": study.run.tolerance}
        try:
            free = np.asarray(
                vc.progression_free_probability(
                    one, days, progression=study.run.progression, **options
                )
            )[0]
            cured = [float(vc.cure_probability(one, day, **_until(options, day))[0])
                     for day in days]  # fmt: skip
        except VcohortError:
            return None
        return {"day": days, "cured": 100.0 * np.array(cured), "progressed": 100.0 * (1.0 - free)}

    def show(self, wish: Wish, found: Any) -> None:
        """Draw courses and chances."""
        days, cells, chances = found
        self._courses.show(days, cells)
        if chances is None:
            self.told.object = "With these laws no closed form tells the chance of a fate."
            chances = {"day": [], "cured": [], "progressed": []}
        self._chances.data = chances


def _until(options: dict[str, Any], day: float) -> dict[str, Any]:
    """Return the settings of a run to a day: with the treatments before it."""
    return {**options, "regimen": before(options["regimen"], day)}
