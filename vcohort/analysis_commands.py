"""The commands of the analyses: fit, sensitivity, calibrate, optimize; each writes a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import typer
import xarray as xr
from rich.console import Console
from rich.table import Table

from vcohort import analysis, data, plots
from vcohort.cohort import Cohort
from vcohort.console import console
from vcohort.distributions import median_of
from vcohort.errors import VcohortError, unknown
from vcohort.files import check_saveable, check_writable, replacing, save
from vcohort.notation import by_name, parse_fields, parse_range, parse_setting
from vcohort.population import Population
from vcohort.study import Study, make_study, read_fields

StudyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--study", help="A study file (TOML): preset, sigma, set, regimen.")
]
Preset: TypeAlias = Annotated[str | None, typer.Option(help="Published parameter values.")]
Sigma: TypeAlias = Annotated[float | None, typer.Option(help="Relative patient variability.")]
Settings: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", help="NAME=VALUE, a number or a distribution.")
]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of all that is random.")]
Plot: TypeAlias = Annotated[Path | None, typer.Option(help="Picture to draw, .png or .pdf.")]

_BUILT_IN = "zuma1"


def fit(
    table: Annotated[
        str,
        typer.Argument(help="CSV: day, observable, value, weight or error, patient; or zuma1."),
    ],
    free: Annotated[
        str, typer.Option(help="Parameters to fit; compare: beside those of each law.")
    ] = "r_N,rho_C,K_C,a,b,gamma_B,k_B",
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("fit.nc"),
    how: Annotated[
        str, typer.Option(help="fit, profile (intervals), compare (laws), posterior (NUTS).")
    ] = "fit",
    loss: Annotated[str, typer.Option(help="log, linear, kimmel2021.")] = "log",
    bounds: Annotated[
        list[str] | None, typer.Option(help="NAME=LOW:HIGH. Repeatable; else the usual range.")
    ] = None,
    starts: Annotated[int, typer.Option(help="Starts for each patient.")] = 1000,
    study: StudyFile = None,
    preset: Preset = None,
    settings: Settings = None,
    seed: Seed = 0,
    plot: Plot = None,
) -> None:
    """Fit parameters to measurements, from many starts at once."""
    _check_files(output, plot)
    known = ("fit", "profile", "compare", "posterior")
    if how not in known:
        raise unknown("way", how, known)
    rows = data.fit_table() if table == _BUILT_IN else table
    chosen = _study(study, preset, None, settings, default="kimmel2021-figures")
    population = chosen.population()
    names = _names(free)
    cohort = _median_patient(population)
    limits = by_name("--bounds", map(_pair, bounds or []))
    common: dict[str, Any] = {"loss": loss, "seed": seed}
    posed = {"cohort": cohort, "bounds": limits, "regimen": chosen.regimen()}
    screen = console()
    match how:
        case "fit":
            ds = analysis.fit(rows, names, **posed, **common, starts=starts)
            draw: Callable[[Any], Any] = plots.fitted_curves
            _tell_fit(screen, ds)
        case "profile":
            ds = analysis.profile_likelihood(rows, names, **posed, **common, starts=starts)
            draw = plots.profiles
            _tell(screen, ds[["estimate", "lower", "upper"]], ("patient", "parameter"))
        case "compare":
            held = [name for name in ("K_N", "r_B") if name not in names]
            ds = analysis.compare_models(
                rows, preset=population.preset, fixed=held, **common, starts=starts
            )
            draw = plots.model_weights
            _tell(screen, ds[["parameters", "loss", "aic", "aicc", "bic"]], ("patient", "model"))
        case _:
            ds = analysis.posterior(rows, names, **posed, **common)
            draw = plots.posterior
            _tell(screen, ds["summary"].to_dataset(), ("patient", "parameter"))
    _finish(screen, ds, output, plot, draw)


def sensitivity(
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "sensitivity.nc"
    ),
    how: Annotated[str, typer.Option(help="local, sobol, morris, map.")] = "sobol",
    outputs: Annotated[
        str, typer.Option(help="cure, pfs_DAY, rmst_DAY, C_max, T_max, C_auc_DAY; with commas.")
    ] = "cure",
    axis: Annotated[
        list[str] | None,
        typer.Option(help="Of a map, two: NAME=LOW:HIGH:COUNT, K_C=6e10:8e10:21."),
    ] = None,
    days: Annotated[float, typer.Option(help="Days that local sensitivities follow.")] = 200.0,
    samples: Annotated[
        int | None,
        typer.Option("-n", help="sobol: base samples; morris: trajectories; map: patients a cell."),
    ] = None,
    study: StudyFile = None,
    preset: Preset = None,
    sigma: Sigma = None,
    settings: Settings = None,
    seed: Seed = 0,
    plot: Plot = None,
) -> None:
    """Say which parameters matter: near one patient, or over a whole population."""
    _check_files(output, plot)
    known = ("local", "sobol", "morris", "map")
    if how not in known:
        raise unknown("way", how, known)
    chosen = _study(study, preset, sigma, settings)
    population, regimen = chosen.population(), chosen.regimen()
    names = _names(outputs)
    screen = console()
    draw: Callable[[Any], Any] = plots.global_sensitivity
    many: dict[str, Any] = {"seed": seed, "horizon": chosen.horizon, "regimen": regimen}
    count = (4096 if how == "sobol" else 256) if samples is None else samples
    match how:
        case "sobol":
            ds = analysis.sobol_indices(population, names, count, **many)
            _tell(screen, ds[["first", "first_interval", "total", "total_interval"]])
        case "morris":
            ds = analysis.morris(population, names, count, **many)
            _tell(screen, ds[["mu", "mu_star", "mu_star_interval", "sigma"]])
        case "map":
            axes = by_name("--axis", map(_axis, axis or []))
            ds = analysis.sensitivity_map(population, axes, count, **many)
            draw = plots.sensitivity_map
        case _:
            cohort = _median_patient(population)
            local = analysis.local_sensitivity(cohort, np.linspace(0.0, days, 201), regimen=regimen)
            ds = local.merge(analysis.identifiability(local)[["correlation", "removed"]])
            draw = plots.sensitivity_ranking
            _tell(screen, ds[["ranking", "removed"]].isel(patient=0), ("parameter",))
    _finish(screen, ds, output, plot, draw)


def calibrate(
    free: Annotated[str, typer.Option(help="Parameters whose location and spread are fitted.")],
    trial: Annotated[
        str,
        typer.Option(help="CSV: day and pfs, or time and event of each patient; or zuma1."),
    ] = _BUILT_IN,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path(
        "calibration.nc"
    ),
    weights: Annotated[bool, typer.Option(help="Also weights of greatest entropy.")] = False,
    patients: Annotated[int, typer.Option("-n", "--patients")] = 4096,
    starts: Annotated[int, typer.Option(help="Starts of the search.")] = 4,
    study: StudyFile = None,
    preset: Preset = None,
    sigma: Sigma = None,
    settings: Settings = None,
    seed: Seed = 0,
    plot: Plot = None,
) -> None:
    """Make a virtual population's progression-free survival that of a trial."""
    _check_files(output, plot)
    chosen = _study(study, preset, sigma, settings)
    population, screen = chosen.population(), console()
    names = _names(free)
    survival = data.progression_free_survival() if trial == _BUILT_IN else trial
    ds = analysis.calibrate(
        population, survival, names, n=patients, starts=starts, weights=weights,
        progression=chosen.progression, regimen=chosen.regimen(), seed=seed,
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
    _finish(screen, ds, output, plot, plots.calibration)


def optimize(
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
    patients: Annotated[int, typer.Option("-n", "--patients")] = 1024,
    study: StudyFile = None,
    preset: Preset = None,
    sigma: Sigma = None,
    settings: Settings = None,
    seed: Seed = 0,
    plot: Plot = None,
) -> None:
    """Find day, dose and depth of a second, prepared infusion that do most good."""
    _check_files(output, plot)
    chosen, screen = _study(study, preset, sigma, settings), console()
    cohort = chosen.population().sample(patients, seed, design="sobol")
    limits = by_name("--field", map(_pair, field))
    ds = analysis.optimize_regimen(
        cohort, limits, objective, max_C_max=max_c_max, horizon=chosen.horizon,
        progression=chosen.progression,
    )  # fmt: skip
    _tell(screen, ds[["best"]], ("field",))
    screen.print(
        f"{ds['objective'].attrs['long_name']}: {float(ds['objective_best']):.4f}, without "
        f"{float(ds['objective_without']):.4f}; 95th centile of C_max "
        f"{float(ds['C_max_best']):.3g} cells"
    )
    _finish(screen, ds, output, plot, plots.regimen_map)


COMMANDS = (fit, sensitivity, calibrate, optimize)


def _study(
    file: Path | None,
    preset: str | None,
    sigma: float | None,
    settings: list[str] | None,
    default: str = "kimmel2021",
) -> Study:
    """Return the study of a file with the flags over it, checked."""
    fields: dict[str, Any] = {"preset": default, **(read_fields(file) if file else {})}
    if preset is not None:
        fields["preset"] = preset
    if sigma is not None:
        fields["sigma"] = sigma
    given = by_name("--set", map(parse_setting, settings or []))
    if given:
        fields["set"] = {**make_study(fields).set, **given}
    study = make_study(fields)
    study.check()
    return study


def _median_patient(population: Population) -> Cohort:
    """Return the patient in the middle of each distribution."""
    values = {name: median_of(law) for name, law in population.distributions.items()}
    return Cohort.from_values(population.preset, model=population.model, **values)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _check_files(output: Path, plot: Path | None) -> None:
    """Refuse, before any work, what cannot be written."""
    check_saveable(output)
    if plot is None:
        return
    check_writable(plot)
    known = plt.figure().canvas.get_supported_filetypes()
    plt.close("all")
    if plot.suffix.lstrip(".") not in known:
        raise VcohortError(f"Cannot draw {plot}: give it a name that ends in .png, .pdf or .svg.")


def _finish(
    screen: Console, ds: Any, output: Path, plot: Path | None, draw: Callable[[Any], Any]
) -> None:
    written = [save(ds, output)]
    if plot is not None:
        draw(ds)
        with replacing(plot) as temporary:
            plt.gcf().savefig(temporary, dpi=160)
        plt.close("all")
        written.append(plot)
    for path in written:
        screen.print(f"wrote {path}", soft_wrap=True)


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
    table = Table(*over, *names)
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
    found = list(parse_fields(name, value, ("low", "high")).values())
    return name, (found[0], found[-1])


def _axis(text: str) -> tuple[str, np.ndarray]:
    name, value = parse_setting(text)
    return name, parse_range(f"--axis {name}", value)
