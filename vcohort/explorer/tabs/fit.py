"""A patient's counts: drag the curve near them by eye, then let it be fitted from there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import panel as pn

import vcohort as vc
from vcohort.colours import BLUE, GREY
from vcohort.errors import VcohortError
from vcohort.explorer.figures import legend, plain, source
from vcohort.explorer.outlook import before
from vcohort.explorer.settings import with_value
from vcohort.explorer.sliders import sliders_of, values_of
from vcohort.explorer.tabs.base import Tab, button
from vcohort.measurements.observations import Observations, read_observations
from vcohort.results.counted import counted
from vcohort.studies.study import Study

if TYPE_CHECKING:
    from vcohort.explorer.page import Page

_FREE = ("rho_C", "K_C", "k_B")

# A fit is made of so many rounds of starts, between which it can be cancelled; all lie within so
# many times the present values.
_ROUNDS, _STARTS, _REACH = 5, 8, 5.0

_DAYS = 120

_EXAMPLE = "columns day, observable (C_per_ul, N_per_ul, B_ml …), value"


class Wish(NamedTuple):
    """A table of one patient, what is free, and where to start; ``free`` of nothing: the course."""

    study: Study
    table: Observations
    rows: pd.DataFrame
    free: tuple[str, ...]


class Fit(Tab):
    """Data of one patient, the course of the patient in the middle, and a fit from here."""

    title = "Fit"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._table: Observations | None = None
        self._rows = pd.DataFrame()
        self._is_cancelled = False
        self._file = pn.widgets.FileInput(accept=".csv")
        self._file.param.watch(self._read, "value")
        self._free = pn.widgets.MultiChoice(label="free", options=list(sliders_of(page.study)),
                                            value=list(_FREE))  # fmt: skip
        self._progress = pn.indicators.Progress(value=0, max=_ROUNDS, visible=False)
        self._measured, self._course = (source("day", "value")
                                        for _ in range(2))  # fmt: skip
        figure = plain("counts and the patient in the middle", "days since infusion",
                       "CAR T cells per µl", y_axis_type="log")  # fmt: skip
        figure.scatter("day", "value", source=self._measured, color=GREY, size=8,
                       legend_label="measured")  # fmt: skip
        figure.line("day", "value", source=self._course, color=BLUE, line_width=2.5,
                    legend_label="patient in the middle")  # fmt: skip
        legend(figure)
        self.view[:] = [
            pn.pane.Markdown(f"A CSV of one patient: {_EXAMPLE}. Move the sliders until the curve "
                             "is near, then fit."),
            self._file, self._free,
            pn.FlexBox(button("fit from here", self._ask), button("cancel", self._cancel),
                       self.busy, self._progress),
            self.told, pn.pane.Bokeh(figure, sizing_mode="stretch_width"),
        ]  # fmt: skip

    def follow(self) -> None:
        """Draw the course of the new study beside the data."""
        names = list(sliders_of(self.page.study))
        if names != self._free.options:
            self._free.param.update(options=names, value=[each for each in self._free.value
                                                          if each in names])  # fmt: skip
        if self._table is not None and not self.busy.turns:
            self._latest.want(Wish(self.page.study, self._table, self._rows, ()))

    def _read(self, event: Any) -> None:
        if not event.new:
            return
        try:
            self._rows = pd.read_csv(io.BytesIO(event.new))
            table = read_observations(self._rows)
            if len(table.patients) > 1:
                raise VcohortError("The table is of several patients: give one.")
        except (VcohortError, ValueError) as error:
            self.told.object = f"**The table cannot be read: {error}**"
            return
        self._table, self.told.object = table, f"{len(table)} rows"
        counts = np.array(table.observable) == "C_per_ul"
        self._measured.data = {"day": table.day[counts], "value": table.value[counts]}
        self.follow()

    def _ask(self) -> None:
        if self._table is None:
            self.told.object = f"**Give a table first: {_EXAMPLE}.**"
            return
        self._is_cancelled, self._progress.value, self._progress.visible = False, 0, True
        self.want(Wish(self.page.study, self._table, self._rows, tuple(self._free.value)))

    def _cancel(self) -> None:
        self._is_cancelled = True

    def compute(self, wish: Wish) -> Iterator[object]:
        """Yield the course; or, after each round of starts, the best fit so far."""
        study, population = wish.study, wish.study.population()
        here = values_of(study)
        patient = population.middle()
        if not wish.free:
            yield _course(patient, study, float(wish.table.day.max()))
            return
        bounds = {name: _about(here[name], population.model.param(name)) for name in wish.free}
        best: tuple[float, dict[str, float]] = (np.inf, {})
        for round_ in range(_ROUNDS):
            if self._is_cancelled:
                raise VcohortError("Cancelled.")
            ds = vc.fit(wish.rows, wish.free, patient, bounds=bounds, starts=_STARTS,
                        seed=round_, regimen=study.run.regimen, progress=False)  # fmt: skip
            loss = float(ds["loss"][0])
            found = zip(wish.free, ds["estimate"].values[0].tolist(), strict=True)
            best = min(best, (loss, dict(found)), key=lambda each: each[0])
            yield round_ + 1, best

    def show(self, wish: Wish, found: Any) -> None:
        """Draw a course; or take over what was fitted, when all rounds are done."""
        if not wish.free:
            self._course.data = found
            return
        done, (loss, values) = found
        self._progress.value, self.busy.turns = done, done < _ROUNDS
        sliders = sliders_of(wish.study)
        shown = ", ".join(f"{name} {sliders[name].shown(value)}" for name, value in values.items())
        self.told.object = f"loss {loss:.3g}: {shown}"
        if done == _ROUNDS:
            self._progress.visible = False
            self.page.edit(lambda study: _moved(study, values))


def _moved(study: Study, values: dict[str, float]) -> Study:
    for name, value in values.items():
        study = with_value(study, name, float(f"{value:.6g}"))
    return study


def _about(here: float, param: Any) -> tuple[float, float]:
    if here <= 0.0:
        raise VcohortError(f"{param.name} is 0 here: move it first, or do not fit it.")
    return max(here / _REACH, param.lower), min(here * _REACH, param.upper)


def _course(patient: vc.Cohort, study: Study, last: float) -> dict[str, np.ndarray]:
    days = np.linspace(0.0, max(last, 1.0), _DAYS)
    until = before(study.run.regimen, days[-1])
    run = replace(study.run, method="deterministic", horizon=float(days[-1]), save_at=days,
                  regimen=until, endpoints=(vc.Outcome(),))  # fmt: skip
    ds = vc.simulate(patient, run=run, progress=False)
    return {"day": days, "value": vc.units.t_cells_per_ul(counted(ds, "C").values[0])}
