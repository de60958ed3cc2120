"""Findings of virtual patients: cohorts, sweeps, arms, planned trials, the best regimen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from vcohort.cli.report.findings.words import counted, listed, number, percent, points
from vcohort.results.summary import summarise


def of_a_cohort(ds: xr.Dataset) -> Iterator[str]:
    """Say who is cured, who progresses, and when."""
    found = summarise(ds)
    yield f"{found.patients:,} patients, followed to day {float(ds.attrs['horizon']):g}."
    for share, word, day in ((found.cured, "are cured", found.cure_day),
                             (found.progressed, "progress", found.progression_day)):  # fmt: skip
        # A binomial standard error, in words, since it is that of so many virtual patients.
        error = 100 * np.sqrt(share * (1 - share) / found.patients)
        yield f"{percent(share)} {word} (standard error {error:.1f} points)" + (
            f", at the median on day {day:.0f}." if share else "."
        )
    if found.undecided:
        yield f"{percent(found.undecided)} are undecided at the end."
    if found.antigen_positive is not None and found.antigen_negative is not None:
        yield (
            f"{percent(found.antigen_positive)} relapse with the antigen, "
            f"{percent(found.antigen_negative)} without it."
        )
    if "C_max" in ds:
        low, middle, high = ds["C_max"].quantile([0.05, 0.5, 0.95]).values / 5e8
        yield (
            f"At their peak they have {middle:.3g} CAR T cells per microlitre at the median (5 % "
            f"have less than {low:.3g}, 5 % more than {high:.3g})."
        )
    if found.missing:
        yield f"{found.missing:,} more could not be followed, and are in no number here."


def of_a_sweep(ds: xr.Dataset) -> Iterator[str]:
    """Say between what the cures lie, and where they are most."""
    main = "cure_probability" if "cure_probability" in ds else "cured"
    flat = ds[main].stack(row=ds[main].dims, create_index=False)
    known = flat.values[np.isfinite(flat.values)]
    if not known.size:
        yield "No cell has been computed yet."
        return
    for text, pick in (("lowest", np.nanargmin), ("highest", np.nanargmax)):
        place = int(pick(flat.values))
        swept = [name for name in ds.coords if {*ds[name].dims} <= {*ds[main].dims}]
        where = listed(
            f"{name} = {number(float(flat[name].values[place]))}"
            for name in swept if name != "cell" and flat[name].dtype.kind in "iuf"
        )  # fmt: skip
        yield f"The {text} probability of cure is {percent(float(flat.values[place]))}, at {where}."
    yield f"On average of all cells {percent(float(known.mean()))} are cured."


def of_arms(ds: xr.Dataset) -> Iterator[str]:
    """Say of each arm how many are cured, and what it does to progression."""
    against, sure = str(ds.attrs["reference"]), 100 * float(ds.attrs["confidence"])
    for arm in ds["arm"].values.tolist():
        row = ds.sel(arm=arm, statistic="cure")
        count = int(row["patients"])
        share = f"{arm}: {percent(float(row['value']))} of {count:,} patients are cured"
        if arm == against:
            yield f"{share}. The others are set against it."
            continue
        yield f"{share}, {_away(row)}."
        yield from _of_one_arm(ds.sel(arm=arm), str(arm))
    if "parameter_lower" in ds:
        yield (
            f"The parameters are not sure: between the ends in brackets lie {sure:g} % of the "
            f"{ds.sizes['population']} populations that may be the true one."
        )
    yield f"Intervals of {sure:g} % are those of so many virtual patients, not those of a trial."


def _of_one_arm(ds: xr.Dataset, arm: str) -> Iterator[str]:
    names = [str(name) for name in ds["statistic"].values]
    free = [name for name in names if name.startswith("pfs_")]
    mean = [name for name in names if name.startswith("rmst_")]
    if free:
        row = ds.sel(statistic=free[-1])
        day = free[-1].removeprefix("pfs_")
        yield (
            f"{arm}: {percent(float(row['value']))} are free of progression on day {day}, "
            f"{_away(row)}."
        )
    if mean:
        row = ds.sel(statistic=mean[-1])
        day = mean[-1].removeprefix("rmst_")
        gain, low, high = (float(row[name]) for name in ("difference", "lower", "upper"))
        yield (
            f"{arm}: until day {day} patients are free of progression for "
            f"{float(row['value']):.1f} days on average, {gain:+.1f} ({low:+.1f} to {high:+.1f})."
        )
    if "hazard_ratio" in ds and np.isfinite(float(ds["hazard_ratio"])):
        ratio = [float(ds[f"hazard_ratio{end}"]) for end in ("", "_lower", "_upper")]
        yield f"{arm}: the hazard ratio is {ratio[0]:.3g} ({ratio[1]:.3g} to {ratio[2]:.3g})."


def _away(row: Any) -> str:
    """Return the difference of shares of a row with its intervals."""
    ends = f"{points(float(row['lower']))} to {points(float(row['upper']))}"
    text = f"{points(float(row['difference']))} percentage points ({ends})"
    if "parameter_lower" in row:
        ends = [points(float(row[f"parameter_{side}"])) for side in ("lower", "upper")]
        text += f" [{ends[0]} to {ends[1]}]"
    return text


def of_a_planned_trial(ds: xr.Dataset) -> Iterator[str]:
    """Say what the trial would find, and its power."""
    share = 100 * float(ds.attrs["confidence"])
    against = str(ds.attrs["reference"])
    free = [str(name) for name in ds["statistic"].values if str(name).startswith("pfs_")]
    for arm in ds["arm"].values.tolist():
        row = ds.sel(arm=arm)
        yield (
            f"{arm}: {counted(int(row['patients']), 'patient')}, of whom "
            f"{float(row['events']):.1f} are seen to progress on average."
        )
        if free:
            here, day = row.sel(statistic=free[-1]), free[-1].removeprefix("pfs_")
            yield (
                f"{arm}: {share:g} % of such trials find that between "
                f"{percent(float(here['lower']))} and {percent(float(here['upper']))} are free of "
                f"progression on day {day}."
            )
        if arm != against:
            yield (
                f"{arm} against {against}: {percent(float(row['power']))} of such trials have a "
                f"significant log-rank test (two-sided, {float(ds.attrs['alpha']):g}), "
                f"{percent(float(row['better']))} in favour of {arm}."
            )
        if arm != against and "assurance" in ds:
            yield f"{arm}: the assurance, over populations, is {percent(float(row['assurance']))}."


def of_survival(ds: xr.Dataset) -> Iterator[str]:
    """Say how many are free of progression, and for how long."""
    patients, events = int(ds.attrs["patients"]), int(ds["events"].sum())
    yield f"{counted(patients, 'patient')}, of whom {events:,} progressed."
    share = 100 * float(ds.attrs["confidence"])
    low, middle, high = (float(ds[name]) for name in ("median_lower", "median", "median_upper"))
    if np.isfinite(middle):
        upper = f"{high:.4g}" if np.isfinite(high) else "a day that is not reached"
        yield f"The median is day {middle:.4g} ({share:g} %: {low:.4g} to {upper})."
    else:
        yield "The median is not reached: more than half are free of progression at the end."
    mean, error = float(ds["restricted_mean"]), float(ds["restricted_mean_error"])
    yield (
        f"Until day {float(ds.attrs['until']):g} patients are free of progression for {mean:.1f} "
        f"days on average (standard error {error:.1f})."
    )


def of_hazard_ratios(ds: xr.Dataset) -> Iterator[str]:
    """Say what each covariate does to the hazard."""
    share = 100 * float(ds.attrs["confidence"])
    yield f"{counted(int(ds.attrs['patients']), 'patient')}, {int(ds.attrs['events']):,} events."
    for name in ds["covariate"].values.tolist():
        row = ds.sel(covariate=name, other=name)
        ends = [number(float(row[each])) for each in ("hazard_ratio", "lower", "upper")]
        yield f"{name}: the hazard ratio is {ends[0]} ({share:g} %: {ends[1]} to {ends[2]})."


def of_a_regimen(ds: xr.Dataset) -> Iterator[str]:
    """Say which treatment is best, and by how much."""
    fields = [
        f"{name} = {number(float(value), unit)}"
        for name, value, unit in zip(
            ds["field"].values, ds["best"].values, ds["unit"].values, strict=True
        )
    ]
    best, without = float(ds["objective_best"]), float(ds["objective_without"])
    yield f"The best of the treatments searched has {listed(fields)}: {ds.attrs['best_regimen']}."
    yield (
        f"With it the mean of {ds.attrs['objective']} is {number(best)}, without it "
        f"{number(without)}: a difference of {number(best - without)}."
    )
    yield f"Its peak has {number(float(ds['C_max_best']), 'cells')}."
    if "at_bound" in ds and ds["at_bound"].any():
        on_it = ds["field"].values[ds["at_bound"].values.astype(bool)]
        yield f"On a bound of what was searched: {listed(on_it)}. More good may lie beyond."
