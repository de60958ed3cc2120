"""A trial beside the population that was fitted to it: goodness of fit, predictive checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from vcohort.colours import BLUE, GREY, VERMILLION
from vcohort.errors import VcohortError, one_of
from vcohort.plots.layout import figure_of, grid_of, panel, panels_of, picture
from vcohort.plots.patients import asks_for_log
from vcohort.plots.style import DAYS
from vcohort.plots.ticks import number_ticks
from vcohort.plots.words import legend_of
from vcohort.results.needed import need

_ROWS = ("patient", "observation")
_DOTS: dict[str, Any] = {
    "ls": "",
    "marker": "o",
    "ms": 3,
    "color": BLUE,
    "alpha": 0.5,
    "mec": "none",
}
_PALE: dict[str, Any] = {**_DOTS, "color": GREY, "alpha": 0.3}
_BELOW: dict[str, Any] = {
    "ls": "", "marker": "v", "ms": 4, "color": GREY, "mfc": "none", "mec": GREY, "alpha": 0.6,
}  # fmt: skip

# Where 95 % of a standard normal number lies.
_MOST = 1.96


@picture
def goodness_of_fit(
    ds: xr.Dataset, kind: str | None = None, *, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Draw observed against predicted values, and residuals, of :func:`vcohort.diagnostics`.

    Against the typical patient and the patient itself on the line of identity (hollow triangles:
    upper limits), conditional weighted residuals over days, and normalised prediction distribution
    errors over predictions, those below a limit drawn anew there; dashed: where 95 % of them should
    lie.

    :param kind: the observable; by default the first.
    :param axes: four.
    :raises VcohortError: for an unknown observable, and another number of axes.
    """
    need(ds, "vc.diagnostics", dict.fromkeys(("value", "predicted", "cwres", "npde"), _ROWS))
    own = _of_kind(ds, kind)
    panels = panels_of(axes, 4, grid_of)
    for each, name, whose in (
        (panels[0], "predicted", "typical patient"),
        (panels[1], "individual_predicted", "patient itself"),
    ):
        handles = _against_identity(each, own, name)
        each.set(xlabel=f"predicted of the {whose}", ylabel=_label(own))
    below = own["below"].values.astype(bool)
    _scattered(panels[2], own["day"].values, own["cwres"].values, below)
    panels[2].set(xlabel=DAYS, ylabel="conditional weighted residual")
    predicted = own["predicted"].values
    beyond = _scattered(panels[3], predicted, own["npde"].values, below)
    scale = "log" if asks_for_log(predicted) else "linear"
    panels[3].set(xlabel="predicted of the typical patient", xscale=scale,
                  ylabel="normalised prediction distribution error")  # fmt: skip
    _legend(panels, axes, {**handles, "95 % of residuals lie between": beyond})
    for each in panels:
        number_ticks(each)
    return panels


def _against_identity(axes: Axes, own: xr.Dataset, name: str) -> dict[str, Artist]:
    """Draw values over predictions; return what a legend names."""
    value, found = own["value"].values, own[name].values
    below = own["below"].values.astype(bool)
    drawn: dict[str, Artist] = {"measured": axes.plot(found[~below], value[~below], **_DOTS)[0]}
    if below.any():
        drawn["below the limit"] = axes.plot(found[below], value[below], **_BELOW)[0]
    # What lies below the limit may be predicted ever so low: the axes end near the data.
    shown = np.concatenate([found[~below], value])
    both = shown[np.isfinite(shown)]
    ends = both.min(), both.max()
    drawn["identity"] = axes.plot(ends, ends, color=GREY, lw=1)[0]
    is_log = asks_for_log(both)
    scale = "log" if is_log else "linear"
    low, high = (0.3 * ends[0], 2.0 * ends[1]) if is_log else (None, None)
    axes.set(xscale=scale, yscale=scale, xlim=(low, high), ylim=(low, high))
    return drawn


