"""The command `survival`: the estimate of Kaplan and Meier, of a trial or of a virtual cohort."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options, trial_tables
from vcohort.cli.at_once import load
from vcohort.cli.console import console, table
from vcohort.cli.outputs import DATASET, Outputs
from vcohort.errors import VcohortError
from vcohort.tables.csv_files import read_lines

# As many as fit on a line below a picture.
_ROWS = 6


def survival(
    patients: Annotated[
        Path,
        typer.Argument(
            help="CSV, a row a patient: id, time, event, start; or ADTTE; or a cohort, NetCDF."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "survival.nc"
    ),
    days: Annotated[
        str | None, typer.Option(help="Days to tell of, 0,90,180; else six in equal steps.")
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(help="Last day told of, and of the restricted mean; else the last followed."),
    ] = None,
    landmark: Annotated[
        float | None, typer.Option(help="Only those who are free and followed after this day.")
    ] = None,
    endpoint: trial_tables.Endpoint = None,
    force: options.Force = False,
) -> None:
    """Estimate progression-free survival (Kaplan-Meier): numbers at risk, median, mean."""
    outputs = Outputs(output, force=force)
    outputs.check()
    at = options.numbers("--days", days)
    is_cohort = patients.suffix.lower() in DATASET
    if not is_cohort:
        # What is no such file takes no library to tell.
        read_lines(patients)
    elif not patients.exists():
        raise VcohortError(f"There is no file {patients}.")
    load()
    given: Any = vc.load(patients) if is_cohort else str(patients)
    ds = vc.kaplan_meier(given, until=until, landmark=landmark, endpoint=endpoint)
    screen = console()
    _tell(screen, ds, at)
    outputs.write(screen, ds)


def _tell(screen: Console, ds: Any, at: Any) -> None:
    last = float(ds["time"][-1])
    shown = min(last, float(ds.attrs["until"]))
    chosen = np.floor(np.linspace(0.0, shown, _ROWS)) if at is None else np.asarray(at, float)
    wrong = chosen[(chosen < 0) | (chosen > last)]
    if wrong.size:
        raise VcohortError(f"--days {wrong[0]:g}: patients are followed from 0 to {last:g}.")
    curve = table("day", "at risk", "free of progression", "95 % band")
    for day in chosen:
        row = ds.sel(time=day, method="ffill")
        at_risk = int(ds["at_risk"].sel(time=slice(day, None)).values[0])
        curve.add_row(f"{day:g}", f"{at_risk:,}", f"{float(row['survival']):.3f}",
                      f"{float(row['lower']):.3f} to {float(row['upper']):.3f}")  # fmt: skip
    screen.print(curve)
    value, low, high = (float(ds[name]) for name in ("median", "median_lower", "median_upper"))
    missing = ds.attrs["patients_missing"]
    screen.print(
        f"{ds.attrs['patients']:,} patients" + (f", {missing:,} missing" if missing else "")
        + f", {int(ds['events'].sum()):,} progressed; median {value:g} days ({low:g} to {high:g}); "
        f"mean {float(ds['restricted_mean']):.4g} ± {float(ds['restricted_mean_error']):.2g} free "
        f"days until day {ds.attrs['until']:g}",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
