"""What a fit of a population rests on: goodness of fit, predictive checks, effects, convergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from vcohort.errors import VcohortError, one_of
from vcohort.plots.layout import grid_of, panels_of, picture
from vcohort.plots.patients import asks_for_log
from vcohort.plots.style import BLUE, DAYS, DOUBLE, GREY, SERIES, SKY, VERMILLION, symbols
from vcohort.plots.ticks import number_ticks
from vcohort.results.needed import need

_ROWS = ("patient", "observation")
_DOTS: dict[str, Any] = {
    "ls": "", "marker": "o", "ms": 3, "color": BLUE, "alpha": 0.5, "mec": "none",
}  # fmt: skip
_BELOW: dict[str, Any] = {
    "ls": "", "marker": "v", "ms": 4, "mfc": "none", "mec": GREY, "alpha": 0.6,
}  # fmt: skip

_PALE: dict[str, Any] = {**_DOTS, "color": GREY, "alpha": 0.3}

# Where 95 % of a standard normal number lies.
_MOST = 1.96


@picture
def goodness_of_fit(
    ds: xr.Dataset, kind: str | None = None, *, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Draw observed against predicted values, and residuals, of :func:`vcohort.diagnostics`.

    Against the typical patient and the patient itself on the line of identity (hollow triangles:
    upper limits), conditional weighted residuals over days, and normalised prediction distribution
    errors over predictions; dashed: where 95 % of them should lie.

    :param kind: the observable; by default the first.
    """
    need(ds, "vc.diagnostics", dict.fromkeys(("value", "predicted", "cwres", "npde"), _ROWS))
    panels = panels_of(axes, 4, _two_by_two)
    own = _of_kind(ds, kind)
    for each, name, whose in (
        (panels[0], "predicted", "typical patient"),
        (panels[1], "individual_predicted", "patient itself"),
    ):
        _against_identity(each, own, name)
        each.set(xlabel=f"predicted of the {whose}", ylabel=_label(own))
    day, predicted = own["day"].values, own["predicted"].values
    _scattered(panels[2], day, own["cwres"].values)
    _scattered(panels[3], predicted, own["npde"].values)
    panels[2].set(xlabel=DAYS, ylabel="CWRES")
    scale = "log" if asks_for_log(predicted) else "linear"
    panels[3].set(xlabel="predicted of the typical patient", ylabel="NPDE", xscale=scale)
    for each in panels:
        number_ticks(each)
    return panels


def _against_identity(axes: Axes, own: xr.Dataset, name: str) -> None:
    value, found = own["value"].values, own[name].values
    below = own["below"].values.astype(bool)
    axes.plot(found[~below], value[~below], **_DOTS)
    axes.plot(found[below], value[below], **_BELOW)
    # What lies below the limit may be predicted ever so low: the axes end near the data.
    shown = np.concatenate([found[~below], value])
    both = shown[np.isfinite(shown)]
    ends = both.min(), both.max()
    axes.plot(ends, ends, color=GREY, lw=1)
    is_log = asks_for_log(both)
    scale = "log" if is_log else "linear"
    low, high = (0.3 * ends[0], 2.0 * ends[1]) if is_log else (None, None)
    axes.set(xscale=scale, yscale=scale, xlim=(low, high), ylim=(low, high))


def _scattered(axes: Axes, over: np.ndarray, residual: np.ndarray) -> None:
    axes.plot(over, residual, **_DOTS)
    for level, line in ((0.0, "-"), (-_MOST, "--"), (_MOST, "--")):
        axes.axhline(level, color=GREY, lw=1, ls=line)


def _two_by_two(count: int) -> list[Axes]:
    figure = plt.figure(figsize=(DOUBLE, 5.2), layout="constrained")
    return [figure.add_subplot(2, 2, index + 1) for index in range(count)]


def _of_kind(ds: xr.Dataset, kind: str | None) -> xr.Dataset:
    """Return the rows (row,) of one observable that count, and what is said of it."""
    known = [str(each) for each in ds["kind"].values]
    kind = known[0] if kind is None else one_of("observable", kind, known)
    stacked = ds.sel(kind=kind).stack(row=_ROWS, create_index=False)
    chosen = (stacked["observable"] == kind) & (stacked["weight"] > 0)
    return stacked.isel(row=np.flatnonzero(chosen.values))


def _label(own: xr.Dataset) -> str:
    unit = str(own["kind_unit"].item()).replace("/ul", "/µl")
    return str(own["kind_name"].item()) + ("" if unit == "1" else f", {unit}")


