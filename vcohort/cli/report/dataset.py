"""One self-contained page on what a file holds: findings, pictures, numbers, settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from vcohort import plots
from vcohort.cli.pictures import OF_ONE_OBSERVABLE, OF_ONE_PATIENT, PICTURES
from vcohort.cli.report.assumptions import differing
from vcohort.cli.report.captions import caption_of
from vcohort.cli.report.findings import FINDINGS
from vcohort.cli.report.page import shown, spread, write_page
from vcohort.cli.report.section import Section, Table, section_of
from vcohort.errors import VcohortError
from vcohort.results.kinds import kind_of, of_its_kind
from vcohort.results.tidy import left_out, rows_of, to_dataframe

WHAT: Mapping[str, tuple[str, str]] = {
    "cohort": ("Virtual cohort", "Virtual patients of CAR T cell therapy, one run each."),
    "arms": ("Arms compared", "What became of the virtual patients of each arm."),
    "planned_trial": ("Planned trial", "What a trial of so many patients would show."),
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

# Columns that a table has at most, so that it fits a page.
_COLUMNS = 12

# Texts that are no answer to what was asked, and what the page shows elsewhere.
_LONG = 300
_ELSEWHERE = ("kind", "title", "Conventions", "time_grid", "study", "command", "vcohort_version",
              "jax_version", "numpy_version", "xarray_version", "device", "schema_version",
              "error_estimate", "patients_missing")  # fmt: skip


def write_report(
    ds: xr.Dataset | xr.DataTree, source: Path, path: str | os.PathLike[str], *,
    checks: xr.Dataset | None = None, overwrite: bool = True,
) -> Path:  # fmt: skip
    """Write the page of a dataset that came from the file ``source``.

    :param checks: what is shown after it, and is in no file: diagnostics of a fit.
    :raises VcohortError: for a kind that nothing is known of.
    """
    section = dataset_section(ds, source)
    more = [] if checks is None else [dataset_section(checks, None, anchor="checks")]
    return write_page(section.title, [section, *more], path, overwrite=overwrite)


def dataset_section(
    ds: xr.Dataset | xr.DataTree, source: Path | None, *, anchor: str = "result"
) -> Section:
    """Return what a page says of a dataset; refuse a kind that nothing is known of."""
    kind = kind_of(ds)
    if kind not in WHAT:
        raise VcohortError(f"There is no report of this kind, {kind!r}. Try vcohort export.")
    title, what = WHAT[kind]
    return section_of(
        ds, source, title=f"{title}: {source.name}" if source else title, what=what,
        asked=_asked(ds.attrs), findings=list(FINDINGS[kind](ds)), pictures=_pictures(kind, ds),
        tables=list(_tables(of_its_kind(ds))), anchor=anchor,
    )  # fmt: skip


def _tables(ds: xr.Dataset) -> Iterator[Table]:
    """Yield the tables: what arms differ in, and a row for each that the kind has."""
    differs = differing(ds)
    if differs:
        yield Table("What the arms differ in", "", ("", *ds["arm"].values.tolist()), differs, False)
    rows = rows_of(ds)
    others = left_out(ds, rows)
    yield _table(ds, "Numbers", rows, "".join(
        f" Over {', '.join(dims)} it holds {', '.join(names)}." for dims, names in others.items()
    ))  # fmt: skip
    for dims in dict.fromkeys(each.dims for each in ds.data_vars.values()):
        if dims and {*dims} < {*rows}:
            over = tuple(str(name) for name in dims)
            yield _table(ds, f"Per {' and '.join(over)}", over)


def _table(ds: xr.Dataset, title: str, rows: tuple[str, ...], more: str = "") -> Table:
    """Return a table of what is over the dimensions ``rows``, and not over some of them alone."""
    own = [name for name, each in ds.data_vars.items() if {*each.dims} == {*rows}]
    table = to_dataframe(ds[own], rows)
    count = len(table)
    # Units and other labels first, then as many columns as fit.
    labels = [name for name in table.columns if name not in own]
    columns = [*labels, *(name for name in table.columns if name in own)]
    shown = table[columns].iloc[spread(count), :_COLUMNS]
    about = f"One row per {' and '.join(rows)}"
    if len(shown) < count:
        about += f": {len(shown)} of {count:,}, spread over them; the file holds all"
    about += f".{more}"
    if len(columns) > _COLUMNS:
        about += f" Not shown: {', '.join(columns[_COLUMNS:])}."
    texts = [[_text(value) for value in row] for row in shown.itertuples(index=False)]
    return Table(title, about, list(shown.columns), texts)


def _text(value: Any) -> str:
    """Return a cell of a table: a number to four digits, nothing where it is not known."""
    if isinstance(value, float):
        return "" if np.isnan(value) else "infinite" if np.isinf(value) else f"{value:.4g}"
    return str(value)


def _pictures(kind: str, ds: Any) -> list[dict[str, str]]:
    """Draw all pictures of a kind for which the dataset holds enough."""
    found: list[dict[str, str]] = []
    for name in PICTURES.get(kind, ()):
        if name in OF_ONE_PATIENT:
            continue
        draw: Callable[..., Any] = getattr(plots, name)
        observables = ds["kind"].values.tolist() if name in OF_ONE_OBSERVABLE else [None]
        for each in observables:
            more = {} if each is None else {"kind": each}
            about = caption_of(name) if each is None else f"{each}. {caption_of(name)}"
            try:
                found.append(shown(about, partial(draw, ds, **more)))
            except VcohortError:
                # It needs an endpoint, or states, that this one does not hold.
                continue
    return found


def _asked(attrs: Mapping[Any, Any]) -> dict[str, str]:
    """Return the settings: attributes that are neither records for programs nor told elsewhere."""
    texts = {str(name): f"{value:.6g}" if isinstance(value, float) else str(value)
             for name, value in attrs.items() if name not in _ELSEWHERE}  # fmt: skip
    return {name.replace("_", " "): text for name, text in texts.items()
            if not name.endswith("_record") and not name.startswith("law_")
            and len(text) <= _LONG}  # fmt: skip
