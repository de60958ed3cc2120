"""The command `compare`: one arm against another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.commands.shared import Plot, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError


def compare(
    files: Annotated[
        list[Path], typer.Argument(help="Cohorts, NetCDF files: two arms or more, named by file.")
    ],
    reference: Annotated[
        str | None, typer.Option(help="The arm to set others against; else the first.")
    ] = None,
    days: Annotated[str | None, typer.Option(help="Days of survival: 90,180,365.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("arms.nc"),
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Compare arms, patient by patient where they are the same: cure, survival, mean free days."""
    outputs = Outputs(output, plot, force)
    outputs.check(*files)
    names = [file.stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise VcohortError(f"Two files are called {twice!r}: arms need names of their own.")
    for file in files:
        if not file.exists():
            raise VcohortError(f"There is no file {file}.")
    at = options.numbers("--days", days)
    load()
    arms = {name: vc.load(file) for name, file in zip(names, files, strict=True)}
    ds = vc.compare(arms, reference, days=at)
    screen = console()
    shown = ds[["value", "difference", "lower", "upper"]]
    tell(screen, shown.drop_sel(arm=ds.attrs["reference"]), ("arm", "statistic"))
    patients = ", ".join(f"{name} {count:,}" for name, count in
                         zip(names, ds["patients"].values.tolist(), strict=True))  # fmt: skip
    screen.print(
        f"against {ds.attrs['reference']}; patients: {patients}. Intervals are those of Monte "
        "Carlo, not of a trial.", highlight=False, soft_wrap=True,
    )  # fmt: skip
    outputs.write(screen, ds, vc.plots.forest)
