"""One self-contained page on a sweep: study, provenance, pictures, tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from vcohort.cli.report.findings import FINDINGS
from vcohort.cli.report.page import shown, spread, write_page
from vcohort.cli.report.section import Section, Table, section_of
from vcohort.plots.slices import along_one_name
from vcohort.plots.sweep import heatmap, lines
from vcohort.simulation.run import PLAIN

_STUDY = (
    "population", "model", "regimen", "patients_per_cell", "design", "common_random_numbers",
    *(name for name in PLAIN if name != "dtype"),
)  # fmt: skip


def write_report(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    notes: Sequence[str] = (),
    *,
    overwrite: bool = True,
    source: Path | None = None,
) -> Path:
    """Write the page of a sweep's dataset; it appears under its name when it is whole.

    ``notes``: what a reader must know before all else. ``overwrite``: replace a file that is there.
    ``source``: the store that it came from.
    """
    section = sweep_section(ds, source, notes)
    return write_page(section.title, [section], path, overwrite=overwrite)


def sweep_section(
    ds: xr.Dataset, source: Path | None, notes: Sequence[str] = (), *, anchor: str = "result"
) -> Section:
    """Return what a page says of a sweep."""
    ds = along_one_name(ds.load())
    cells = ds["steps"].size
    patients = cells * int(ds.attrs["patients_per_cell"])
    return section_of(
        ds, source,
        title=f"Sweep: {' by '.join(_swept(ds))}",
        what=f"{cells:,} cells, {patients:,} virtual patients of CAR T cell therapy.",
        asked={name.replace("_", " "): str(ds.attrs[name]) for name in _STUDY},
        notes=[*notes, *_lacks(ds)],
        findings=list(FINDINGS["sweep"](ds)),
        pictures=_pictures(ds),
        tables=[_axes(ds), _table(ds)],
        anchor=anchor,
    )  # fmt: skip


def _lacks(ds: xr.Dataset) -> Iterator[str]:
    """Say of how many cells there is nothing, and in how many the error is too large."""
    empty = int((ds["steps"] < 0).sum())
    coarse = int((ds["error_estimate"] > ds.attrs["tolerance"]).sum())
    if empty:
        yield f"{empty:,} of {ds['steps'].size:,} cells are empty in all that follows."
    if coarse:
        yield (
            f"In {coarse} cells the error misses the tolerance: up to "
            f"{float(ds['error_estimate'].max()):.1e}."
        )


def _swept(ds: xr.Dataset) -> list[str]:
    """Return the swept names, those of the first dimension first."""
    return [str(name) for over in ds["steps"].dims for name in ds.coords
            if ds[name].dims == (over,) and name != "cell"]  # fmt: skip


def _axes(ds: xr.Dataset) -> Table:
    rows = [
        [name, ds[name].attrs["long_name"], ds[name].attrs["units"],
         str(np.unique(ds[name].values).size), f"{ds[name].values.min():.4g}",
         f"{ds[name].values.max():.4g}"]
        for name in _swept(ds)
    ]  # fmt: skip
    columns = ("name", "meaning", "units", "values", "from", "to")
    return Table("What was swept", "", columns, rows, is_numeric=False)


def _pictures(ds: xr.Dataset) -> list[dict[str, str]]:
    """Draw what a reader asks first: who is cured, who progresses, and when."""
    over = [str(name) for name in ds["steps"].dims if ds.sizes[name] > 1]
    main = "cure_probability" if "cure_probability" in ds else "cured"
    if "cell" in ds["steps"].dims:
        return [_picture(ds, name, heatmap) for name in (main, "progressed", "rmst")]
    found: list[dict[str, str]] = []
    if len(over) > 1:
        drawn = {"x": over[-1], "y": over[-2], "panels": over[0] if len(over) > 2 else None}
        found += [_picture(ds, name, heatmap, **drawn) for name in (main, "progressed", "rmst")]
    along = over[-1] if over else str(ds["steps"].dims[-1])
    found.append(_picture(ds, main, lines, x=along, by=over[-2] if len(over) > 1 else None))
    for event in ("cure", "progression"):
        if f"{event}_day_quantile" in ds:
            found.append(_picture(ds, f"{event}_day_quantile", lines, x=along))
    if "pfs" in ds:
        found.append(_picture(ds, "pfs", lines, x="day", by=along))
    return found


def _picture(
    ds: xr.Dataset, name: str, draw: Callable[..., Any], **over: str | None
) -> dict[str, str]:
    """Draw a variable; say of the dimensions that are not drawn which value is shown."""
    about = str(ds[name].attrs["long_name"])
    if "quantile" in ds[name].dims:
        about += ": median, and the middle 90 % of patients"
    kept = {*over.values(), "quantile"} if over else {*ds[name].dims}
    values = {str(each): ds[each].values[ds.sizes[each] // 2]
             for each in ds[name].dims if each not in kept}  # fmt: skip
    about += "".join(f"; {each} = {value:.4g}" for each, value in values.items())
    return shown(about, partial(draw, ds, name, **over))


def _table(ds: xr.Dataset) -> Table:
    known = ("cure_probability", "cured", "cured_lower", "cured_upper", "progressed", "undecided",
             "rmst", "steps")  # fmt: skip
    names = [name for name in known if name in ds]
    over = [str(name) for name in ds["steps"].dims]
    flat = ds[names].stack(row=over, create_index=False)
    chosen = spread(flat.sizes["row"])
    columns = [*_swept(ds), *names]
    rows = [[f"{flat[name].values[index]:.4g}" for name in columns] for index in chosen]
    about = ""
    if len(rows) < ds["steps"].size:
        about = (
            f"{len(rows)} cells, spread over the sweep; the dataset holds all {ds['steps'].size:,}."
        )
    return Table("Cells", about, columns, rows)
