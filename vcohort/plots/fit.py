"""Fits: the curves over the data, where the starts ended, profiles, compared models, posteriors."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.errors import unknown
from vcohort.observables import OBSERVABLES
from vcohort.plots.style import BLUE, DAYS, GREY, SERIES, VERMILLION, panel, plain, row_of, symbols

_DASHES = ("-", "--", "-.", ":")


def fitted_curves(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the curves of :func:`vcohort.fit` over its data, a panel an observable.

    Of :func:`vcohort.compare_models` the models of the first patient are drawn.
    """
    if "model" in ds.dims:
        ds = ds.isel(patient=0)
        rows, curves, over = ds.expand_dims(line=1), ds.rename(model="line"), "model"
        curves = curves.transpose("line", ...)
    else:
        rows = curves = ds.rename(patient="line")
        over = "patient"
    seen = [name for name in OBSERVABLES if (rows["observable"] == name).any()]
    panels = axes if axes is not None else row_of(len(seen))
    for each, name in zip(panels, seen, strict=True):
        _panel(plain(each), name, rows, curves)
    panels[0].legend(frameon=False, title=over)
    return panels


def _panel(axes: Axes, name: str, rows: xr.Dataset, curves: xr.Dataset) -> None:
    kind = OBSERVABLES[name]
    parts = ["N", "C"] if name == "ALC" else [name[0]]
    cells = xr.concat([curves[state] for state in parts], "part").sum("part") / kind.cells
    for line, colour in zip(range(curves.sizes["line"]), SERIES * 4, strict=False):
        label = str(curves["line"].values[line])
        # Of curves that lie on each other the later ones leave gaps.
        axes.plot(curves["time"], cells.isel(line=line), _DASHES[line % len(_DASHES)],
                  color=colour, label=label)  # fmt: skip
    for line, colour in zip(range(rows.sizes["line"]), SERIES * 4, strict=False):
        one = rows.isel(line=line)
        mine = one["observable"].values == name
        single = rows.sizes["line"] < curves.sizes["line"]
        axes.plot(one["day"].values[mine], one["value"].values[mine], "o", zorder=3,
                  color=GREY if single else colour, mec="white")  # fmt: skip
    axes.set(xlabel=DAYS, ylabel=f"{kind.description}, {kind.unit}".replace("/ul", "/µl"))
    if name[0] in "CB":
        axes.set_yscale("log")
        values = rows["value"].where((rows["observable"] == name) & (rows["value"] > 0))
        if values.notnull().any():
            axes.set_ylim(bottom=0.2 * float(values.min()))


def fit_starts(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the losses at which the starts of a fit ended, in order: a plateau is trusted."""
    axes = panel(axes)
    for patient, colour in zip(ds["patient"].values, SERIES * 4, strict=False):
        loss = ds["start_loss"].sel(patient=patient).values
        axes.plot(np.arange(1, loss.size + 1), loss, ".", color=colour, ms=3, label=str(patient))
    axes.set(xlabel="start, the best first", ylabel="loss", yscale="log", xscale="log")
    axes.legend(frameon=False)
    return axes


def profiles(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the profiles of the first patient of :func:`vcohort.profile_likelihood`."""
    one = ds.isel(patient=0)
    names = list(one["parameter"].values)
    panels = axes if axes is not None else _grid_of(len(names))
    level = float(ds.attrs["level"])
    for each, name, symbol in zip(panels, names, symbols(names), strict=False):
        profile = one.sel(parameter=name)
        plain(each).plot(profile["value"], profile["deviance"], "-", color=BLUE)
        each.axhline(level, color=GREY, ls="--", lw=0.8)
        each.axvline(float(profile["estimate"]), color=VERMILLION, lw=0.8)
        for side in ("lower", "upper"):
            if np.isfinite(profile[side]):
                each.axvline(float(profile[side]), color=GREY, ls=":", lw=0.8)
        inside = profile["value"].values[profile["deviance"].values < 2.5 * level]
        # Few ticks fit on a log axis that spans less than a factor of three.
        wide = inside.max() > 3 * inside.min()
        each.set(xlabel=f"{symbol}, {profile['unit'].item()}", ylabel="deviance",
                 xscale="log" if wide else "linear", xlim=(inside.min(), inside.max()),
                 ylim=(0, 2.5 * level))  # fmt: skip
    return panels


def _grid_of(count: int) -> Sequence[Axes]:
    columns = min(count, 4)
    rows = -(-count // columns)
    size = (3.2 * columns, 2.7 * rows)
    panels = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]
    flat = panels.ravel()
    for each in flat[count:]:
        each.set_visible(False)
    return list(flat[:count])


def model_weights(ds: xr.Dataset, criterion: str = "aicc", *, axes: Axes | None = None) -> Axes:
    """Draw the Akaike weights of :func:`vcohort.compare_models`, for each patient.

    ``criterion``: ``"aicc"`` or ``"aic"``.
    """
    variables = {"aicc": "weight", "aic": "weight_aic"}
    if criterion not in variables:
        raise unknown("criterion", criterion, variables)
    weight = ds[variables[criterion]].transpose("model", ...)
    axes = panel(axes)
    models, patients = ds["model"].values, ds["patient"].values
    height = 0.8 / patients.size
    for row, (patient, colour) in enumerate(zip(patients, SERIES * 4, strict=False)):
        place = np.arange(models.size) + (row - 0.5 * (patients.size - 1)) * height
        axes.barh(place, weight.sel(patient=patient), height, color=colour, label=patient)
    axes.set_yticks(range(models.size), models)
    axes.invert_yaxis()
    axes.set(xlabel=weight.attrs["long_name"], xlim=(0, 1))
    axes.legend(frameon=False)
    return axes


def posterior(tree: xr.DataTree, *, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
    """Draw the marginal posteriors of :func:`vcohort.posterior`, a line a chain."""
    samples = tree["posterior"].to_dataset().isel(patient=0)
    names = list(samples.data_vars)
    panels = axes if axes is not None else _grid_of(len(names))
    for each, name, symbol in zip(panels, names, symbols(names), strict=False):
        values = np.log(samples[name].transpose("chain", "draw").values)
        edges = np.linspace(values.min(), values.max(), 31)
        for chain, colour in zip(values, SERIES * 4, strict=False):
            height, _ = np.histogram(chain, edges, density=True)
            plain(each).stairs(height, np.exp(edges), color=colour)
        unit = samples[name].attrs["units"]
        each.set(xlabel=symbol if unit == "1" else f"{symbol}, {unit}", xscale="log", yticks=[])
    return panels
