"""Findings of what depends on what: slopes, identifiability, Sobol', Morris, maps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from vcohort.cli.report.findings.words import largest, listed, number, percent


def of_slopes(ds: xr.Dataset) -> Iterator[str]:
    """Say which parameters move the states, and the cure, most."""
    mean = np.nanmean(ds["ranking"].values, axis=0)
    names = ds["parameter"].values
    yield (
        f"The states depend most on {_ranked(mean, names)} (squares of d ln(state) / d "
        "ln(parameter) over time, relative to the largest)."
    )
    if "cure_sensitivity" in ds:
        slopes = np.nanmean(ds["cure_sensitivity"].values, axis=0)
        order = largest(np.abs(slopes), names)
        signed = [f"{name} ({slopes[names.tolist().index(name)]:+.3g})" for name, _ in order]
        yield (
            f"P(cure) depends most on {listed(signed)}: slopes with the log of the parameter, "
            "so that a hundredth of it is what one per cent more does."
        )


def of_identifiability(ds: xr.Dataset) -> Iterator[str]:
    """Say which parameters the data cannot tell apart."""
    limit = float(ds.attrs["threshold"])
    names = ds["parameter"].values
    removed = [place for place, value in enumerate(ds["removed"].values) if bool(value)]
    if not removed:
        yield f"All of {listed(names, 12)} can be told apart: no correlation exceeds {limit:g}."
    for place in removed:
        yield (
            f"{names[place]} was removed: its estimate goes with that of "
            f"{ds['partner'].values[place]} (correlation "
            f"{float(ds['partner_correlation'].values[place]):+.3f})."
        )
    yield f"The condition number of the information is {number(float(ds['condition_number']))}."


def of_sobol(ds: xr.Dataset) -> Iterator[str]:
    """Say what explains each output."""
    names = ds["parameter"].values
    for output in ds["output"].values.tolist():
        one = ds.sel(output=output)
        total = one["total"].values
        widest = float(np.nanmax(one["total_interval"].values))
        yield (
            f"{output}: most of its variance goes with {_ranked(total, names)} (total indices, "
            f"known to {widest:.2f})."
        )
        alone = float(np.nansum(one["first"].values))
        yield f"{output}: single parameters explain {percent(alone)} of it without interactions."


def of_morris(ds: xr.Dataset) -> Iterator[str]:
    """Say which parameters matter, and which hardly."""
    names = ds["parameter"].values
    for output in ds["output"].values.tolist():
        effect = ds["mu_star"].sel(output=output).values
        yield f"{output}: it depends most on {_ranked(effect, names)} (mean absolute effects)."
        least = names[np.nan_to_num(effect) < 0.05 * np.nanmax(effect)]
        if least.size:
            yield f"{output}: hardly on {listed(least)} (less than 5 % of the largest effect)."


def of_a_map(ds: xr.Dataset) -> Iterator[str]:
    """Say between what P(cure) lies."""
    values = ds["cure_probability"].values
    if not np.isfinite(values).any():
        yield "No cell of the map is known."
        return
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    yield f"Over the map the mean probability of cure goes from {percent(low)} to {percent(high)}."
    over = [name for name in ds["sensitivity"].dims if name != "parameter"]
    slopes = abs(ds["sensitivity"]).mean(over).values
    yield (
        f"It depends most on {_ranked(slopes, ds['parameter'].values)} (mean size of d P(cure) / d "
        "ln(parameter))."
    )
    lost = int(np.nansum(ds["missing"].values))
    if lost:
        yield f"{lost:,} patients could not be followed, and are in no number here."


def _ranked(values: np.ndarray, names: np.ndarray) -> str:
    found = [f"{name} ({value:.3g})" for name, value in largest(values, names)]
    return listed(found) or "nothing that is known"
