"""What a fit rests on: where the starts ended, profiles, compared models, posteriors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis

from vcohort.colours import BLUE, GREY, VERMILLION
from vcohort.errors import VcohortError, one_of, refuse_other
from vcohort.plots.layout import grid_of, panel, panels_of, picture
from vcohort.plots.patients import asks_for_log, by_patient, first_patient
from vcohort.plots.style import DOUBLE, FEW, SERIES, SHARES, SINGLE, SMALL, looks, symbols
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import as_it_is, legend_of
from vcohort.results.needed import need

_PROFILES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("value", "deviance"), ("patient", "parameter", "point")),
    **dict.fromkeys(("estimate", "lower", "upper"), ("patient", "parameter")),
}

_WEIGHTS = {"aicc": "weight", "aic": "weight_aic"}


@picture
def fit_starts(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the losses at which the starts of a fit ended, in order: a plateau is trusted.

    Of more than six patients each is a thin line of one colour. The title says how many starts
    found no loss, if any.
    """
    need(ds, "vc.fit", {"start_loss": ("patient", "start")})
    loss = by_patient(ds)["start_loss"].transpose("patient", "start")
    axes = panel(axes)
    count, starts = loss.shape
    rank = np.arange(1, starts + 1)
    if count > FEW:
        axes.plot(rank, loss.values.T, color=BLUE, lw=0.8, alpha=0.5, marker=".", ms=2)
        lines = []
    else:
        lines = [axes.plot(rank, each, ".", color=colour, ms=4)[0]
                 for each, colour in zip(loss.values, SERIES, strict=False)]  # fmt: skip
    lost = int((~np.isfinite(loss.values)).sum())
    told = [f"{count:,} patients"] if count > FEW else []
    told += [f"{lost:,} of {loss.size:,} starts found no loss"] if lost else []
    scales = ["log" if asks_for_log(values) else "linear" for values in (rank, loss.values)]
    axes.set(xlabel="start, the best first", ylabel="loss", title=", ".join(told),
             xscale=scales[0], yscale=scales[1])  # fmt: skip
    legend_of(axes, lines, loss["patient"].values, "patient")
    _keep_plateaus(axes)
    number_ticks(axes)
    if scales[0] == "linear":
        axes.set_xticks(rank)
    # Starts are counted.
    axes.xaxis.set_major_formatter("{x:g}")
    return axes


def _keep_plateaus(axes: Axes) -> None:
    """Show losses that differ by far less than a tenth as the one level that they are."""
    low, high = axes.get_ylim()
    least = 0.1 * max(abs(low), abs(high))
    if high - low < least:
        middle = 0.5 * (low + high)
        axes.set_ylim(middle - 0.5 * least, middle + 0.5 * least)


