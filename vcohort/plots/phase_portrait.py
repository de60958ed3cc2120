"""One patient's T cells in the plane of N and C: where each stands still, and the way it takes."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from vcohort.colours import BLUE, PALE, VERMILLION
from vcohort.errors import VcohortError
from vcohort.given import number
from vcohort.models import Model
from vcohort.models.species import Cells
from vcohort.plots.layout import panel, picture
from vcohort.plots.patients import first_patient
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, legend_of, literal
from vcohort.populations.cohort import Cohort
from vcohort.results.needed import need
from vcohort.results.patients import patients_of, regimen_of
from vcohort.simulation.simulate import simulate
from vcohort.units import t_cells_per_ul, tumour_ml

# Points of the plane on a side, and arrows; days of the path; decades about it.
_POINTS, _ARROWS, _PATH, _MARGIN = 160, 13, 241, 0.5


@picture
def phase_portrait(
    ds: xr.Dataset, *, days: float = 200.0, model: Model | None = None, axes: Axes | None = None
) -> Axes:
    """Draw the first patient's way in the plane of N and C, with the null clines of both.

    On a null cline a cell number does not change: d ln N / dt = 0, d ln C / dt = 0, by the rates of
    the patient's model and parameters. Arrows are the directions in which both go, on the logs. The
    way is the deterministic one under the regimen of the run, without the tumour's chance. Where
    rates depend on the tumour, or on other T cells, these are held at day 0, as the caption says.

    :param ds: a dataset of :func:`vcohort.simulate`, whose first patient is drawn; choose another
        by ``ds.isel(patient=[3])``.
    :param days: to which the way is followed.
    :param model: needed where a law is the user's own.
    :raises VcohortError: for days that are not above 0, and for a dataset that does not know its
        model.
    """
    need(ds, "vc.simulate", {"outcome": ("patient",)})
    days = number("days", days)
    if not 0.0 < days < np.inf:
        raise VcohortError(f"days = {days:g} is impossible: it must be greater than 0.")
    ds, title = first_patient(ds)
    ds = ds.expand_dims("patient")
    cohort = patients_of(ds, model)
    course = simulate(
        cohort, "deterministic", days, regimen=regimen_of(ds), endpoints=(), progress=False,
        save_at=np.linspace(0.0, days, _PATH).tolist(),
    )  # fmt: skip
    # Less than one cell is none, however far the equations go on.
    way = [np.maximum(course[name].values[0].astype(float), 1.0) for name in "NC"]
    if not all(np.isfinite(each).all() for each in way):
        raise VcohortError(f"The equations of {title} cannot be followed: there is no way to draw.")
    axes = panel(axes)
    spans = [(np.log10(each.min()) - _MARGIN, np.log10(each.max()) + _MARGIN) for each in way]
    across, up = (np.logspace(low, high, _POINTS) for low, high in spans)
    handles = _null_clines(axes, cohort, across, up)
    _arrows(axes, cohort, spans)
    per_ul = [t_cells_per_ul(each) for each in way]
    handles += axes.plot(*per_ul, color="black", label=f"the patient, to day {days:g}")
    handles += axes.plot(per_ul[0][0], per_ul[1][0], "o", color="black", ls="", label="day 0")
    axes.set(xscale="log", yscale="log", xlabel="normal T cells per µl",
             ylabel="CAR T cells per µl", xlim=t_cells_per_ul(across[[0, -1]]),
             ylim=t_cells_per_ul(up[[0, -1]]))  # fmt: skip
    number_ticks(axes)
    legend_of(axes, handles, [each.get_label() for each in handles])
    caption(axes, f"{literal(title).capitalize()}; null clines {_held(cohort)}.")
    return axes


def _held(cohort: Cohort) -> str:
    """Say at which numbers the other cells are held."""
    species = cohort.model.species
    tumour = float(tumour_ml(sum(float(cohort[f"{name}0"][0]) for name in species.tumour)))
    fed = f", without {' and '.join(species.fed)}" if species.fed else ""
    return f"with the tumour at {tumour:.3g} ml{fed}"


def rates_of(cohort: Cohort, normal: np.ndarray, car: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return d ln N / dt and d ln C / dt of the first patient, per day, where N and C are these.

    Other cells are as many as on day 0; those that only others feed, none.
    """
    model = cohort.model
    species = model.species
    values: dict[str, Any] = {
        name: float(np.asarray(each)[0]) for name, each in cohort.values.items()
    }
    fixed = {name: values[f"{name}0"] for name in (*species.grown, *species.tumour)}
    fixed |= dict.fromkeys(species.fed, 0.0)

    def of_one(n: Any, c: Any) -> tuple[jax.Array, jax.Array]:
        numbers = {**fixed, "N": n, "C": c}
        found = model.rates(values, Cells.counted(species, numbers))

        def net(name: str) -> jax.Array:
            away = sum(rate for (first, _), rate in found.transfer.items() if first == name)
            back = sum(rate * numbers[first] for (first, second), rate in found.transfer.items()
                       if second == name)  # fmt: skip
            return found.growth[name] - away + back / numbers[name]

        return net("N"), net("C")

    with jax.enable_x64(True):
        shape = np.broadcast_shapes(np.shape(normal), np.shape(car))
        given = [np.broadcast_to(each, shape).ravel().astype(float) for each in (normal, car)]
        found = jax.vmap(of_one)(*given)
    return np.asarray(found[0]).reshape(shape), np.asarray(found[1]).reshape(shape)


def _null_clines(axes: Axes, cohort: Cohort, across: np.ndarray, up: np.ndarray) -> list[Line2D]:
    """Draw where each of both rates is 0; return what names them, of those that are in sight."""
    handles: list[Line2D] = []
    rates = rates_of(cohort, across[None, :], up[:, None])
    looks = (("null cline of N", BLUE, "-"), ("null cline of C", VERMILLION, "--"))
    for rate, (label, colour, line) in zip(rates, looks, strict=True):
        if rate.min() < 0.0 < rate.max():
            axes.contour(t_cells_per_ul(across), t_cells_per_ul(up), rate, [0.0], colors=colour,
                         linestyles=line, linewidths=1.2)  # fmt: skip
            handles.append(Line2D([], [], color=colour, ls=line, label=label))
    return handles


def _arrows(axes: Axes, cohort: Cohort, spans: list[tuple[float, float]]) -> None:
    """Draw the directions on the logs, as long as each other."""
    inner = [np.logspace(low, high, _ARROWS + 2)[1:-1] for low, high in spans]
    rates = rates_of(cohort, inner[0][None, :], inner[1][:, None])
    size = axes.get_window_extent().size
    steps = [rate * length / np.ptp(span)
             for rate, length, span in zip(rates, size, spans, strict=True)]  # fmt: skip
    length = np.hypot(*steps)
    right, upward = (np.divide(step, length, out=np.zeros_like(step), where=length > 0)
                     for step in steps)  # fmt: skip
    axes.quiver(*(t_cells_per_ul(each) for each in inner), right, upward, color=PALE, angles="uv",
                scale=26.0, width=0.004, pivot="mid", zorder=0)  # fmt: skip
