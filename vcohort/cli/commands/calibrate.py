"""The command `calibrate`: a population whose survival is that of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.commands.shared import BUILT_IN, Plot, StudyFile, check_table, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.studies.uses import PAPER


@options.with_run_flags("calibrate")
def calibrate(
    run_flags: dict[str, Any],
    free: Annotated[str, typer.Option(help="Parameters whose location and spread are fitted.")],
    trial: Annotated[
        str,
        typer.Option(help="CSV: day and pfs, or time and event of each patient; or zuma1."),
    ] = BUILT_IN,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "calibration.nc"
    ),
    weights: Annotated[bool, typer.Option(help="Also weights of greatest entropy.")] = False,
    patients: options.Patients = None,
    starts: Annotated[int, typer.Option(help="Starts of the search.")] = 4,
    study: StudyFile = None,
    preset: options.Preset = None,
    sigma: options.Sigma = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Make a virtual population's progression-free survival that of a trial."""
    from vcohort.populations.distributions import to_text

    outputs = Outputs(output, plot, force)
    outputs.check()
    names = options.names("--free", free)
    check_table(trial, "vcohort.results.trial", "read_curve")
    chosen = options.study_of(
        "calibrate", study,
        {"preset": preset, "sigma": sigma, "patients": patients, **run_flags},
        settings=settings, laws=laws, parameters=names,
        defaults={**PAPER, "patients": 4096},
    )  # fmt: skip
    screen = console()
    survival = vc.data.progression_free_survival() if trial == BUILT_IN else trial
    ds = vc.calibrate(
        chosen.population(), survival, names, n=chosen.patients,
        starts=starts, weights=weights, regimen=chosen.regimen,
        **chosen.settings(),
    )  # fmt: skip
    tell(screen, ds[["first_location", "location", "first_spread", "spread"]], ("parameter",))
    rms = {name: value for name, value in ds.attrs.items() if str(name).startswith("rms_")}
    told = ", ".join(
        f"{str(name)[4:]} {value:.4f}" for name, value in rms.items()
    )  # fmt: skip
    screen.print(f"rms distance to the trial: {told}", soft_wrap=True)
    found = vc.calibrated(chosen.population(), ds).overrides
    flags = " ".join(
        f"--set '{name}={to_text(found[name])}'" for name in ds["parameter"].values.tolist()
    )
    screen.print(f"simulate with: {flags}", soft_wrap=True, highlight=False)
    outputs.write(screen, ds, vc.plots.calibration)
