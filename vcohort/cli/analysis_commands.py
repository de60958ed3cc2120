"""The commands of the analyses: fit, sensitivity, calibrate, optimize; each writes a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.console import console
from vcohort.cli.notation import (
    by_name,
    is_number,
    parse_fields,
    parse_range,
    parse_setting,
    parse_value,
)
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError, VcohortWarning, unknown

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.cli.study import Study

StudyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--study", help="A study file (TOML): preset, sigma, set, regimen.")
]
Plot: TypeAlias = Annotated[Path | None, typer.Option(help="Picture to draw, .png, .pdf or .svg.")]

_BUILT_IN = "zuma1"

_FIT_WAYS = ("fit", "profile", "compare", "posterior")
_SENSITIVITY_WAYS = ("sobol", "morris", "map", "local")

# What a fit frees, unless it is told.
_FREE = "r_N,rho_C,K_C,a,b,gamma_B,k_B"

# What the comparison of laws holds, unless it is asked to fit it.
_HELD = ("K_N", "r_B")

# Days that local sensitivities follow at least, and points of their path.
_LOCAL_DAYS, _POINTS = 200.0, 201


@options.with_run_flags("fit")
def fit(
    run_flags: dict[str, Any],
    table: Annotated[
        str,
        typer.Argument(help="CSV: day, observable, value, weight or error, patient; or zuma1."),
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
        str | None, typer.Option(help="log, linear, kimmel2021; by default log, of zuma1 the last.")
    ] = None,
    bounds: Annotated[
        list[str] | None, typer.Option(help="NAME=LOW:HIGH. Repeatable; else the usual range.")
    ] = None,
    starts: Annotated[
        int | None,
        typer.Option(help="Starts for each patient: 1000; profile: 200; compare: 500."),
    ] = None,
    study: StudyFile = None,
    preset: options.Preset = None,
    settings: options.Settings = None,
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Fit parameters to measurements, from many starts at once."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    chosen = options.study_of(
        _way("fit", how, _FIT_WAYS), study, {"preset": preset, **run_flags}, settings=settings,
        own={"--starts": starts}, defaults={"preset": "kimmel2021-figures"},
    )  # fmt: skip
    rows = vc.data.fit_table() if table == _BUILT_IN else table
    names = _free_names(free, how)
    _refuse_both("--free", names, chosen)
    posed: dict[str, Any] = {
        "cohort": _middle_patient(chosen, settings), "regimen": chosen.regimen(),
        "loss": loss or ("kimmel2021" if table == _BUILT_IN else "log"),
        "bounds": by_name("--bounds", map(_pair, bounds or [])),
        **({} if starts is None else {"starts": starts}), **chosen.given("seed", "tolerance"),
    }  # fmt: skip
    screen = console()
    match how:
        case "fit":
            ds = vc.fit(rows, names, **posed)
            draw: Callable[[Any], Any] = vc.plots.fitted_curves
            _tell_fit(screen, ds)
        case "profile":
            ds = vc.profile_likelihood(rows, names, **posed)
            draw = vc.plots.profiles
            _tell(screen, ds[["estimate", "lower", "upper"]], ("patient", "parameter"))
        case "compare":
            held = [name for name in _HELD if name not in names]
            values = {name: _middle(value) for name, value in chosen.set.items()}
            ds = vc.compare_models(rows, fixed=held, values=values, **posed)
            draw = vc.plots.model_weights
            _tell(screen, ds[["parameters", "loss", "aic", "aicc", "bic"]], ("patient", "model"))
        case _:
            ds = vc.posterior(rows, names, **posed)
            draw = vc.plots.posterior
            _tell(screen, ds["summary"].to_dataset(), ("patient", "parameter"))
    outputs.write(screen, ds, draw)


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
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Say which parameters matter: near one patient, or over a whole population."""
    files = Outputs(output, plot, force)
    files.check()
    chosen = options.study_of(
        _way("sensitivity", how, _SENSITIVITY_WAYS), study,
        {"preset": preset, "sigma": sigma, **run_flags}, settings=settings,
        own={"--outputs": outputs, "--axis": axis, "--days": days, "-n": samples},
    )  # fmt: skip
    names = [] if outputs is None else options.names("--outputs", outputs)
    run: dict[str, Any] = chosen.given("seed", "horizon", "tolerance")
    run["regimen"] = chosen.regimen()
    screen = console()
    draw: Callable[[Any], Any] = vc.plots.global_sensitivity
    match how:
        case "sobol":
            ds = vc.sobol_indices(
                chosen.population(), names or ("cure",), _or(samples, 4096), **run,
                **chosen.given("progression"),
            )  # fmt: skip
            _tell(screen, ds[["first", "first_interval", "total", "total_interval"]])
        case "morris":
            ds = vc.morris(
                chosen.population(), names or ("cure",), _or(samples, 256), **run,
                **chosen.given("progression"),
            )  # fmt: skip
            _tell(screen, ds[["mu", "mu_star", "mu_star_interval", "sigma"]])
        case "map":
            axes = by_name("--axis", map(_axis, axis or []))
            patients = chosen.given("patients").get("patients", 256)
            ds = vc.sensitivity_map(chosen.population(), axes, _or(samples, patients), **run)
            draw = vc.plots.sensitivity_map
        case _:
            ds = _local(chosen, settings, names, days)
            draw = vc.plots.sensitivity_ranking
            _tell(screen, ds[["ranking", "removed"]].isel(patient=0), ("parameter",))
            if names:
                found = ds[["output_value", "output_sensitivity"]].isel(patient=0)
                _tell(screen, found)
    files.write(screen, ds, draw)


