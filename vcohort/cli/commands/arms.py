"""The commands `compare` and `trial`: arms set side by side, and what so many patients show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.commands.shared import Plot, tell
from vcohort.cli.console import console
from vcohort.cli.outputs import Outputs
from vcohort.errors import VcohortError
from vcohort.studies.notation import parse_setting

Files: TypeAlias = Annotated[
    list[Path], typer.Argument(help="Cohorts, NetCDF files: an arm each, named by its file.")
]
Reference: TypeAlias = Annotated[
    str | None, typer.Option(help="The arm to set others against; else the first.")
]
Days: TypeAlias = Annotated[str | None, typer.Option(help="Days of survival: 90,180,365.")]


def compare(
    files: Files,
    reference: Reference = None,
    days: Days = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file.")] = Path("arms.nc"),
    plot: Plot = None,
    force: options.Force = False,
) -> None:
    """Compare arms, patient by patient where they are the same: cure, survival, peaks, responses.

    What a trial of so many patients would show is for `vcohort trial`.
    """
    outputs = Outputs(output, plot, force)
    outputs.check(*files)
    names = _names(files)
    at = options.numbers("--days", days)
    ds = vc.compare(_read(names, files), reference, days=at)
    screen = console()
    shown = ds[["value", "difference", "lower", "upper"]]
    tell(screen, shown.drop_sel(arm=ds.attrs["reference"]), ("arm", "statistic"))
    _tell_hazards(screen, ds)
    _tell_reference(
        screen, ds, "Intervals are those of Monte Carlo, not of a trial: vcohort trial."
    )
    outputs.write(screen, ds, vc.plots.forest)


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
    names = _names(files)
    sizes = _sizes(patients)
    at, looks = options.numbers("--days", days), options.numbers("--visits", visits)
    planned = vc.Trial(_read(names, files), sizes, enrolment, dropout, looks, analysis)
    ds = planned.predict(trials=trials, days=at, reference=reference, alpha=alpha, seed=seed)
    screen = console()
    tell(screen, ds[["middle", "lower", "upper", "difference"]], ("arm", "statistic"))
    tell(screen, ds[["events", "power", "better"]], ("arm",))
    _tell_reference(
        screen, ds, f"Of {trials:,} such trials {100 * ds.attrs['confidence']:g} % find what lies "
        "between lower and upper; power: whose log-rank test is significant.",
    )  # fmt: skip
    outputs.write(screen, ds)


def _names(files: Sequence[Path]) -> list[str]:
    """Return the arms' names; refuse files that are not there, and two of one name."""
    names = [file.stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise VcohortError(f"Two files are called {twice!r}: arms need names of their own.")
    for file in files:
        if not file.exists():
            raise VcohortError(f"There is no file {file}.")
    return names


def _read(names: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    load()
    return {name: vc.load(file) for name, file in zip(names, files, strict=True)}


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


def _tell_hazards(screen: Console, ds: Any) -> None:
    """Tell the hazard ratios, of those arms that have one; of others a warning has said why."""
    for arm in ds["arm"].values.tolist():
        ratio, lower, upper = (
            float(ds[f"hazard_ratio{end}"].sel(arm=arm)) for end in ("", "_lower", "_upper")
        )
        if math.isfinite(ratio):
            screen.print(
                f"hazard ratio of progression, {arm}: {ratio:.3g} ({lower:.3g} to {upper:.3g})",
                highlight=False, soft_wrap=True,
            )  # fmt: skip


def _tell_reference(screen: Console, ds: Any, words: str) -> None:
    against = ds.attrs["reference"]
    patients = ", ".join(f"{name} {count:,}" for name, count in
                         zip(ds["arm"].values.tolist(), ds["patients"].values.tolist(),
                             strict=True))  # fmt: skip
    screen.print(
        f"against {against}; patients: {patients}. {words}", highlight=False, soft_wrap=True
    )
