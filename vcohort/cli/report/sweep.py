"""One self-contained page on a sweep: study, provenance, pictures, tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from vcohort.cli.report.page import PROVENANCE, ROWS, png, spread, write_page
from vcohort.plots.slices import along_one_name
from vcohort.plots.sweep import heatmap, lines
from vcohort.simulation.run import PLAIN

_PROVENANCE = (*PROVENANCE, "study_hash")

_STUDY = (
    "population", "model", "regimen", "patients_per_cell", "design", "common_random_numbers",
    *(name for name in PLAIN if name not in _PROVENANCE),
)  # fmt: skip


def write_report(
    ds: xr.Dataset,
    path: str | os.PathLike[str],
    notes: Sequence[str] = (),
    *,
    overwrite: bool = True,
) -> Path:
    """Write the page of a sweep's dataset; it appears under its name when it is whole.

    ``notes``: what a reader must know before all else. ``overwrite``: replace a file that is there.
    """
    ds = along_one_name(ds.load())
    return write_page(
        "sweep.html.jinja", path, overwrite=overwrite,
        title=f"Sweep: {' by '.join(_swept(ds))}",
        cells=ds["steps"].size,
        patients=ds["steps"].size * int(ds.attrs["patients_per_cell"]),
        notes=notes,
        empty=int((ds["steps"] < 0).sum()),
        coarse=int((ds["error_estimate"] > ds.attrs["tolerance"]).sum()),
        largest_error=float(ds["error_estimate"].max()),
        axes=[_axis(ds, name) for name in _swept(ds)],
        study={name: ds.attrs[name] for name in _STUDY},
        provenance={name: ds.attrs[name] for name in _PROVENANCE},
        pictures=_pictures(ds),
        table=_table(ds),
        rows_left_out=max(0, ds["steps"].size - ROWS),
    )  # fmt: skip


def _swept(ds: xr.Dataset) -> list[str]:
    """Return the swept names, those of the first dimension first."""
    return [str(name) for over in ds["steps"].dims for name in ds.coords
            if ds[name].dims == (over,) and name != "cell"]  # fmt: skip


def _axis(ds: xr.Dataset, name: str) -> dict[str, Any]:
    values = ds[name].values
    return {"name": name, "meaning": ds[name].attrs["long_name"], "units": ds[name].attrs["units"],
            "count": np.unique(values).size, "low": values.min(), "high": values.max()}  # fmt: skip


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
    shown = {str(each): ds[each].values[ds.sizes[each] // 2]
             for each in ds[name].dims if each not in kept}  # fmt: skip
    about += "".join(f"; {each} = {value:.4g}" for each, value in shown.items())
    drawn = partial(draw, ds, name, **over)
    return {"about": about, "png": png(drawn)}


def _table(ds: xr.Dataset) -> dict[str, Any]:
    known = ("cure_probability", "cured", "cured_lower", "cured_upper", "progressed", "undecided",
             "rmst", "steps")  # fmt: skip
    names = [name for name in known if name in ds]
    over = [str(name) for name in ds["steps"].dims]
    flat = ds[names].stack(row=over, create_index=False)
    chosen = spread(flat.sizes["row"])
    columns = [*_swept(ds), *names]
    rows = [[f"{flat[name].values[index]:.4g}" for name in columns] for index in chosen]
    return {"columns": columns, "rows": rows}