@options.with_run_flags("calibrate")
def calibrate(
    run_flags: dict[str, Any],
    free: Annotated[str, typer.Option(help="Parameters whose location and spread are fitted.")],
    trial: Annotated[
        str,
        typer.Option(help="CSV: day and pfs, or time and event of each patient; or zuma1."),
    ] = _BUILT_IN,
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
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Make a virtual population's progression-free survival that of a trial."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    chosen = options.study_of(
        "calibrate", study,
        {"preset": preset, "sigma": sigma, "patients": patients, **run_flags}, settings=settings,
        defaults={"patients": 4096},
    )  # fmt: skip
    screen = console()
    survival = vc.data.progression_free_survival() if trial == _BUILT_IN else trial
    ds = vc.calibrate(
        chosen.population(), survival, options.names("--free", free), n=chosen.patients,
        starts=starts, weights=weights, regimen=chosen.regimen(),
        **chosen.given("seed", "progression"),
    )  # fmt: skip
    _tell(screen, ds[["first_location", "location", "first_spread", "spread"]], ("parameter",))
    rms = {name: value for name, value in ds.attrs.items() if str(name).startswith("rms_")}
    told = ", ".join(
        f"{str(name)[4:]} {value:.4f}" for name, value in rms.items()
    )  # fmt: skip
    screen.print(f"rms distance to the trial: {told}", soft_wrap=True)
    flags = " ".join(
        f"--set '{name}={'normal' if kind == 'normal' else 'lognormal'}"
        f"({place:.6g}, {spread * place if kind == 'normal' else spread:.6g})'"
        for name, kind, place, spread in zip(
            ds["parameter"].values, ds["family"].values, ds["location"].values,
            ds["spread"].values, strict=True,
        )
    )  # fmt: skip
    screen.print(f"simulate with: {flags}", soft_wrap=True, highlight=False)
    outputs.write(screen, ds, vc.plots.calibration)


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
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Find day, dose and depth of a prepared infusion, beside the study's, that do most good."""
    outputs = Outputs(output, plot, force)
    outputs.check()
    chosen = options.study_of(
        "optimize", study,
        {"preset": preset, "sigma": sigma, "patients": patients, **run_flags}, settings=settings,
        defaults={"patients": 1024, "design": "sobol"},
    )  # fmt: skip
    screen = console()
    cohort = chosen.population().sample(chosen.patients, chosen.run().seed, design=chosen.design)
    ds = vc.optimize_regimen(
        cohort, by_name("--field", map(_pair, field)), objective, max_C_max=max_c_max,
        regimen=chosen.regimen(), **chosen.given("horizon", "progression", "tolerance"),
    )  # fmt: skip
    _tell(screen, ds[["best"]], ("field",))
    screen.print(
        f"{ds['objective'].attrs['long_name']}: {float(ds['objective_best']):.4f}, without "
        f"{float(ds['objective_without']):.4f}; 95th centile of C_max "
        f"{float(ds['C_max_best']):.3g} cells"
    )
    outputs.write(screen, ds, vc.plots.regimen_map)


