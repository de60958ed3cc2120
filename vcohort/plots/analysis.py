"""Global sensitivity as bars, maps as colours, regimens as a grid."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY, ORANGE, VERMILLION
from vcohort.errors import VcohortError
from vcohort.plots.layout import grid_of, panel, panels_of, picture
from vcohort.plots.style import SHARES, SIGNED, symbols
from vcohort.plots.words import name_levels, own_legend, quarters_within
from vcohort.results.needed import labelled, need

# Names of points that are nearer to each other, in points, would overlap.
_NEAR = np.array([20.0, 11.0])


@picture
def global_sensitivity(
    ds: xr.Dataset, output: str | None = None, *, axes: Axes | None = None
) -> Axes:
    """Draw the indices of one output of :func:`vcohort.sobol_indices` or :func:`vcohort.morris`.

    Sobol': first order and total, with their intervals. Morris: mean absolute effects against
    their spread. ``output``: by default the first.
    """
    over = ("output", "parameter")
    indices = ("mu_star", "sigma")
    if not (isinstance(ds, xr.Dataset) and "mu_star" in ds):
        indices = ("first", "first_interval", "total", "total_interval")
    need(ds, "vc.sobol_indices or vc.morris", dict.fromkeys(indices, over))
    one = ds.isel(output=0) if output is None else labelled(ds, "output", output)
    axes = panel(axes)
    if "mu_star" in one:
        axes.plot(one["mu_star"], one["sigma"], "o", color=BLUE)
        _name_points(axes, one["mu_star"].values, one["sigma"].values,
                     symbols(one["parameter"].values))  # fmt: skip
        axes.set(xlabel=f"mean absolute effect on {one['output'].item()}", ylabel="its spread")
        return axes
    share_bars(axes, one)
    return axes


def share_bars(axes: Axes, one: xr.Dataset) -> None:
    """Draw the Sobol' indices of one output as bars, the largest on top."""
    one = one.sortby("total")
    place = np.arange(one.sizes["parameter"])
    meaning = {"first": "alone", "total": "with interactions"}
    for shift, name, colour in ((0.2, "first", ORANGE), (-0.2, "total", BLUE)):
        interval = one[f"{name}_interval"]
        axes.barh(place + shift, one[name], 0.4, xerr=interval, color=colour, ecolor=GREY,
                  label=meaning[name])  # fmt: skip
    axes.set_yticks(place, symbols(one["parameter"].values))
    axes.set(xlabel=f"share of the variance of {one['output'].item()}")
    axes.set_xlim(left=0)
    own_legend(axes)


def _name_points(axes: Axes, x: np.ndarray, y: np.ndarray, names: Sequence[str]) -> None:
    """Write the names beside their points; of points too near for that, beside the last of them."""
    axes.autoscale_view()
    size = np.array(axes.get_window_extent().size) / axes.figure.dpi * 72.0
    places = size * axes.transLimits.transform(np.stack([x, y], axis=-1))
    groups: list[list[int]] = []
    for index in np.argsort(x, kind="stable"):
        near = [group for group in groups
                if (abs(places[index] - places[group[0]]) < _NEAR).all()]  # fmt: skip
        if near:
            near[0].append(index)
        else:
            groups.append([index])
    for group in groups:
        last = group[-1]
        axes.annotate(", ".join(names[index] for index in group), (x[last], y[last]),
                      xytext=(4, 3), textcoords="offset points")  # fmt: skip


