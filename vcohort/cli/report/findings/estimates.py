"""Findings of what was estimated: fits, profiles, comparisons of laws, posteriors, calibrations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from vcohort.cli.report.findings.words import counted, largest, listed, number, percent

# The usual mark above which chains have not mixed (Vehtari et al. 2021, Bayesian Anal. 16:667).
_LARGEST_R_HAT = 1.01

# Patients whose estimates are told one by one.
_FEW = 3


def of_a_fit(ds: xr.Dataset) -> Iterator[str]:
    """Say what was found, how surely, and what lies on a bound."""
    names, units = ds["parameter"].values, ds["unit"].values
    fitted = ds.isel(patient=np.isfinite(ds["loss"].values))
    total, count = ds.sizes["patient"], fitted.sizes["patient"]
    yield (
        f"{counted(count, 'patient')} of {total:,} fitted, each by "
        f"{counted(len(names), 'free parameter')}."
    )
    for patient in fitted["patient"].values[:_FEW].tolist():
        one = fitted.sel(patient=patient)
        values = [
            f"{name} = {number(float(value), unit)} (standard error {number(float(error))})"
            for name, value, error, unit in zip(
                names, one["estimate"].values, one["standard_error"].values, units, strict=True
            )
        ]
        yield f"{patient}: {listed(values, 12)}; the loss is {number(float(one['loss']))}."
    at_bound = fitted["at_bound"].any("patient").values.astype(bool)
    if at_bound.any():
        yield f"On a bound in some patient: {listed(names[at_bound])}. Their errors mean little."
    unknown = ~np.isfinite(fitted["standard_error"].values).all(axis=0)
    if unknown.any():
        yield f"Not told by the data of some patient: {listed(names[unknown])}."
    converged = fitted["converged"].values.astype(float).mean()
    yield f"{percent(float(converged))} of the starts converged."


def of_a_profile(ds: xr.Dataset) -> Iterator[str]:
    """Say which parameters the data bound."""
    sure = 100 * float(ds.attrs["confidence"])
    bounded = np.isfinite(ds["lower"].values) & np.isfinite(ds["upper"].values)
    for patient, row in zip(ds["patient"].values.tolist(), bounded, strict=True):
        one = ds.sel(patient=patient)
        for place, name in enumerate(one["parameter"].values):
            ends = [float(one[side].values[place]) for side in ("lower", "upper")]
            found = f"{patient}: {name} = {number(float(one['estimate'].values[place]))}"
            if row[place]:
                yield f"{found}, between {number(ends[0])} and {number(ends[1])} ({sure:g} %)."
            else:
                yield f"{found}, which the data do not bound on both sides ({sure:g} %)."


def of_a_comparison(ds: xr.Dataset) -> Iterator[str]:
    """Say which law the data favour."""
    for patient in ds["patient"].values.tolist():
        weights = ds["weight"].sel(patient=patient).values
        best = largest(weights, ds["model"].values, 2)
        if not best:
            yield f"{patient}: too few data to weigh the models by the corrected criterion (AICc)."
            continue
        first = f"{patient}: the best is {best[0][0]}, with an Akaike weight of {best[0][1]:.2f}"
        rest = f"; next {best[1][0]}, {best[1][1]:.2f}" if best[1:] else ""
        yield f"{first}{rest}, of {int(ds['data'].sel(patient=patient))} data."


def of_a_posterior(tree: Any) -> Iterator[str]:
    """Say what was found, and whether the chains have mixed."""
    summary, drawn = tree["summary"].to_dataset(), tree["posterior"].to_dataset()
    chains, draws = drawn.sizes["chain"], drawn.sizes["draw"]
    yield f"{counted(chains, 'chain')} of {counted(draws, 'draw')} each."
    for patient in summary["patient"].values[:_FEW].tolist():
        one = summary.sel(patient=patient)
        values = [f"{name} {number(float(one['median'].sel(parameter=name)))} "
                  f"({number(float(one['q05'].sel(parameter=name)))} to "
                  f"{number(float(one['q95'].sel(parameter=name)))})"
                  for name in one["parameter"].values]  # fmt: skip
        yield f"{patient}: medians, and 90 % of the draws: {listed(values, 12)}."
    worst = float(summary["r_hat"].max())
    verdict = "they have mixed" if worst <= _LARGEST_R_HAT else "they have NOT mixed: draw more"
    yield f"The largest R-hat is {worst:.3f} (mark {_LARGEST_R_HAT}): {verdict}."
    yield f"The smallest effective sample has {float(summary['ess'].min()):.0f} draws."
    diverging = int(tree["sample_stats"]["diverging"].sum())
    yield f"Diverged: {counted(diverging, 'draw')}." if diverging else "No draw diverged."


def of_a_calibration(ds: xr.Dataset) -> Iterator[str]:
    """Say what was moved where, and how well the trial is met."""
    for name in ds["parameter"].values:
        row = ds.sel(parameter=name)
        before, after = float(row["first_location"]), float(row["location"])
        yield (
            f"{name} moved from {number(before)} to {number(after)} (standard error of its log "
            f"{number(float(row['location_error']))}), its relative spread from "
            f"{number(float(row['first_spread']))} to {number(float(row['spread']))}."
        )
    errors = ds["error"].values
    missed = np.abs(ds["found_fresh"].values - ds["wanted"].values)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(errors > 0, missed / errors, np.nan)
    worst = largest(far, ds["statistic"].values, 1)
    yield f"{ds.sizes['statistic']} numbers of the trial were set against fresh virtual patients."
    if worst:
        yield f"The worst is {worst[0][0]}, missed by {worst[0][1]:.1f} of its standard errors."
    if "rms_fresh" in ds.attrs:
        yield (
            f"The curve is missed by {float(ds.attrs['rms_fresh']):.4f} (root mean square; before, "
            f"{float(ds.attrs['rms_before']):.4f})."
        )


def of_weights(ds: xr.Dataset) -> Iterator[str]:
    """Say how many patients remain in effect, and what the targets moved."""
    effective = float(ds.attrs["effective_patients"])
    yield (
        f"The weights of {ds.sizes['patient']:,} patients are worth {effective:,.0f} equal ones "
        f"({percent(effective / ds.sizes['patient'])})."
    )
    largest_weight = float(ds["weight"].max() / ds["weight"].mean())
    yield f"The largest weight is {largest_weight:.3g} times the mean one."
    for place in range(min(ds.sizes["statistic"], 12)):
        row = ds.isel(statistic=place)
        label = str(row["statistic"].item()) if "statistic" in ds.coords else f"target {place + 1}"
        yield (
            f"{label}: {number(float(row['unweighted']))} without weights, "
            f"{number(float(row['weighted']))} with them, for {number(float(row['target']))}."
        )


def of_a_selection(ds: xr.Dataset) -> Iterator[str]:
    """Say how many patients are plausible, and how unequal they count."""
    count = int(ds.attrs["plausible_patients"])
    yield (
        f"{count:,} of {ds.sizes['patient']:,} patients are plausible "
        f"({percent(count / ds.sizes['patient'])})."
    )
    weight = ds["weight"].values
    weight = weight[np.isfinite(weight) & (weight > 0)]
    if weight.size:
        effective = weight.sum() ** 2 / (weight**2).sum()
        yield f"Their weights are worth {effective:,.0f} equal patients."
