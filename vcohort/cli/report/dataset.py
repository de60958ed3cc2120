"""One self-contained page on what a file holds: findings, pictures, numbers, settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from vcohort import plots
from vcohort.cli.pictures import PICTURES
from vcohort.cli.report.page import PROVENANCE, png, spread, write_page
from vcohort.errors import VcohortError
from vcohort.results.kinds import kind_of, of_its_kind
from vcohort.results.summary import summarise
from vcohort.results.tidy import left_out, rows_of, to_dataframe

WHAT: Mapping[str, tuple[str, str]] = {
    "cohort": ("Virtual cohort", "Virtual patients of CAR T cell therapy, one run each."),
    "arms": ("Arms compared", "The same virtual trial under several treatments."),
    "fit": ("Fit", "Parameters estimated from each patient's data, by least squares."),
    "population_fit": ("Population fit", "Mixed effects: a population from a trial's patients."),
    "diagnostics": ("Diagnostics", "A trial beside the population that was fitted to it."),
    "profile": ("Profile likelihood", "How far data bound each parameter, all others fitted anew."),
    "comparison": ("Models compared", "Laws fitted to the same data, by information criteria."),
    "posterior": ("Posterior", "What data and priors say of the parameters, by NUTS."),
    "local_sensitivity": ("Local sensitivity", "Derivatives of states to parameters."),
    "identifiability": ("Identifiability", "Which parameters data can tell apart."),
    "sobol": ("Sobol' indices", "Shares of the variance of outputs that parameters explain."),
    "morris": ("Elementary effects", "Which parameters matter at all (Morris)."),
    "sensitivity_map": ("Map of P(cure)", "The mean cure probability, and its derivatives."),
    "calibration": ("Calibration", "A population set to what a trial showed."),
    "entropy_weights": ("Weights", "Weights of patients that meet targets, nearest to equal."),
    "selection": ("Plausible patients", "Patients within ranges, weighed to meet targets."),
    "survival": ("Survival", "Progression-free survival, by Kaplan and Meier."),
    "hazard_ratios": ("Hazard ratios", "What covariates do to the hazard, by Cox's model."),
    "regimen": ("Best regimen", "The treatment, of those searched, that does most good."),
}
"""What a kind of dataset is: a title, and a sentence."""

# Records for programs, and what the page shows elsewhere.
_LONG = 300


def write_report(
    ds: xr.Dataset | xr.DataTree, source: Path, path: str | os.PathLike[str], *,
    overwrite: bool = True,
) -> Path:  # fmt: skip
    """Write the page of a dataset that came from the file ``source``.

    :raises VcohortError: for a kind that nothing is known of.
    """
    kind = kind_of(ds)
    if kind not in WHAT:
        raise VcohortError(f"There is no report of this kind, {kind!r}. Try vcohort export.")
    title, what = WHAT[kind]
    group = of_its_kind(ds)
    rows = rows_of(group)
    table = to_dataframe(group, rows)
    study = str(ds.attrs.get("study", ""))
    provenance = {name: ds.attrs[name] for name in PROVENANCE if name in ds.attrs}
    return write_page(
        "dataset.html.jinja", path, overwrite=overwrite,
        title=f"{title}: {source.name}", what=what, findings=list(_findings(kind, ds)),
        pictures=_pictures(kind, ds), rows=rows, others=left_out(group, rows), count=len(table),
        table=_shown(table), study=study, provenance={"file": source.name, **provenance},
        settings=_settings(ds.attrs),
    )  # fmt: skip


def _findings(kind: str, ds: Any) -> Iterator[str]:
    """Say in sentences what a reader asks first."""
    if kind == "cohort":
        yield from _of_a_cohort(ds)
    elif kind == "arms":
        yield from _of_arms(ds)


def _of_a_cohort(ds: xr.Dataset) -> Iterator[str]:
    found = summarise(ds)
    yield f"{found.patients:,} patients, followed to day {float(ds.attrs['horizon']):g}."
    for share, word, day in ((found.cured, "are cured", found.cure_day),
                             (found.progressed, "progress", found.progression_day)):  # fmt: skip
        yield f"{share:.1%} {word}" + (f", at the median on day {day:.0f}." if share else ".")
    if found.undecided:
        yield f"{found.undecided:.1%} are undecided at the end."
    if found.missing:
        yield f"{found.missing:,} more could not be followed, and are in no number here."
    yield (
        f"The largest error of the time steps, in ln N, ln C and ln B, is "
        f"{float(ds.attrs['error_estimate']):.1g}."
    )


def _of_arms(ds: xr.Dataset) -> Iterator[str]:
    against, sure = ds.attrs["reference"], 100 * float(ds.attrs["confidence"])
    for arm in ds["arm"].values.tolist():
        row = ds.sel(arm=arm, statistic="cure")
        share = f"{arm}: {float(row['value']):.1%} of {int(row['patients']):,} patients are cured"
        if arm == against:
            yield f"{share}. The others are set against it."
            continue
        gain, low, high = (100 * float(row[name]) for name in ("difference", "lower", "upper"))
        yield f"{share}, {gain:+.1f} percentage points ({low:+.1f} to {high:+.1f})."
    yield f"Intervals of {sure:g} % are those of so many virtual patients, not those of a trial."


def _pictures(kind: str, ds: Any) -> list[dict[str, str]]:
    """Draw all pictures of a kind for which the dataset holds enough."""
    found: list[dict[str, str]] = []
    for name in PICTURES.get(kind, ()):
        draw: Callable[..., Any] = getattr(plots, name)
        try:
            found.append({"about": name.replace("_", " ").capitalize(),
                          "png": png(partial(draw, ds))})  # fmt: skip
        except VcohortError:
            # It needs an endpoint, or states, that this one does not hold.
            continue
    return found


def _shown(table: Any) -> dict[str, Any]:
    """Return rows of a table, spread over it, as text."""
    rows = [[f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]
            for row in table.iloc[spread(len(table))].itertuples(index=False)]  # fmt: skip
    return {"columns": list(table.columns), "rows": rows}


def _settings(attrs: Mapping[Any, Any]) -> dict[str, str]:
    """Return the attributes that are neither records for programs nor shown elsewhere."""
    elsewhere = {*PROVENANCE, "study", "kind", "title", "Conventions", "time_grid"}
    texts = {str(name): str(value) for name, value in attrs.items() if name not in elsewhere}
    return {name: text for name, text in texts.items()
            if not name.endswith("_record") and len(text) <= _LONG}  # fmt: skip
