"""The command `trial`: what a trial of so many patients shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.arm_files import Days, Files, Reference, names_of, read_arms, tell_reference
from vcohort.cli.commands.shared import tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError
from vcohort.studies.notation import parse_setting


def trial(
    files: Files,
    patients: Annotated[
        list[str], typer.Option("-n", "--patients", help="In each arm: 50, or NAME=50, repeated.")
    ],
    enrolment: Annotated[
        float, typer.Option(help="Days over which patients are enrolled, evenly.")
    ] = 0.0,
    dropout: Annotated[float, typer.Option(help="Share of the patients lost within a year.")] = 0.0,
    visits: Annotated[
        str | None, typer.Option(help="Days on which patients are looked at: 28,91,182.")
    ] = None,
    analysis: Annotated[
        float | None, typer.Option(help="Day of the analysis; else the shortest horizon.")
    ] = None,
    reference: Reference = None,
    days: Days = None,
    trials: Annotated[int, typer.Option(help="How many trials to draw.")] = 1000,
    alpha: Annotated[float, typer.Option(help="Of the two-sided log-rank test.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the trials.")] = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("trial.nc"),
    force: options.Force = False,
) -> None:
    """Tell what a trial of so many patients would show: intervals, and the power of its test."""
    outputs = Outputs(output, force=force)
    outputs.check(*files)
    names = names_of(files)
    sizes = _sizes(patients)
    at, looks = options.numbers("--days", days), options.numbers("--visits", visits)
    planned = vc.Trial(read_arms(names, files), sizes, enrolment, dropout, looks, analysis)
    ds = planned.predict(trials=trials, days=at, reference=reference, alpha=alpha, seed=seed)
    screen = console()
    tell(screen, ds[["middle", "lower", "upper", "difference"]], ("arm", "statistic"))
    tell(screen, ds[["events", "power", "better"]], ("arm",))
    tell_reference(
        screen, ds, f"Of {trials:,} such trials {100 * ds.attrs['confidence']:g} % find what lies "
        "between lower and upper; power: whose log-rank test is significant.",
    )  # fmt: skip
    outputs.write(screen, ds)


def _sizes(given: Sequence[str]) -> int | dict[str, int]:
    """Return the patients of each arm: one number for all, or NAME=NUMBER of each."""
    if len(given) == 1 and "=" not in given[0]:
        return _whole("--patients", given[0])
    found: dict[str, int] = {}
    for text in given:
        name, value = parse_setting(text)
        if name in found:
            raise VcohortError(f"--patients gives {name!r} twice. Keep one.")
        found[name] = _whole(f"--patients {name}", value)
    return found


def _whole(flag: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise VcohortError(f"{flag} {text} is no whole number. Try 50.")
    return int(text)
