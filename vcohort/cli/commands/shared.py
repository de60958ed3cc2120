"""What the commands of the analyses share: flags, the patient in the middle, tables."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli.at_once import load
from vcohort.cli.console import table
from vcohort.errors import VcohortError, VcohortWarning, unknown
from vcohort.studies.notation import is_number, parse_fields, parse_setting, parse_value
from vcohort.tables.csv_files import read_lines

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.studies.study import Study
    from vcohort.sweeps.store.store import Verification

StudyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--study", help="A study file (TOML): preset, sigma, set, regimen.")
]
Plot: TypeAlias = Annotated[Path | None, typer.Option(help="Picture to draw, .png, .pdf or .svg.")]

File: TypeAlias = Annotated[Path, typer.Argument(help="A NetCDF file, or a sweep's Zarr store.")]

# The trial whose data come with the package.
BUILT_IN = "zuma1"


def check_table(file: str, room: str, reader: str) -> None:
    """Refuse a table that the function ``reader`` of a room refuses, before JAX is imported.

    What it only warns of is told when it is read for good.
    """
    # A pipe can be read once.
    if file == BUILT_IN or (Path(file).exists() and not Path(file).is_file()):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What is no such file takes no library to tell.
        read_lines(file)
        load(room)
        getattr(import_module(room), reader)(file)


def way(command: str, how: str, known: tuple[str, ...]) -> str:
    """Return the command with its way, as :mod:`vcohort.studies.uses` names it."""
    if how not in known:
        raise unknown("way", how, known)
    return command if how == command else f"{command} --how {how}"


def middle_patient(chosen: Study, settings: list[str] | None) -> vc.Cohort:
    """Return the patient in the middle of each distribution; say so where one has a spread."""
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
    return chosen.population().middle()


def middle(value: str | float) -> float:
    """Return a number, or the median of the distribution that a text says."""
    from vcohort.populations.distributions import median_of

    parsed = parse_value(value)
    return parsed if isinstance(parsed, float | int) else median_of(parsed)


def tell(screen: Console, ds: xr.Dataset, over: tuple[str, ...] = ("output", "parameter")) -> None:
    """Print variables as a table, a row for each combination of the dimensions ``over``."""
    over = tuple(name for name in over if name in ds.dims)
    names = [str(name) for name in ds.data_vars]
    rows = table(*over, *names)
    for place in np.ndindex(*(ds.sizes[name] for name in over)):
        at = dict(zip(over, place, strict=True))
        labels = [str(ds[name].values[index]) for name, index in at.items()]
        cells = [ds[name].isel({k: v for k, v in at.items() if k in ds[name].dims}).item()
                 for name in names]  # fmt: skip
        rows.add_row(*labels, *(f"{cell:.4g}" if isinstance(cell, float) else str(cell)
                                 for cell in cells))  # fmt: skip
    screen.print(rows)


def pair(text: str) -> tuple[str, Any]:
    """Return ``NAME=LOW:HIGH`` as a name and its bounds; one number is both."""
    name, value = parse_setting(text)
    found = list(parse_fields(name, value, ("low", "high"), least=1).values())
    return name, (found[0], found[-1])


def lacks_of_store(store: Path, found: Verification) -> list[str]:
    """Say what a store lacks, and what to type."""
    notes: list[str] = []
    if found.missing:
        notes.append(
            f"This sweep is not finished: {len(found.missing)} of {found.chunks} chunks are "
            f"missing. Finish it: vcohort resume {store}"
        )
    if found.damaged:
        notes.append(
            f"This store is damaged: {len(found.damaged)} of {found.chunks} chunks are not what "
            f"was written. Compute them again: vcohort resume {store} --repair"
        )
    return notes


def read_file(file: Path) -> Any:
    """Return what a file or a store holds; what a store lacks is told, and damage refused."""
    if not file.exists():
        raise VcohortError(f"There is no file {file}.")
    load()
    if not (file / "zarr.json").exists():
        return vc.load(file)
    from vcohort.sweeps.api import open_whole

    ds, found = open_whole(file)
    lacks = lacks_of_store(file, found)
    if found.damaged:
        raise VcohortError(" ".join(lacks))
    for lack in lacks:
        warnings.warn(lack, VcohortWarning, stacklevel=1)
    return ds
