"""The command `fit`: fits, profiles, comparisons of laws, posteriors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options, trial_tables
from vcohort.cli.commands.petab_problems import problem_of, settings_of
from vcohort.cli.commands.shared import (
    BUILT_IN,
    Plot,
    StudyFile,
    check_table,
    middle,
    middle_patient,
    pair,
    tell,
    way,
)
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError
from vcohort.studies.notation import by_name

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.studies.study import Study

# The loss unless it is told: of other tables, and of the built-in one.
_LOSS = {False: "log", True: "kimmel2021"}

_FIT_WAYS = ("fit", "profile", "compare", "posterior")

# What a fit frees, unless it is told.
_FREE = "r_N,rho_C,K_C,a,b,gamma_B,k_B"

# What the comparison of laws holds, unless it is asked to fit it.
_HELD = ("K_N", "r_B")


@options.with_run_flags("fit")
def fit(
    run_flags: dict[str, Any],
    table: Annotated[
        str,
        typer.Argument(
            help="CSV: day, observable, value, weight or error, patient; a trial's, as of NONMEM "
            "or Monolix, or a column for each observable; a problem of PEtab (YAML); or zuma1."
        ),
    ],
    free: Annotated[
        str | None,
        typer.Option(help=f"Parameters to fit: {_FREE}; compare: of K_N,r_B, beside all others."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("fit.nc"),
    how: Annotated[
        str, typer.Option(help="fit, profile (intervals), compare (laws), posterior (NUTS).")
    ] = "fit",
    loss: Annotated[
        str | None,
        typer.Option(
            help="log, linear, proportional, combined, student_t, kimmel2021; by default "
            "log, of zuma1 the last."
        ),
    ] = None,
    censored: trial_tables.Censored = "M3",
    bounds: Annotated[
        list[str] | None, typer.Option(help="NAME=LOW:HIGH. Repeatable; else the usual range.")
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(help="Starts for each patient: 1000; profile: 200; compare: 500."),
    ] = None,
    observable: trial_tables.Observable = None,
    unit: trial_tables.Unit = None,
    limit: trial_tables.Limit = None,
    doses: trial_tables.Doses = None,
    study: StudyFile = None,
    preset: options.Preset = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Fit parameters to measurements, from many starts at once."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    command = way("fit", how, _FIT_WAYS)
    flags = trial_tables.read_flags(observable, unit, limit, doses)
    own = {
        "--free": free, "--loss": loss, "--bounds": bounds, "--study": study, "--preset": preset,
        "--set": settings, "--law": laws, "--censored": censored != "M3",
        "--observable, --unit, --limit, --doses": flags,
    }  # fmt: skip
    problem = problem_of(table, how, own)
    names = list(problem.free) if problem else _free_names(free, how)
    rows = problem.data if problem else _rows(table, flags)
    bounded = by_name("--bounds", map(pair, bounds or []))
    chosen = options.study_of(
        command, study, {"preset": preset, **run_flags}, settings=settings, laws=laws,
        own={"--starts": starts}, parameters=() if problem else (*names, *bounded),
        defaults={"preset": "kimmel2021-figures"},
    )  # fmt: skip
    _refuse_both("--free", names, chosen)
    posed: dict[str, Any] = {
        "cohort": middle_patient(chosen, settings), "regimen": _regimen(rows, chosen),
        "loss": _LOSS[table == BUILT_IN] if loss is None else loss,
        "limits": censored, "bounds": bounded,
        **({} if starts is None else {"starts": starts}), **chosen.settings(),
        **(settings_of(problem, how) if problem else {}),
    }  # fmt: skip
    screen = console()
    if isinstance(rows, vc.TrialData):
        screen.print("; ".join(rows.told()), highlight=False, soft_wrap=True)
    match how:
        case "fit":
            ds = vc.fit(rows, names, **posed)
            draw: Callable[[Any], Any] = vc.plots.fitted_curves
            _tell_fit(screen, ds)
        case "profile":
            ds = vc.profile_likelihood(rows, names, **posed)
            draw = vc.plots.profiles
            tell(screen, ds[["estimate", "lower", "upper"]], ("patient", "parameter"))
        case "compare":
            held = [name for name in _HELD if name not in names]
            values = {name: middle(value) for name, value in chosen.set.items()}
            ds = vc.compare_models(rows, fixed=held, values=values, **posed)
            draw = vc.plots.model_weights
            tell(screen, ds[["parameters", "loss", "aic", "aicc", "bic"]], ("patient", "model"))
        case _:
            ds = vc.posterior(rows, names, **posed)
            draw = vc.plots.posterior
            tell(screen, ds["summary"].to_dataset(), ("patient", "parameter"))
    outputs.write(screen, ds, draw)


def _rows(table: str, flags: dict[str, Any]) -> Any:
    """Return the measurements; a mistake in a table is told before all else."""
    if table == BUILT_IN:
        if flags:
            raise VcohortError(
                f"What {BUILT_IN} holds is known: leave out --observable, --unit, --limit, --doses."
            )
        return vc.data.fit_table()
    rows = trial_tables.measurements(table, flags)
    if rows is table:
        check_table(table, "vcohort.measurements.observations", "read_observations")
    return rows


def _regimen(rows: Any, chosen: Study) -> Any:
    """Return the treatments; a trial's own doses unless others are asked for."""
    if not isinstance(rows, vc.TrialData) or rows.regimen is None:
        return chosen.regimen
    if chosen.regimen.treatments:
        raise VcohortError("The trial has doses, and the study treatments: keep one of them.")
    return None


def _free_names(free: str | None, how: str) -> list[str]:
    """Return what ``--free`` names; a comparison fits all that it does not hold in any case."""
    if how != "compare":
        return options.names("--free", _FREE if free is None else free)
    names = [] if free is None else options.names("--free", free)
    idle = [name for name in names if name not in _HELD]
    if idle:
        raise VcohortError(
            f"--free {','.join(idle)} says nothing to --how compare, which fits all parameters of "
            f"each law but {' and '.join(_HELD)}. Leave it out; to hold one: --set NAME=VALUE."
        )
    return names


def _refuse_both(flag: str, names: list[str], chosen: Study) -> None:
    """Refuse parameters that are both set and free: the value would be lost."""
    both = [name for name in names if name in chosen.set]
    if both:
        raise VcohortError(
            f"{', '.join(both)}: both set and free. A fit finds the value: take it out of "
            f"{flag}, or out of what is set; --bounds say where it may lie."
        )


def _tell_fit(screen: Console, ds: xr.Dataset) -> None:
    tell(screen, ds[["estimate", "standard_error", "at_bound"]], ("patient", "parameter"))
    for patient in ds["patient"].values:
        one = ds.sel(patient=patient)
        if one["loss"].isnull():
            screen.print(f"{patient}: missing")
            continue
        same = float((one["start_loss"] <= 1.001 * one["loss"]).mean())
        screen.print(
            f"{patient}: loss {float(one['loss']):.6g}, reached by {same:.0%} of "
            f"{one.sizes['start']} starts"
        )