@picture
def sensitivity_map(
    ds: xr.Dataset, parameters: Sequence[str] = (), *, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Draw the map of :func:`vcohort.sensitivity_map`: P(cure), and derivatives to parameters.

    Over two names as colours, over one as a line; a name with one value has no axis.

    ``parameters``: whose derivatives to draw, a panel each; by default the two with the largest.

    :param axes: one for P(cure), and one per parameter.
    :raises VcohortError: for another number of axes, and for a map of one point.
    """
    need(ds, "vc.sensitivity_map", {"cure_probability": ("…",), "sensitivity": ("parameter", "…")})
    ds = ds.squeeze([name for name in ds["cure_probability"].dims if ds.sizes[name] == 1])
    over = [str(name) for name in ds["cure_probability"].dims]
    if not over:
        raise VcohortError("This map is one point: there is nothing to draw. Print it.")
    size = abs(ds["sensitivity"]).mean(over).values
    strongest = ds["parameter"].values[np.argsort(-size)][:2]
    chosen = list(parameters) or [str(name) for name in strongest]
    panels = panels_of(axes, 1 + len(chosen), grid_of)
    labels = [f"{symbol}, {ds[name].attrs['units']}"
              for name, symbol in zip(over, symbols(over), strict=True)]  # fmt: skip
    drawn = [("mean P(cure)", ds["cure_probability"], SHARES, (0.0, 1.0))]
    for name, symbol in zip(chosen, symbols(chosen), strict=True):
        slope = labelled(ds["sensitivity"], "parameter", name).transpose(*over)
        most = float(np.abs(slope).max()) or 1.0
        drawn.append((f"dP(cure) / d ln {symbol}", slope, SIGNED, (-most, most)))
    if len(over) == 1:
        for each, (title, values, _, _) in zip(panels, drawn, strict=True):
            each.plot(ds[over[0]], values, color=BLUE)
            each.set(xlabel=labels[0], title=title)
        return panels
    first, second = over
    levels = quarters_within(ds["cure_probability"])
    for each, (title, values, colours, (low, high)) in zip(panels, drawn, strict=True):
        shown = each.pcolormesh(ds[second], ds[first], values, cmap=colours, vmin=low, vmax=high,
                                shading="gouraud")  # fmt: skip
        if levels:
            name_levels(each.contour(ds[second], ds[first], ds["cure_probability"], levels,
                                     colors=GREY, linewidths=0.8))  # fmt: skip
        each.set(xlabel=labels[1], ylabel=labels[0], title=title)
        each.figure.colorbar(shown, ax=each)
    return panels


@picture
def regimen_map(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the grid of :func:`vcohort.optimize_regimen` over one or two fields, and the best."""
    single = ("objective_best", "objective_without")
    grid: dict[str, tuple[str, ...]] = {"objective": ("…",), "best": ("field",)}
    need(ds, "vc.optimize_regimen", grid | dict.fromkeys(single, ()))
    axes = panel(axes)
    over = [str(name) for name in ds["objective"].dims][:2]
    best = {f"on_{name}": float(ds["best"].sel(field=name)) for name in ds["field"].values}
    rest = {str(name): best[str(name)] for name in ds["objective"].dims[2:]}
    values = ds["objective"].sel(rest, method="nearest")
    about = [_about(ds[name]) for name in over]
    target = ds["objective"].attrs["long_name"]
    if len(over) == 1:
        axes.plot(ds[over[0]], values, "o-", color=BLUE)
        axes.plot(best[over[0]], ds["objective_best"], "*", color=VERMILLION, ms=14)
        axes.axhline(float(ds["objective_without"]), color=GREY, ls="--", lw=0.8)
        axes.set(xlabel=about[0], ylabel=target)
        return axes
    shown = axes.pcolormesh(ds[over[0]], ds[over[1]], values.T, cmap=SHARES, shading="gouraud")
    axes.plot(best[over[0]], best[over[1]], "*", color=VERMILLION, ms=14, clip_on=False, zorder=5)
    axes.set(xlabel=about[0], ylabel=about[1])
    axes.figure.colorbar(shown, ax=axes, label=target)
    return axes


def _about(field: xr.DataArray) -> str:
    """Return name and unit, in lines that fit beside an axis."""
    name, units = field.attrs["long_name"], field.attrs["units"]
    told = units == "1" or name.startswith(f"{units} of")
    return fill(name if told else f"{name}, {units}", 40)
