"""The command `fit-population`: mixed effects of a trial's own patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options, trial_tables
from vcohort.cli.commands.shared import Plot, StudyFile, middle_patient, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import PAGE, Outputs, check_format
from vcohort.errors import VcohortError
from vcohort.files import check_writable
from vcohort.studies.notation import by_name, parse_setting

if TYPE_CHECKING:
    import xarray as xr

_SAID = ("estimate", "standard_error", "relative_standard_error", "lower", "upper")


@options.with_run_flags("fit-population")
def fit_population(
    run_flags: dict[str, Any],
    table: Annotated[str, typer.Argument(help="CSV of a trial: NONMEM-style, long or wide.")],
    random: Annotated[
        str, typer.Option(help="Parameters with a random effect: K_C,rho_C; with commas.")
    ],
    fixed: Annotated[
        str | None, typer.Option(help="Parameters that are the same for all patients.")
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(help="NAME=COVARIATE,COVARIATE: what acts on a parameter. Repeatable."),
    ] = None,
    together: Annotated[
        list[str] | None,
        typer.Option(help="Random effects that correlate: K_C,rho_C. Repeatable; or all."),
    ] = None,
    errors: Annotated[
        str, typer.Option(help="log, linear, proportional, combined, student_t.")
    ] = "log",
    censored: trial_tables.Censored = "M3",
    method: Annotated[str, typer.Option("--how", help="laplace, saem, nuts.")] = "laplace",
    starts: Annotated[int | None, typer.Option(help="Starts: 20; saem: 4.")] = None,
    survival: Annotated[
        Path | None,
        typer.Option(help="CSV of who progressed when, id, time, event: it joins the likelihood."),
    ] = None,
    observable: trial_tables.Observable = None,
    unit: trial_tables.Unit = None,
    limit: trial_tables.Limit = None,
    doses: trial_tables.Doses = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "population.nc"
    ),
    report: Annotated[
        Path | None, typer.Option(help="Page to write, .html: the fit and its diagnostics.")
    ] = None,
    study: StudyFile = None,
    preset: options.Preset = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Fit a population to all patients of a trial at once: nonlinear mixed effects."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    if report is not None:
        check_writable(report, overwrite=force)
        check_format(report, PAGE)
    names = options.names("--random", random)
    held = [] if fixed is None else options.names("--fixed", fixed)
    acting = by_name("--covariate", map(_named, covariate or []))
    asked = sorted({name for names in acting.values() for name in names})
    flags = trial_tables.read_flags(observable, unit, limit, doses)
    told = None if survival is None else str(survival)
    trial = vc.read_trial(table, survival=told, covariates=asked, **flags)
    chosen = options.study_of(
        "fit-population", study, {"preset": preset, **run_flags}, settings=settings, laws=laws,
        own={"--starts": starts}, parameters=(*names, *held),
        defaults={"preset": "kimmel2021-figures"},
    )  # fmt: skip
    both = [name for name in (*names, *held) if name in chosen.set]
    if both:
        raise VcohortError(
            f"{', '.join(both)}: both set and estimated. A fit finds the value: take it out of "
            "--random or --fixed, or out of what is set."
        )
    if trial.regimen is not None and chosen.regimen.treatments:
        raise VcohortError("The trial has doses, and the study treatments: keep one of them.")
    regimen = chosen.regimen if chosen.regimen.treatments else trial.regimen
    screen = console()
    screen.print(f"{table}: {'; '.join(trial.told())}", soft_wrap=True, highlight=False)
    cohort = middle_patient(chosen, settings)
    ds = vc.fit_population(
        trial, names, held, covariates=acting, events=survival is not None,
        covariance=_blocks(together), errors=errors, limits=censored, method=method, starts=starts,
        cohort=cohort, regimen=regimen, **chosen.settings(),
    )  # fmt: skip
    _tell(screen, ds)
    outputs.write(screen, ds, vc.plots.fitted_curves)
    if report is not None:
        from vcohort.cli.report.dataset import write_report

        checks = vc.diagnostics(ds, trial, cohort=cohort, regimen=regimen)
        write_report(ds, output, report, checks=checks, overwrite=force)
        screen.print(f"wrote {report}", soft_wrap=True)


def _named(text: str) -> tuple[str, list[str]]:
    name, names = parse_setting(text)
    return name, [each.strip() for each in names.split(",")]


def _blocks(together: list[str] | None) -> str | list[list[str]]:
    """Return the covariance of the random effects: diagonal, full, or blocks of names."""
    if not together:
        return "diagonal"
    if together == ["all"]:
        return "full"
    return [options.names("--together", each) for each in together]


def _tell(screen: Console, ds: xr.Dataset) -> None:
    tell(screen, ds[list(_SAID)].reset_coords(drop=True), ("quantity",))
    tell(screen, ds[["shrinkage"]].reset_coords(drop=True), ("random",))
    error = float(ds["deviance_sampled_error"])
    screen.print(
        f"-2 ln L {float(ds['deviance']):.2f} (sampled {float(ds['deviance_sampled']):.2f} "
        f"± {error:.2f}), AIC {float(ds['aic']):.2f}, BICc {float(ds['bic']):.2f}; "
        f"{'converged' if ds['converged'] else 'not converged'}, condition number "
        f"{float(ds['condition_number']):.3g}",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
