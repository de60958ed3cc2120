"""One patient on a card: its cells, the hazard of its cure, the probability of each fate."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from vcohort.colours import GREY
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.models import Model
from vcohort.plots.layout import grid_of, panels_of, picture
from vcohort.plots.patients import first_patient
from vcohort.plots.style import DAYS, OUTCOME, SERIES
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, literal, own_legend
from vcohort.populations.cohort import Cohort
from vcohort.regimens.regimen import Regimen
from vcohort.results.needed import need
from vcohort.results.patients import patients_of, regimen_of
from vcohort.simulation.probability import cure_probability, progression_free_probability
from vcohort.simulation.simulate import simulate
from vcohort.tables.days import days_of
from vcohort.units import t_cells_per_ul, tumour_ml

# Days of the card unless told otherwise: dense at first, when most happens.
_COUNT, _LAST = 61, 360.0

# Cells below which a line ends: fewer than one are none.
_FLOOR = 1 / 3

# The share of patients like this one that is left uncured, below which a hazard is but rounding.
_LEFT = 1e-9


class Fates(NamedTuple):
    """Probabilities (day,) that no tumour cell is left, and of no progression, by each day."""

    cured: np.ndarray
    free: np.ndarray

    @property
    def hazard(self) -> np.ndarray:
        """Fall of ln(1 - P(cured)) from each day to the next; NaN where nobody is left to cure."""
        left = np.where(self.cured < 1.0 - _LEFT, 1.0 - self.cured, np.nan)
        return -np.diff(np.log(left))


@picture
def patient_card(
    ds: xr.Dataset,
    days: ArrayLike | None = None,
    *,
    model: Model | None = None,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw all that is known of the first patient of ``ds``, before chance has its say.

    Four panels: all T cells; the tumour; the hazard of cure, the chance per day that the last
    tumour cell dies, of those in whom it has not; and the probabilities of cure, of progression and
    of neither by each day. Cells follow the differential equations, under the regimen of the run;
    probabilities are exact: :func:`vcohort.cure_probability` with each day as the horizon, and 1
    less :func:`vcohort.progression_free_probability`. The hazard is the mean one between two days.
    Neither is what the two leave of 1; of a tumour that progresses before it dies out, nothing.

    :param ds: a dataset of :func:`vcohort.simulate`; choose a patient by ``ds.isel(patient=[3])``.
    :param days: increasing, at least two; by default up to day 360, or to the horizon.
    :param model: needed where a law is the user's own.
    :param axes: four.
    :raises VcohortError: for impossible days, a dataset that does not know its model, and for a
        model whose rates depend on the tumour, or of several clones: it has no exact survival.
    """
    need(ds, "vc.simulate", {"outcome": ("patient",)}, ("progression", "horizon"))
    last = min(_LAST, float(ds.attrs["horizon"]))
    at = days_of("days", last * np.linspace(0.0, 1.0, _COUNT) ** 2 if days is None else days)
    if at.size < 2 or not (np.isfinite(at).all() and at[0] >= 0.0 and (np.diff(at) > 0).all()):
        raise VcohortError("days must be two numbers at least that increase, from day 0 on.")
    ds, title = first_patient(ds)
    ds = ds.expand_dims("patient")
    cohort, regimen = patients_of(ds, model), regimen_of(ds)
    found = fates_of(cohort, at, regimen, float(ds.attrs["progression"]))
    course = simulate(
        cohort, "deterministic", max(float(at[-1]), 1.0), regimen=regimen, save_at=at.tolist(),
        endpoints=(), progress=False,
    )  # fmt: skip
    panels = panels_of(axes, 4, grid_of)
    t_cells, tumour, hazard, fates = panels
    _cells(t_cells, course, [*cohort.model.species.grown, *cohort.model.species.fed])
    t_cells.set(ylabel="T cells per µl")
    _tumour(tumour, course, list(cohort.model.species.tumour), float(ds.attrs["progression"]))
    rates = found.hazard / np.diff(at)
    hazard.stairs(rates, at, color=OUTCOME[1], lw=1.2, baseline=None)
    top = float(np.nanmax(rates, initial=0.0)) or 1.0
    # Where it is 0 the line is seen, too.
    hazard.set(ylabel="hazard of cure, per day", ylim=(-0.02 * top, 1.05 * top))
    _fates(fates, at, found)
    for each in panels:
        each.set(xlabel=DAYS, xlim=(at[0], at[-1]))
    cured = f"P(cure by day {at[-1]:g}) = {found.cured[-1]:.3g}"
    caption(hazard, f"{literal(title).capitalize()}: {cured}.")
    return panels


def fates_of(cohort: Cohort, days: np.ndarray, regimen: Regimen, progression: float) -> Fates:
    """Return the probabilities of a single patient's fates by each day, in double precision."""
    with warnings.catch_warnings():
        # The same warning would come with each day.
        warnings.simplefilter("ignore", VcohortWarning)
        cured = [_cured(cohort, float(day), regimen) for day in days]
    free = progression_free_probability(
        cohort, days, progression=progression, regimen=regimen, dtype="float64"
    )
    return Fates(np.array(cured), np.asarray(free)[0])


def _cured(cohort: Cohort, day: float, regimen: Regimen) -> float:
    if day == 0.0:
        return 0.0
    # What comes later changes nothing by this day; one program serves all days.
    given = {name: np.asarray(value, float).reshape(-1) for name, value, _ in regimen.named_fields()
             if name.endswith("_day")}  # fmt: skip
    sooner = {name: np.where(at > day, np.inf, at) for name, at in given.items()}
    regimen = regimen.at(**sooner)
    return float(cure_probability(cohort, day, regimen=regimen, dtype="float64")[0])


def _cells(axes: Axes, course: xr.Dataset, names: list[str]) -> None:
    for name, colour in zip(names, (GREY, *SERIES), strict=False):
        cells = course[name].values[0].astype(float)
        axes.plot(course["time"], t_cells_per_ul(np.where(cells > _FLOOR, cells, np.nan)),
                  color=colour, label=course[name].attrs["long_name"])  # fmt: skip
    axes.set(yscale="log")
    number_ticks(axes)
    own_legend(axes)


def _tumour(axes: Axes, course: xr.Dataset, names: list[str], progression: float) -> None:
    for name, colour in zip(names, SERIES, strict=False):
        cells = course[name].values[0].astype(float)
        axes.plot(course["time"], tumour_ml(np.where(cells > _FLOOR, cells, np.nan)), color=colour,
                  label=course[name].attrs["long_name"])  # fmt: skip
    size = progression * float(sum(course[f"{name}0"].values[0] for name in names))
    axes.axhline(tumour_ml(size), color=GREY, ls=":", lw=0.8, label="size of progression")
    axes.set(ylabel="tumour in ml", yscale="log")
    number_ticks(axes)
    own_legend(axes)


def _fates(axes: Axes, days: np.ndarray, found: Fates) -> None:
    neither = np.maximum(found.free - found.cured, 0.0)
    for values, event, line, label in ((found.cured, 1, "-", "no tumour cell left"),
                                       (1.0 - found.free, 2, "--", "progressed"),
                                       (neither, 0, ":", "neither")):  # fmt: skip
        axes.plot(days, values, line, color=OUTCOME[event], label=label)
    axes.set(ylabel="probability by the day", ylim=(-0.02, 1.02))
    own_legend(axes)
