"""Arms of the commands `compare` and `trial`: files of cohorts, an arm each, named by its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli.at_once import load
from vcohort.errors import VcohortError

Files: TypeAlias = Annotated[
    list[Path], typer.Argument(help="Cohorts, NetCDF files: an arm each, named by its file.")
]
Reference: TypeAlias = Annotated[
    str | None, typer.Option(help="The arm to set others against; else the first.")
]
Days: TypeAlias = Annotated[str | None, typer.Option(help="Days of survival: 90,180,365.")]


def names_of(files: Sequence[Path]) -> list[str]:
    """Return the arms' names; refuse files that are not there, and two of one name."""
    names = [file.stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise VcohortError(f"Two files are called {twice!r}: arms need names of their own.")
    for file in files:
        if not file.exists():
            raise VcohortError(f"There is no file {file}.")
    return names


def read_arms(names: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    """Return each arm's cohort."""
    load()
    return {name: vc.load(file) for name, file in zip(names, files, strict=True)}


def tell_reference(screen: Console, ds: Any, words: str) -> None:
    """Tell what the arms are set against, and how many patients each has."""
    against = ds.attrs["reference"]
    patients = ", ".join(f"{name} {count:,}" for name, count in
                         zip(ds["arm"].values.tolist(), ds["patients"].values.tolist(),
                             strict=True))  # fmt: skip
    screen.print(
        f"against {against}; patients: {patients}. {words}", highlight=False, soft_wrap=True
    )