def _scattered(axes: Axes, over: np.ndarray, residual: np.ndarray, below: np.ndarray) -> Artist:
    """Draw residuals; return the line beyond which few lie."""
    axes.plot(over[~below], residual[~below], **_DOTS)
    axes.plot(over[below], residual[below], **_BELOW)
    axes.axhline(0.0, color=GREY, lw=1)
    axes.axhline(-_MOST, color=GREY, lw=1, ls="--")
    return axes.axhline(_MOST, color=GREY, lw=1, ls="--")


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

    :param kind: the observable; by default the first.
    :param correction: ``"prediction"``: values are corrected by the typical patient's prediction,
        so that patients with other doses or covariates can be compared (pcVPC).
    :param axes: one, and one more where there are limits.
    :raises VcohortError: for an unknown observable or correction, and another number of axes.
    """
    over = ("correction", "kind", "quantile", "bin")
    need(ds, "vc.diagnostics", dict.fromkeys(("seen", "low", "high"), over))
    one_of("correction", correction, [str(each) for each in ds["correction"].values])
    own = _of_kind(ds, kind)
    has_limits = bool(own["below"].values.any())
    panels = panels_of(axes, 1 + has_limits, grid_of)
    at = ds.sel(kind=own["kind"].item(), correction=correction)
    at = at.isel(bin=np.isfinite(at["bin_day"].values))
    handles = _quantiles(panels[0], own, at, correction)
    if has_limits:
        day = at["bin_day"].values
        panels[1].fill_between(day, at["below_low"], at["below_high"], color=BLUE, alpha=0.2, lw=0)
        panels[1].plot(day, at["below_share"], color=BLUE, marker="o", ms=3)
        panels[1].set(xlabel=DAYS, ylabel="share below the limit", ylim=(0, 1))
    _legend(panels, axes, handles)
    for each in panels:
        number_ticks(each)
    return panels


def _quantiles(axes: Axes, own: xr.Dataset, at: xr.Dataset, correction: str) -> dict[str, Artist]:
    """Draw data, quantiles and bands; return what a legend names."""
    shown = own["value" if correction == "none" else "corrected"].values
    below, day = own["below"].values.astype(bool), own["day"].values
    drawn: dict[str, Artist] = {"measured": axes.plot(day[~below], shown[~below], **_PALE)[0]}
    if below.any():
        drawn["below the limit"] = axes.plot(day[below], shown[below], **_BELOW)[0]
    for quantile in at["quantile"].values:
        one, is_middle = at.sel(quantile=quantile), quantile == 0.5
        colour, line = (VERMILLION, "-") if is_middle else (BLUE, "--")
        band = axes.fill_between(one["bin_day"], one["low"], one["high"], color=colour, alpha=0.2,
                                 lw=0)  # fmt: skip
        (seen,) = axes.plot(one["bin_day"], one["seen"], line, color=colour, lw=1.5)
        drawn |= {"median" if is_middle else "5 and 95 %": seen,
                  "90 % of replicates": band}  # fmt: skip
    named = "" if correction == "none" else "corrected "
    scale = "log" if asks_for_log(shown) else "linear"
    axes.set(xlabel=DAYS, ylabel=named + _label(own), yscale=scale)
    return drawn


@picture
def survival_check(ds: xr.Dataset, *, axes: Axes | None = None) -> Axes:
    """Draw the trial's survival of :func:`vcohort.diagnostics` beside that of replicates.

    The line: Kaplan and Meier's estimate of the trial; the band: where 90 % of replicates of the
    same patients, doses and follow-up have theirs; dashed: their median.

    :raises VcohortError: for diagnostics of a trial without a survival table, or of a function of
        the user's own.
    """
    need(ds, "vc.diagnostics", dict.fromkeys(("value", "cwres"), _ROWS))
    if "survival" not in ds:
        raise VcohortError(
            "These diagnostics hold no survival: they are of a trial without a survival table, or "
            "of a function of your own. Try vc.read_trial(table, survival=...)."
        )
    axes = panel(axes)
    day = ds["survival_day"].values
    band = axes.fill_between(day, ds["survival_low"], ds["survival_high"], color=BLUE, alpha=0.2,
                             lw=0, step="post")  # fmt: skip
    (middle,) = axes.step(day, ds["survival_middle"], where="post", color=BLUE, ls="--", lw=1)
    (seen,) = axes.step(day, ds["survival"], where="post", color=VERMILLION, lw=1.5)
    axes.set(xlabel=DAYS, ylabel="progression-free survival", ylim=(0, 1.02), xlim=(0, day[-1]))
    number_ticks(axes)
    _legend([axes], None, {"trial": seen, "median of replicates": middle,
                           "90 % of replicates": band})  # fmt: skip
    return axes


def _legend(
    panels: Sequence[Axes], given: Sequence[Axes] | None, handles: dict[str, Artist]
) -> None:
    """Name what is drawn, above a figure of ours or the first of the user's panels."""
    where = figure_of(panels[0]) if given is None and len(panels) > 1 else panels[0]
    legend_of(where, list(handles.values()), handles)


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
