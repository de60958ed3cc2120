"""Findings of mixed effects: the population that a trial's patients come from, and its checks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from vcohort.cli.report.findings.words import counted, listed, number, percent

# A random effect that shrinks by more says little of the single patient (Savic & Karlsson 2009,
# AAPS J. 11:558).
_MUCH = 0.3

# Where 95 % of a standard normal number lies.
_MOST = 1.96


def of_a_population(ds: xr.Dataset) -> Iterator[str]:
    """Say what the typical patient is, how far patients differ, and how surely that is told."""
    counts = ds["weight"].values > 0
    below = int((ds["below"].values.astype(bool) & counts).sum())
    limits = f", {below:,} of them below the limit" if below else ""
    yield (
        f"{counted(ds.sizes['patient'], 'patient')}, {counted(int(counts.sum()), 'datum', 'data')}"
        f"{limits}; the method is {ds.attrs['method']}."
    )
    random = ds["random"].values.tolist()
    for name, scale in zip(ds["parameter"].values.tolist(), ds["scale"].values, strict=True):
        told = f"{name} of the typical patient is {_with_ends(ds, name)}"
        if name in random:
            told += (
                f"; its spread between patients, on the {scale} scale, is "
                f"{_with_ends(ds, f'spread of {name}')}"
            )
        yield f"{told}."
    others = ds["quantity"].values[~np.isin(ds["role"].values, ["typical", "spread"])]
    for name in others.tolist():
        yield f"{name}: {_with_ends(ds, name)}."
    yield from _how_surely(ds)


def _with_ends(ds: xr.Dataset, name: str) -> str:
    one = ds.sel(quantity=name, other=name)
    low, value, high = (number(float(one[each])) for each in ("lower", "estimate", "upper"))
    return f"{value} (95 %: {low} to {high})"


def _how_surely(ds: xr.Dataset) -> Iterator[str]:
    unsure = ds["quantity"].values[np.isnan(ds["standard_error"].values)]
    if unsure.size:
        yield f"Not told by the data: {listed(unsure)}."
    shares = ds["shrinkage"].to_series()
    shrunk = [f"{name} ({percent(share)})" for name, share in shares.items() if share > _MUCH]
    if shrunk:
        yield (
            f"Estimates of single patients tell little of {listed(shrunk)}: so far they shrink to "
            "the typical value."
        )
    laplace, sampled, error = (
        float(ds[name])
        for name in ("deviance_laplace", "deviance_sampled", "deviance_sampled_error")
    )
    yield (
        f"-2 ln L is {laplace:.2f} by Laplace's method and {sampled:.2f} by importance sampling "
        f"(standard error {error:.2g}); BICc is {float(ds['bic']):.2f}."
    )
    if ds.attrs["method"] == "nuts":
        yield (
            f"The largest R-hat is {float(ds['r_hat'].max()):.3f}; the smallest effective sample "
            f"has {float(ds['ess'].min()):.0f} draws."
        )
    yield (
        "The estimates are at a maximum of the likelihood."
        if bool(ds["converged"])
        else "The estimates are NOT at a maximum of the likelihood: fit again, with more starts."
    )


def of_diagnostics(ds: xr.Dataset) -> Iterator[str]:
    """Say of each observable whether the trial looks like what the population predicts."""
    replicates = int(ds.attrs["replicates"])
    for kind in ds["kind"].values.tolist():
        own = (ds["observable"].values == kind) & (ds["weight"].values > 0)
        errors, residuals = (ds[name].values[own] for name in ("npde", "cwres"))
        errors, residuals = errors[np.isfinite(errors)], residuals[np.isfinite(residuals)]
        if errors.size > 1:
            root = np.sqrt(errors.size)
            yield (
                f"{kind}: normalised prediction distribution errors of "
                f"{counted(errors.size, 'datum', 'data')} have the mean {errors.mean():+.2f} and "
                f"the standard deviation {errors.std(ddof=1):.2f}; of the right population 0 and 1 "
                f"(to {1 / root:.2f} and {0.5**0.5 / root:.2f}, were the data independent)."
            )
        if residuals.size:
            yield (
                f"{kind}: {percent(float((np.abs(residuals) > _MOST).mean()))} of the conditional "
                f"weighted residuals lie beyond ±{_MOST}; of the right population 5 %."
            )
        one = ds.sel(kind=kind, correction="none")
        seen, low, high = (one[name].values for name in ("seen", "low", "high"))
        known = np.isfinite(seen) & np.isfinite(low) & np.isfinite(high)
        within = int(((low <= seen) & (seen <= high))[known].sum())
        yield (
            f"{kind}: {within} of {int(known.sum())} quantiles that were seen lie where 90 % of "
            f"{replicates:,} replicated trials have them."
        )
    if "survival" in ds:
        seen, low, high = (
            ds[name].values for name in ("survival", "survival_low", "survival_high")
        )
        known = np.isfinite(seen) & np.isfinite(low) & np.isfinite(high)
        share = float(((low <= seen) & (seen <= high))[known].mean())
        yield (
            f"Survival: on {percent(share)} of the days the trial's curve lies where 90 % of "
            f"{replicates:,} replicated trials have theirs."
        )
