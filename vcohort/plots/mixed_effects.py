"""How the patients of a fitted population differ, and how its estimates were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from vcohort.colours import BLUE, GREY, SKY, VERMILLION
from vcohort.errors import VcohortError
from vcohort.plots.layout import figure_of, grid_of, panels_of, picture
from vcohort.plots.patients import asks_for_log
from vcohort.plots.style import DOUBLE, LARGE, SERIES, symbols
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import as_it_is, legend_of, letters_within
from vcohort.results.needed import need

_DOTS: dict[str, Any] = {
    "ls": "",
    "marker": "o",
    "ms": 3,
    "color": BLUE,
    "alpha": 0.5,
    "mec": "none",
}

# Of as many random effects a panel has room for a title of one line.
_WIDE = 3

# Standard deviations within which nearly all patients lie.
_TAIL = 3.0


@picture
def convergence(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the estimates of all starts of :func:`vcohort.fit_population`, turn by turn.

    All that is sure is met by several starts. Of Laplace's method these are its turns; Newton's
    steps, by which it goes on to the maximum, are not among them, so that a line may end beside
    the estimate.

    :param axes: as many as there are quantities.
    :raises VcohortError: for another number of axes.
    """
    need(ds, "vc.fit_population", {"trace": ("start", "turn", "quantity")})
    panels = panels_of(axes, ds.sizes["quantity"], grid_of)
    names = [str(name) for name in ds["quantity"].values]
    handles: dict[str, Artist] = {}
    for each, name in zip(panels, names, strict=True):
        one = ds["trace"].sel(quantity=name).transpose("turn", "start").values
        others = each.plot(one[:, 1:], color=GREY, lw=0.7, alpha=0.6)
        (best,) = each.plot(one[:, 0], color=BLUE, lw=1.4)
        end = each.axhline(
            float(ds["estimate"].sel(quantity=name)), color=VERMILLION, ls="--", lw=1
        )
        each.set(xlabel="turn", yscale="log" if asks_for_log(one) else "linear")
        as_it_is(each.title, fill(name, letters_within(each, LARGE)))
        number_ticks(each)
        handles = {"best start": best, "estimate": end}
        if others:
            handles["other starts"] = others[0]
    _legend(panels, axes, handles)
    return panels


@picture
def random_effects(
    ds: xr.Dataset,
    covariates: Mapping[str, Any] | None = None,
    *,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw the random effects of the patients of :func:`vcohort.fit_population`.

    Each against each other one; on the diagonal their distribution beside that of the population,
    and how far they shrink. With ``covariates`` by name (patient,), such as those of
    :class:`vcohort.TrialData`: each against each of these.

    :param axes: as many as there are pairs: of effects, or of an effect and a covariate.
    :raises VcohortError: for no covariates, for those of other patients, and another number of
        axes.
    """
    need(ds, "vc.fit_population", {"random_effect": ("patient", "random")})
    names = [str(name) for name in ds["random"].values]
    shown = {name: ds["random_effect"].sel(random=name).values for name in names}
    if covariates is not None:
        return _against_covariates(ds, shown, covariates, axes)
    count, labels = len(names), symbols(names)
    reach = [_reach(ds, name) for name in names]
    panels = panels_of(axes, count * count, _square)
    handles: dict[str, Artist] = {}
    for place, each in enumerate(panels):
        row, column = divmod(place, count)
        if row == column:
            one = ds.sel(random=names[row], other_random=names[row])
            handles = _distribution(each, one)
            gap = ": " if count <= _WIDE else "\n"
            each.set_title(f"{labels[row]}{gap}shrinkage {float(one['shrinkage']):.0%}")
        else:
            each.plot(shown[names[column]], shown[names[row]], **_DOTS)
            each.set_ylim(-reach[row], reach[row])
        each.set_xlim(-reach[column], reach[column])
        _numbered(each.xaxis, labels[column] if row == count - 1 else None)
        if row != column:
            _numbered(each.yaxis, labels[row] if column == 0 else None)
    _legend(panels, axes, handles)
    return panels


def _reach(ds: xr.Dataset, name: str) -> float:
    """Return how far from 0 an effect is drawn: as far as it lies, and nearly all of its law."""
    spread = float(ds["effect_covariance"].sel(random=name, other_random=name)) ** 0.5
    return 1.1 * max(_TAIL * spread, float(np.abs(ds["random_effect"].sel(random=name)).max()))


def _numbered(axis: Axis, label: str | None) -> None:
    """Give an axis few ticks; their numbers and a label at the edge of the square alone."""
    axis.set_major_locator(MaxNLocator(3, symmetric=True, min_n_ticks=2))
    if label is None:
        axis.set_tick_params(labelbottom=False, labelleft=False)
    else:
        axis.set_label_text(label)


def _distribution(axes: Axes, one: xr.Dataset) -> dict[str, Artist]:
    """Draw the estimated effects and their law in the population; return what a legend names."""
    spread = float(one["effect_covariance"]) ** 0.5
    effects = one["random_effect"].values
    axes.hist(effects, bins=12, density=True, color=SKY, alpha=0.6)
    at = np.linspace(-_TAIL, _TAIL, 121)
    density = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
    (law,) = axes.plot(at * spread, density / spread, color=VERMILLION, lw=1)
    axes.set_yticks([])
    return {"estimates of the patients": axes.patches[0], "population": law}


def _legend(
    panels: Sequence[Axes], given: Sequence[Axes] | None, handles: dict[str, Artist]
) -> None:
    """Name what is drawn, above a figure of ours or the first of the user's panels."""
    where = figure_of(panels[0]) if given is None and len(panels) > 1 else panels[0]
    legend_of(where, list(handles.values()), handles)


def _square(count: int) -> list[Axes]:
    side = round(count**0.5)
    if side == 1:
        return grid_of(1)
    figure = plt.figure(figsize=(DOUBLE, DOUBLE * 0.85), layout="constrained")
    return [figure.add_subplot(side, side, index + 1) for index in range(count)]


def _against_covariates(
    ds: xr.Dataset,
    shown: Mapping[str, np.ndarray],
    covariates: Mapping[str, Any],
    axes: Sequence[Axes] | None,
) -> list[Axes]:
    """Draw each random effect against each covariate: dots over numbers, columns of groups."""
    pairs = [(name, covariate) for name in shown for covariate in covariates]
    if not pairs:
        raise VcohortError("There are no covariates. Leave them out, or give some by name.")
    panels = panels_of(axes, len(pairs), grid_of)
    for each, (name, covariate) in zip(panels, pairs, strict=True):
        values = np.asarray(covariates[covariate])
        if values.shape != (ds.sizes["patient"],):
            raise VcohortError(
                f"The covariate {covariate!r} has the shape {values.shape}: it must have one value "
                f"for each of {ds.sizes['patient']} patients."
            )
        if values.dtype.kind in "iuf":
            each.plot(values, shown[name], **_DOTS)
        else:
            _columns(each, values, shown[name])
        each.axhline(0.0, color=GREY, lw=1)
        each.set(xlabel=covariate, ylabel=symbols([name])[0])
    return panels


def _columns(axes: Axes, values: np.ndarray, effect: np.ndarray) -> None:
    groups = np.unique(values)
    for place, group in enumerate(groups):
        own, colour = effect[values == group], SERIES[place % len(SERIES)]
        axes.plot(np.full(own.size, place), own, **_DOTS)
        axes.hlines(np.median(own), place - 0.2, place + 0.2, color=colour)
    axes.set_xticks(range(len(groups)), [str(group) for group in groups])
