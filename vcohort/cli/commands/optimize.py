"""The command `optimize`: the treatment that does most good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.commands.shared import Plot, StudyFile, pair, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.studies.notation import by_name


@options.with_run_flags("optimize")
def optimize(
    run_flags: dict[str, Any],
    field: Annotated[
        list[str], typer.Option(help="day, cells or survival: NAME=LOW:HIGH, or NAME=VALUE.")
    ],
    objective: Annotated[str, typer.Option(help="cure, pfs_DAY, rmst_DAY.")] = "cure",
    max_c_max: Annotated[
        float | None, typer.Option(help="CAR T cells that 5 % of patients may exceed.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "regimen.nc"
    ),
    patients: options.Patients = None,
    study: StudyFile = None,
    preset: options.Preset = None,
    sigma: options.Sigma = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Find day, dose and depth of a prepared infusion, beside the study's, that do most good."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    chosen = options.study_of(
        "optimize", study,
        {"preset": preset, "sigma": sigma, "patients": patients, **run_flags},
        settings=settings, laws=laws, defaults={"patients": 1024, "design": "sobol"},
    )  # fmt: skip
    screen = console()
    cohort = chosen.population().sample(chosen.patients, chosen.run.seed, design=chosen.design)
    ds = vc.optimize_regimen(
        cohort, by_name("--field", map(pair, field)), objective, max_C_max=max_c_max,
        regimen=chosen.regimen, **chosen.settings("seed"),
    )  # fmt: skip
    tell(screen, ds[["best", "at_bound"]], ("field",))
    screen.print(
        f"{ds['objective'].attrs['long_name']}: {float(ds['objective_best']):.4f}, without "
        f"{float(ds['objective_without']):.4f}; 95th centile of C_max "
        f"{float(ds['C_max_best']):.3g} cells"
    )
    outputs.write(screen, ds, vc.plots.regimen_map)
