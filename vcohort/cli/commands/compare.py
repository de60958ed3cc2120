"""The command `compare`: arms set side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.arm_files import Days, Files, Reference, names_of, read_arms, tell_reference
from vcohort.cli.commands.shared import Plot, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs


def compare(
    files: Files,
    reference: Reference = None,
    days: Days = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("arms.nc"),
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Compare arms, patient by patient where they are the same: cure, survival, peaks, responses.

    What a trial of so many patients would show is for `vcohort trial`.
    """
    outputs = Outputs(output, plot, force)
    outputs.check(*files)
    names = names_of(files)
    at = options.numbers("--days", days)
    ds = vc.compare(read_arms(names, files), reference, days=at)
    screen = console()
    shown = ds[["value", "difference", "lower", "upper"]]
    tell(screen, shown.drop_sel(arm=ds.attrs["reference"]), ("arm", "statistic"))
    _tell_hazards(screen, ds)
    tell_reference(screen, ds, "Intervals are those of Monte Carlo, not of a trial: vcohort trial.")
    outputs.write(screen, ds, vc.plots.forest)


def _tell_hazards(screen: Console, ds: Any) -> None:
    """Tell the hazard ratios, of those arms that have one; of others a warning has said why."""
    for arm in ds["arm"].values.tolist():
        ratio, lower, upper = (
            float(ds[f"hazard_ratio{end}"].sel(arm=arm)) for end in ("", "_lower", "_upper")
        )
        if math.isfinite(ratio):
            screen.print(
                f"hazard ratio of progression, {arm}: {ratio:.3g} ({lower:.3g} to {upper:.3g})",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