COMMANDS = (fit, sensitivity, calibrate, optimize)


def _way(command: str, how: str, known: tuple[str, ...]) -> str:
    """Return the command with its way, as :mod:`vcohort.cli.uses` names it."""
    if how not in known:
        raise unknown("way", how, known)
    return command if how == command else f"{command} --how {how}"


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
        _middle_patient(chosen, settings), np.linspace(0.0, last, points), outputs=outputs,
        regimen=chosen.regimen(), **chosen.given("progression", "tolerance"),
    )  # fmt: skip
    return local.merge(vc.identifiability(local)[["correlation", "removed"]])


def _middle_patient(chosen: Study, settings: list[str] | None) -> vc.Cohort:
    """Return the patient in the middle of each distribution; say so where one has a spread."""
    from vcohort.populations.distributions import median_of

    typed = [name for name, value in map(parse_setting, settings or []) if not is_number(value)]
    if typed:
        raise VcohortError(
            f"--set gives {', '.join(typed)} a distribution, but this is of one patient. Give a "
            "number."
        )
    varied = [name for name, value in chosen.set.items() if not is_number(value)]
    spreads = [*(["sigma"] if chosen.sigma > 0 else []), *varied]
    if spreads:
        warnings.warn(
            f"This is of one patient, the one in the middle of each distribution: the spread of "
            f"{', '.join(spreads)} has no part in it.",
            VcohortWarning,
            stacklevel=2,
        )
    population = chosen.population()
    values = {name: median_of(law) for name, law in population.distributions.items()}
    return vc.Cohort.from_values(population.preset, model=population.model, **values)


def _middle(value: str | float) -> float:
    from vcohort.populations.distributions import median_of

    parsed = parse_value(value)
    return parsed if isinstance(parsed, float | int) else median_of(parsed)


def _refuse_both(flag: str, names: list[str], chosen: Study) -> None:
    """Refuse parameters that are both set and free: the value would be lost."""
    both = [name for name in names if name in chosen.set]
    if both:
        raise VcohortError(
            f"{', '.join(both)}: both set and free. A fit finds the value: take it out of "
            f"{flag}, or out of what is set; --bounds say where it may lie."
        )


def _tell_fit(screen: Console, ds: xr.Dataset) -> None:
    _tell(screen, ds[["estimate", "standard_error", "at_bound"]], ("patient", "parameter"))
    for patient in ds["patient"].values:
        one = ds.sel(patient=patient)
        same = float((one["start_loss"] <= 1.001 * one["loss"]).mean())
        screen.print(
            f"{patient}: loss {float(one['loss']):.6g}, reached by {same:.0%} of "
            f"{one.sizes['start']} starts"
        )


def _tell(screen: Console, ds: xr.Dataset, over: tuple[str, ...] = ("output", "parameter")) -> None:
    """Print variables as a table, a row for each combination of the dimensions ``over``."""
    over = tuple(name for name in over if name in ds.dims)
    names = [str(name) for name in ds.data_vars]
    table = Table()
    for heading in (*over, *names):
        table.add_column(heading, overflow="fold")
    for place in np.ndindex(*(ds.sizes[name] for name in over)):
        at = dict(zip(over, place, strict=True))
        labels = [str(ds[name].values[index]) for name, index in at.items()]
        cells = [ds[name].isel({k: v for k, v in at.items() if k in ds[name].dims}).item()
                 for name in names]  # fmt: skip
        table.add_row(*labels, *(f"{cell:.4g}" if isinstance(cell, float) else str(cell)
                                 for cell in cells))  # fmt: skip
    screen.print(table)


def _pair(text: str) -> tuple[str, Any]:
    """Return ``NAME=LOW:HIGH`` as a name and its bounds; one number is both."""
    name, value = parse_setting(text)
    found = list(parse_fields(name, value, ("low", "high"), least=1).values())
    return name, (found[0], found[-1])


def _axis(text: str) -> tuple[str, np.ndarray]:
    name, value = parse_setting(text)
    return name, parse_range(f"--axis {name}", value)
