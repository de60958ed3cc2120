"""The command `sensitivity`: near one patient, or over a whole population."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.commands.shared import Plot, StudyFile, middle_patient, tell, way
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.studies.notation import by_name, parse_range, parse_setting
from vcohort.studies.uses import PAPER

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.studies.study import Study

_SENSITIVITY_WAYS = ("sobol", "morris", "map", "local")

# Days that local sensitivities follow at least, and points of their path.
_LOCAL_DAYS, _POINTS = 200.0, 201


@options.with_run_flags("sensitivity")
def sensitivity(
    run_flags: dict[str, Any],
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "sensitivity.nc"
    ),
    how: Annotated[str, typer.Option(help="local, sobol, morris, map.")] = "sobol",
    outputs: Annotated[
        str | None,
        typer.Option(help="cure, pfs_DAY, rmst_DAY, C_max, T_max, C_auc_DAY; with commas."),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(help="Of a map, two: NAME=LOW:HIGH:COUNT, K_C=6e10:8e10:21."),
    ] = None,
    days: Annotated[
        float | None,
        typer.Option(help="Days that local sensitivities follow: the study's horizon, else 200."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "-n", help="sobol: base samples; morris: trajectories; map: patients per cell."
        ),
    ] = None,
    study: StudyFile = None,
    preset: options.Preset = None,
    sigma: options.Sigma = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Say which parameters matter: near one patient, or over a whole population."""
    files = Outputs(output, plot, force)
    files.check()
    chosen = options.study_of(
        way("sensitivity", how, _SENSITIVITY_WAYS), study,
        {"preset": preset, "sigma": sigma, **run_flags}, settings=settings, laws=laws,
        own={"--outputs": outputs, "--axis": axis, "--days": days, "-n": samples},
        defaults=PAPER,
    )  # fmt: skip
    names = [] if outputs is None else options.names("--outputs", outputs)
    run: dict[str, Any] = {"regimen": chosen.regimen, **chosen.settings()}
    screen = console()
    draw: Callable[[Any], Any] = vc.plots.global_sensitivity
    match how:
        case "sobol":
            ds = vc.sobol_indices(
                chosen.population(), names or ("cure",), _or(samples, 4096), **run
            )
            tell(screen, ds[["first", "first_interval", "total", "total_interval"]])
        case "morris":
            ds = vc.morris(chosen.population(), names or ("cure",), _or(samples, 256), **run)
            tell(screen, ds[["mu", "mu_star", "mu_star_interval", "sigma"]])
        case "map":
            axes = by_name("--axis", map(_axis, axis or []))
            patients = chosen.given("patients").get("patients", 256)
            ds = vc.sensitivity_map(chosen.population(), axes, _or(samples, patients), **run)
            draw = vc.plots.sensitivity_map
        case _:
            ds = _local(chosen, settings, names, days)
            draw = vc.plots.sensitivity_ranking
            found = ds[[name for name in ("ranking", "removed") if name in ds]].isel(patient=0)
            tell(screen, found, ("parameter",))
            if names:
                found = ds[["output_value", "output_sensitivity"]].isel(patient=0)
                tell(screen, found)
    files.write(screen, ds, draw)


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


def _local(
    chosen: Study, settings: list[str] | None, outputs: list[str], days: float | None
) -> xr.Dataset:
    """Return local sensitivities and what is identifiable, followed to the last day asked for."""
    from vcohort.analysis.sensitivity.outputs import find_measures

    measured = find_measures(outputs) if outputs else ()
    last = max([_LOCAL_DAYS, *(each.day or 0.0 for each in measured)])
    last = chosen.given("horizon").get("horizon", last) if days is None else days
    if not (np.isfinite(last) and last > 0):
        raise VcohortError(f"--days {last:g} is impossible: it must be greater than 0.")
    points = max(_POINTS, int(np.ceil(last)) + 1)
    local = vc.local_sensitivity(
        middle_patient(chosen, settings), np.linspace(0.0, last, points), outputs=outputs,
        regimen=chosen.regimen, **chosen.settings("horizon"),
    )  # fmt: skip
    try:
        return local.merge(vc.identifiability(local)[["correlation", "removed"]])
    except VcohortError as error:
        if not np.isfinite(local["sensitivity"]).all():
            raise
        # What each parameter changes is known, even where no data could tell them apart.
        warnings.warn(
            f"{error} There are no correlations of estimates.", VcohortWarning, stacklevel=1
        )
        return local


def _axis(text: str) -> tuple[str, np.ndarray]:
    name, value = parse_setting(text)
    return name, parse_range(f"--axis {name}", value)
