"""The command line. A mistake gives one message and exit status 2, never a traceback."""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import end, load
from vcohort.cli.commands.archive import archive
from vcohort.cli.commands.calibrate import calibrate
from vcohort.cli.commands.compare import compare
from vcohort.cli.commands.explore import explore
from vcohort.cli.commands.export import export
from vcohort.cli.commands.fit import fit
from vcohort.cli.commands.fit_population import fit_population
from vcohort.cli.commands.look import plot
from vcohort.cli.commands.optimize import optimize
from vcohort.cli.commands.report import report
from vcohort.cli.commands.sensitivity import sensitivity
from vcohort.cli.commands.survival import survival
from vcohort.cli.commands.sweep import resume, sweep, verify
from vcohort.cli.commands.trial import trial
from vcohort.cli.console import console, forgive_letters, table
from vcohort.cli.outputs import Outputs
from vcohort.cli.signals import heard
from vcohort.errors import VcohortError
from vcohort.given import whole
from vcohort.models import LAW_KINDS

USAGE_ERROR = 2

# What typer makes of Ctrl-C.
INTERRUPTED = 130

app = typer.Typer(
    help="Virtual cohorts of CAR T cell therapy.", no_args_is_help=True,
    pretty_exceptions_enable=False,
)  # fmt: skip


def _show_version(wanted: bool) -> None:
    if wanted:
        console().print(f"vcohort {vc.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Virtual cohorts of CAR T cell therapy."""


@app.command(cls=options.EachOnce)
@options.with_run_flags("simulate")
def simulate(
    run_flags: dict[str, Any],
    study: options.StudyFile = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file to write.")] = Path(
        "cohort.nc"
    ),
    preset: options.Preset = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    patients: options.Patients = None,
    sigma: options.Sigma = None,
    design: options.Design = None,
    save_at: Annotated[str | None, typer.Option(help="Days to keep states at: 0,7,14,28.")] = None,
    endpoint: options.Endpoints = None,
    infuse: options.Infuse = None,
    deplete: options.Deplete = None,
    force: options.Force = False,
) -> None:
    """Run a virtual cohort and write it to a NetCDF file. Flags override the study file."""
    outputs = Outputs(output, force=force)
    outputs.check()
    checked = options.study_of("simulate", study, {
        "preset": preset, "patients": patients, "sigma": sigma, "design": design,
        "save_at": options.numbers("--save-at", save_at), "endpoints": endpoint, **run_flags,
    }, settings=settings, laws=laws, infuse=infuse, deplete=deplete)  # fmt: skip
    from vcohort.results.summary import summary_table

    start = time.perf_counter()
    ds = checked.simulate()
    seconds = time.perf_counter() - start
    screen = console()
    screen.print(
        summary_table({f"{checked.preset}, {checked.run.method}": (vc.summarise(ds), seconds)})
    )
    outputs.write(screen, ds)


@app.command(cls=options.EachOnce)
def info() -> None:
    """Show versions, devices, presets with their units and sources, and laws."""
    import jax
    import numpy as np

    from vcohort.models.formulas.statements import MEANINGS
    from vcohort.populations.shipped import shipped, shipped_names

    screen = console()
    screen.print(
        f"vcohort {vc.__version__}, jax {jax.__version__}, numpy {np.__version__}, "
        f"python {sys.version.split()[0]}"
    )
    for device in jax.devices():
        screen.print(f"device {device.id}: {device.platform}, {device.device_kind}")
    for preset in vc.presets().values():
        screen.print(f"{preset.name}: {preset.description}")
    for name in shipped_names():
        screen.print(f"{name}: a calibrated population; {shipped(name)['description']}")
    _tell_parameters(screen)
    for kind in LAW_KINDS:
        laws = table("name", "rate per cell and day", title=f"{kind} laws")
        for law in vc.laws(kind).values():
            laws.add_row(law.name, law.formula)
        screen.print(laws)
    for name, meaning in MEANINGS.items():
        screen.print(f"{name}: {meaning}", highlight=False)


@app.command(cls=options.EachOnce)
def demo(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")] = Path(
        "demo"
    ),
    patients: Annotated[int, typer.Option("-n", "--patients")] = 100_000,
    seed: Annotated[int, typer.Option()] = 1,
    force: options.Force = False,
) -> None:
    """Run a virtual ZUMA-1 trial: a population calibrated to it, and the published presets."""
    whole("n", patients, least=1)
    load("vcohort.cli.demo")
    from vcohort.cli.demo import run_demo

    run_demo(folder, patients, seed, console(), force)


for command in (
    explore, sweep, resume, verify, report, fit, fit_population, sensitivity, calibrate, optimize,
    compare, trial, survival, plot, export, archive,
):  # fmt: skip
    app.command(cls=options.EachOnce)(command)


def main() -> None:
    """Run the command line; usage errors are typer's to tell, all others are told here."""
    forgive_letters()
    screen = console(stderr=True)

    def tell(kind: str, colour: str, message: object) -> None:
        screen.print(Text.assemble((f"{kind}:", colour), f" {message}"), soft_wrap=True)

    told: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        # A study is looked at before work starts, and again when it does.
        if str(message) not in told:
            told.add(str(message))
            tell("Warning", "yellow", message)

    def stopped() -> NoReturn:
        with suppress(OSError):
            sys.stdout.flush()
        end(signals.number)

    warnings.showwarning = show
    with heard() as signals:
        try:
            # Not ``app()``, which takes Python's hook of exceptions for its own.
            typer.main.get_command(app)()
        except (VcohortError, OSError) as error:
            tell("Error", "red", error)
            sys.exit(USAGE_ERROR)
        except KeyboardInterrupt:
            stopped()
        except SystemExit as ended:
            if ended.code != INTERRUPTED:
                raise
            stopped()
        except MemoryError:
            tell("Error", "red", "Out of memory. Run fewer patients: -n.")
            sys.exit(USAGE_ERROR)
        except Exception:
            if signals.came is None:
                raise
            # An interrupt that a library gave another name.
            stopped()


def _tell_parameters(screen: Console) -> None:
    known = vc.presets()
    # A line of its own for what tells presets apart, so that the table fits.
    headers = [name.replace("-", "\n-") for name in known]
    presets = table("", "unit", *headers, title="presets")
    meanings = table("", "meaning", title="parameters")
    for name, param in vc.car_t().parameters.items():
        presets.add_row(
            name, param.unit, *(f"{preset.values[name]:.4g}" for preset in known.values())
        )
        meanings.add_row(name, param.description)
    screen.print(presets)
    screen.print(meanings)