@picture
def predictive_check(
    ds: xr.Dataset,
    kind: str | None = None,
    correction: str = "none",
    *,
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw the visual predictive check of :func:`vcohort.diagnostics`.

    Lines: 5, 50 and 95 % quantiles of what was seen; bands: where 90 % of replicated trials have
    them. Beside it, where there are limits, the share below them.

    :param correction: ``"prediction"``: values are corrected by the typical patient's prediction,
        so that patients with other doses or covariates can be compared (pcVPC).
    """
    over = ("correction", "kind", "quantile", "bin")
    need(ds, "vc.diagnostics", dict.fromkeys(("seen", "low", "high"), over))
    one_of("correction", correction, [str(each) for each in ds["correction"].values])
    own = _of_kind(ds, kind)
    has_limits = bool(own["below"].values.any())
    panels = panels_of(axes, 1 + has_limits, grid_of)
    at = ds.sel(kind=own["kind"].item(), correction=correction)
    at = at.isel(bin=np.isfinite(at["bin_day"].values))
    _quantiles(panels[0], own, at, correction)
    if has_limits:
        day = at["bin_day"].values
        panels[1].fill_between(day, at["below_low"], at["below_high"], color=SKY, alpha=0.4, lw=0)
        panels[1].plot(day, at["below_share"], color=BLUE, marker="o", ms=3)
        panels[1].set(xlabel=DAYS, ylabel="share below the limit", ylim=(0, 1))
    for each in panels:
        number_ticks(each)
    return panels


def _quantiles(axes: Axes, own: xr.Dataset, at: xr.Dataset, correction: str) -> None:
    shown = own["value" if correction == "none" else "corrected"].values
    below, day = own["below"].values.astype(bool), own["day"].values
    axes.plot(day[~below], shown[~below], **_PALE)
    axes.plot(day[below], shown[below], **_BELOW)
    for quantile in at["quantile"].values:
        one = at.sel(quantile=quantile)
        is_middle = quantile == 0.5
        colour = VERMILLION if is_middle else BLUE
        axes.fill_between(one["bin_day"], one["low"], one["high"], color=colour, alpha=0.2, lw=0)
        axes.plot(one["bin_day"], one["seen"], "-" if is_middle else "--", color=colour, lw=1.5)
    named = "" if correction == "none" else "corrected "
    scale = "log" if asks_for_log(shown) else "linear"
    axes.set(xlabel=DAYS, ylabel=named + _label(own), yscale=scale)


@picture
def convergence(ds: xr.Dataset, *, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw the estimates of all starts of :func:`vcohort.fit_population`, turn by turn.

    Blue: the best start; dashed: the estimate. All that is sure is met by several starts.
    """
    need(ds, "vc.fit_population", {"trace": ("start", "turn", "quantity")})
    panels = panels_of(axes, ds.sizes["quantity"], grid_of)
    names = [str(name) for name in ds["quantity"].values]
    for each, name in zip(panels, names, strict=True):
        one = ds["trace"].sel(quantity=name).transpose("turn", "start").values
        each.plot(one[:, 1:], color=GREY, lw=0.7, alpha=0.6)
        each.plot(one[:, 0], color=BLUE, lw=1.4)
        each.axhline(float(ds["estimate"].sel(quantity=name)), color=VERMILLION, lw=1, ls="--")
        each.set(xlabel="turn", yscale="log" if asks_for_log(one) else "linear")
        each.set_title(name)
        number_ticks(each)
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
    """
    need(ds, "vc.fit_population", {"random_effect": ("patient", "random")})
    names = [str(name) for name in ds["random"].values]
    shown = {name: ds["random_effect"].sel(random=name).values for name in names}
    if covariates is not None:
        return _against_covariates(ds, shown, covariates, axes)
    count, labels = len(names), symbols(names)
    panels = panels_of(axes, count * count, _square)
    for place, each in enumerate(panels):
        row, column = divmod(place, count)
        if row == column:
            _distribution(each, ds.sel(random=names[row], other_random=names[row]), labels[row])
        else:
            each.plot(shown[names[column]], shown[names[row]], **_DOTS)
        if row == count - 1:
            each.set_xlabel(labels[column])
        if column == 0 and row > 0:
            each.set_ylabel(labels[row])
    return panels


def _distribution(axes: Axes, one: xr.Dataset, label: str) -> None:
    spread = float(one["effect_covariance"]) ** 0.5
    axes.hist(one["random_effect"].values, bins=12, density=True, color=SKY, alpha=0.6)
    at = np.linspace(-3.0, 3.0, 121)
    density = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
    axes.plot(at * spread, density / spread, color=VERMILLION, lw=1)
    axes.set_title(f"{label}: shrinkage {float(one['shrinkage']):.0%}")
    axes.set_yticks([])


def _square(count: int) -> list[Axes]:
    side = round(count**0.5)
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
