"""Dose and response: a sweep over how many CAR T cells are infused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes

from vcohort.errors import VcohortError, unknown
from vcohort.given import by_name, names_of
from vcohort.plots.grids import SHARES_OF_PATIENTS, name_of, units_of
from vcohort.plots.layout import panel, picture
from vcohort.plots.slices import along_one_name, at_values, with_ends
from vcohort.plots.style import looks
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import caption, fixed, own_legend
from vcohort.results.needed import need

_MILLION = 1e6


@picture
def dose_response(
    ds: xr.Dataset,
    variables: Sequence[str] = ("cure_probability",),
    *,
    at: Mapping[str, Any] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw variables of a sweep over the dose of CAR T cells, with bands, on a log axis.

    The dose is what the sweep has of ``C0`` and the cells of an infusion (``infusion_1_cells``), in
    millions of cells. Bands are as of :func:`vcohort.plots.lines`; what else was swept is fixed at
    a value, which the caption says.

    :param variables: of the sweep, over the dose: shares, or one of any unit.
    :param at: values of other dimensions, as of :func:`vcohort.plots.lines`.
    :raises VcohortError: for a sweep without a dose, unknown variables, several units.
    """
    need(ds, "vc.sweep(population, {'C0': doses})", {"steps": ("…",)})
    names = list(names_of("variables", variables, "['cure_probability']"))
    at = by_name("at", at, "{'day': 365}")
    ds = along_one_name(ds)
    dose = _dose_of(ds)
    ds = ds.sortby(dose)
    for name in names:
        if name not in ds.data_vars or dose not in ds[name].dims:
            raise unknown("variable", name, [str(each) for each in ds.data_vars
                                             if dose in ds[each].dims])  # fmt: skip
    dims = {str(dim) for name in names for dim in ds[name].dims}
    for name in at:
        if name not in dims:
            raise unknown("dimension", name, dims)
    shares = [name in SHARES_OF_PATIENTS for name in names]
    if len(names) > 1 and not all(shares):
        other = names[shares.index(False)]
        raise VcohortError(f"{other} is no share of patients: draw it in a picture of its own.")
    axes = panel(axes)
    cells = ds[dose].values / _MILLION
    taken: dict[str, Any] = {}
    for name, (style, colour) in zip(names, looks(), strict=False):
        chosen = [at_values(each, [dose], _known(at, each)) for each in with_ends(ds, name)]
        values = [each for each, _ in chosen]
        taken |= chosen[0][1]
        if len(values) > 1:
            axes.fill_between(cells, values[1], values[2], color=colour, alpha=0.2, lw=0)
        axes.plot(cells, values[0], style, color=colour, label=name_of(ds, name),
                  marker="o" if cells.size == 1 else "")  # fmt: skip
    axes.set(xlabel="CAR T cells infused, millions", xscale="log" if cells.min() > 0 else "linear",
             ylabel="share of patients" if all(shares) and len(names) > 1
             else name_of(ds, names[0]))  # fmt: skip
    number_ticks(axes)
    if all(shares):
        axes.set_ylim(0, 1.02)
    if len(names) > 1:
        own_legend(axes)
    caption(axes, fixed(taken, units_of(ds)))
    return axes


def _known(at: Mapping[str, Any], values: xr.DataArray) -> dict[str, Any]:
    """Return what is asked for of the dimensions that a variable has."""
    return {name: value for name, value in at.items() if name in values.dims}


def _dose_of(ds: xr.Dataset) -> str:
    swept = [str(name) for name in ds["steps"].dims]
    doses = [name for name in swept if name == "C0" or name.endswith("_cells")]
    if len(doses) != 1:
        raise VcohortError(
            f"This sweep is over {', '.join(swept) or 'nothing'}, where one dose is needed: "
            "vc.sweep(population, {'C0': numpy.geomspace(2e7, 2e9, 9)}), or infusion_1_cells."
        )
    return doses[0]
