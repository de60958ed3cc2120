"""One self-contained page on a sweep: study, provenance, pictures, tables."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jinja2 import Environment, PackageLoader, StrictUndefined

from vcohort.files import replacing
from vcohort.plots.sweep import heatmap, lines

_PROVENANCE = (
    "vcohort_version", "jax_version", "numpy_version", "xarray_version", "device", "dtype",
    "study_hash",
)  # fmt: skip

_STUDY = ("population", "model", "regimen", "patients_per_cell", "design", "common_random_numbers",
          "method", "horizon", "threshold", "progression", "tolerance", "seed")  # fmt: skip

# Rows of a table; of a larger sweep, cells spread over it.
_ROWS = 60


def write_report(ds: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write the page of a sweep's dataset; it appears under its name when it is whole."""
    ds = ds.load()
    page = Environment(
        loader=PackageLoader("vcohort", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    ).get_template("report.html.jinja").render(
        title=" by ".join(_swept(ds)),
        cells=ds["steps"].size,
        patients=ds["steps"].size * int(ds.attrs["patients_per_cell"]),
        missing=int((ds["steps"] < 0).sum()),
        coarse=int((ds["error_estimate"] > ds.attrs["tolerance"]).sum()),
        largest_error=float(ds["error_estimate"].max()),
        axes=[_axis(ds, name) for name in _swept(ds)],
        study={name: ds.attrs[name] for name in _STUDY},
        provenance={name: ds.attrs[name] for name in _PROVENANCE},
        pictures=_pictures(ds),
        table=_table(ds),
        rows_left_out=max(0, ds["steps"].size - _ROWS),
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


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
    over = [str(name) for name in ds["steps"].dims]
    main = "cure_probability" if "cure_probability" in ds else "cured"
    by = over[-1]
    third = over[0] if len(over) > 2 else None
    wanted: list[tuple[str, Callable[[], Any]]] = []
    if len(over) > 1 or over == ["cell"]:
        shown = (main, "progressed", "rmst")
        wanted += [(_about(ds, name), partial(heatmap, ds, name, panels=third)) for name in shown]
    if over != ["cell"]:
        other = over[-2] if len(over) > 1 else None
        wanted.append((_about(ds, main), partial(lines, ds, main, x=by, by=other)))
    days = [f"{event}_day_quantile" for event in ("cure", "progression")]
    for name in days if over != ["cell"] and days[0] in ds else []:
        about = f"{_about(ds, name)}: median, and the middle 90 % of patients"
        wanted.append((about, partial(lines, ds, name, x=by)))
    if "pfs" in ds and over != ["cell"]:
        wanted.append((f"{_about(ds, 'pfs')}, by {by}", partial(lines, ds, "pfs", x="day", by=by)))
    return [{"about": about, "png": _png(draw)} for about, draw in wanted]


def _about(ds: xr.Dataset, name: str) -> str:
    return str(ds[name].attrs["long_name"])


def _png(draw: Callable[[], Any]) -> str:
    draw()
    buffer = io.BytesIO()
    plt.gcf().savefig(buffer, dpi=130)
    plt.close("all")
    return base64.b64encode(buffer.getvalue()).decode()


def _table(ds: xr.Dataset) -> dict[str, Any]:
    known = ("cure_probability", "cured", "cured_lower", "cured_upper", "progressed", "undecided",
             "rmst", "steps")  # fmt: skip
    names = [name for name in known if name in ds]
    over = [str(name) for name in ds["steps"].dims]
    flat = ds[names].stack(row=over, create_index=False)
    chosen = np.unique(np.linspace(0, flat.sizes["row"] - 1, _ROWS).astype(int))
    columns = [*_swept(ds), *names]
    rows = [[f"{flat[name].values[index]:.4g}" for name in columns] for index in chosen]
    return {"columns": columns, "rows": rows}