@picture
def profiles(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the profiles of the first patient of :func:`vcohort.profile_likelihood`.

    The title says which; choose another by ``ds.sel(patient=["b"])``.

    :param axes: as many as there are parameters.
    :raises VcohortError: for another number of axes.
    """
    need(ds, "vc.profile_likelihood", _PROFILES, ["level"])
    one, title = first_patient(ds)
    names = list(one["parameter"].values)
    panels = panels_of(axes, len(names), grid_of)
    level = float(ds.attrs["level"])
    for each, name, symbol in zip(panels, names, symbols(names), strict=True):
        profile = one.sel(parameter=name)
        each.plot(profile["value"], profile["deviance"], "-", color=BLUE)
        each.axhline(level, color=GREY, ls="--", lw=0.8)
        each.axvline(float(profile["estimate"]), color=VERMILLION, lw=0.8)
        for side in ("lower", "upper"):
            if np.isfinite(profile[side]):
                each.axvline(float(profile[side]), color=GREY, ls=":", lw=0.8)
        inside = profile["value"].values[profile["deviance"].values < 2.5 * level]
        each.set(xlabel=f"{symbol}, {profile['unit'].item()}", ylabel="deviance", xscale="log",
                 xlim=(inside.min(), inside.max()), ylim=(0, 2.5 * level))  # fmt: skip
        number_ticks(each)
    as_it_is(panels[0].title, title)
    return panels


@picture
def model_weights(ds: xr.Dataset, criterion: str = "aicc", *, axes: Axes | None = None) -> Axes:
    """Draw the Akaike weights of :func:`vcohort.compare_models`, for each patient.

    Of more than six patients each is a row of colours, grey where the weights are missing.

    :param criterion: ``"aicc"`` or ``"aic"``.
    :raises VcohortError: for another criterion.
    """
    chosen = _WEIGHTS[one_of("criterion", criterion, _WEIGHTS)]
    need(ds, "vc.compare_models", {chosen: ("patient", "model")})
    weight = by_patient(ds)[chosen].transpose("patient", "model")
    return (_weight_rows if weight.sizes["patient"] > FEW else _weight_bars)(weight, axes)


def _weight_bars(weight: xr.DataArray, axes: Axes | None) -> Axes:
    axes = panel(axes)
    patients, models = weight.shape
    height = 0.8 / patients
    bars = []
    for row, (one, colour) in enumerate(zip(weight.values, SERIES, strict=False)):
        place = np.arange(models) + (row - 0.5 * (patients - 1)) * height
        bars.append(axes.barh(place, one, height, color=colour)[0])
    _name_ticks(axes.yaxis, weight["model"].values)
    axes.invert_yaxis()
    axes.set(xlabel=weight.attrs["long_name"], xlim=(0, 1))
    labels = [
        f"{label} (missing)" if np.isnan(one).all() else label
        for label, one in zip(weight["patient"].values, weight.values, strict=True)
    ]
    legend_of(axes, bars, labels, title="patient")
    return axes


def _weight_rows(weight: xr.DataArray, axes: Axes | None) -> Axes:
    patients, models = weight.shape
    if axes is None:
        size = (min(DOUBLE, SINGLE + 0.3 * models), 1.6 + 0.12 * patients)
        axes = plt.subplots(figsize=size, layout="constrained")[1]
    axes.set_facecolor("lightgrey")
    shown = axes.pcolormesh(weight.values, cmap=SHARES, vmin=0, vmax=1)
    axes.invert_yaxis()
    _name_ticks(axes.yaxis, weight["patient"].values, 0.5, fontsize=SMALL)
    _name_ticks(axes.xaxis, weight["model"].values, 0.5, rotation=30, ha="right")
    lost = int(np.isnan(weight.values).all(axis=1).sum())
    axes.set(ylabel="patient", title=f"{lost:,} of {patients:,} patients: missing" if lost else "")
    axes.figure.colorbar(shown, ax=axes, label=weight.attrs["long_name"])
    return axes


def _name_ticks(axis: Axis, labels: np.ndarray, offset: float = 0.0, **options: Any) -> None:
    """Set a tick at each whole number, more by an offset, with its label as it is."""
    axis.set_ticks(np.arange(len(labels)) + offset, labels.astype(str), **options)
    for tick, label in zip(axis.get_ticklabels(), labels, strict=True):
        as_it_is(tick, label)


@picture
def posterior(tree: xr.DataTree, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the marginal posteriors of :func:`vcohort.posterior`, a line a chain.

    Of several patients the first is drawn. The title says which; choose another by
    ``tree.sel(patient=["b"])``.

    :param axes: as many as there are parameters.
    :raises VcohortError: for another number of axes.
    """
    refuse_other("tree", tree, xr.DataTree, "what vc.posterior returns")
    if "posterior" not in tree.children:
        raise VcohortError(
            "This tree has no group 'posterior'. Give what vc.posterior returns, or vc.load of it."
        )
    samples, title = first_patient(tree["posterior"].to_dataset())
    names = list(samples.data_vars)
    panels = panels_of(axes, len(names), grid_of)
    for each, name, symbol in zip(panels, names, symbols(names), strict=True):
        values = np.log(samples[name].transpose("chain", "draw").values)
        edges = np.linspace(values.min(), values.max(), 31)
        for chain, (line, colour) in zip(values, looks(), strict=False):
            height, _ = np.histogram(chain, edges, density=True)
            each.stairs(height, np.exp(edges), color=colour, ls=line)
        unit = samples[name].attrs["units"]
        each.set(xlabel=symbol if unit == "1" else f"{symbol}, {unit}", xscale="log", yticks=[])
        number_ticks(each)
    as_it_is(panels[0].title, title)
    return panels
