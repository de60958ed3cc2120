"""The commands of sweeps: sweep, resume, verify, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.console import console
from vcohort.cli.outputs import STORE, check_format
from vcohort.cli.workers import workers_of
from vcohort.errors import VcohortError
from vcohort.files import check_writable
from vcohort.studies.notation import by_name, is_number, parse_setting
from vcohort.sweeps.store.absent import check_there

if TYPE_CHECKING:
    import xarray as xr

    from vcohort.studies.study import Study

StoreFolder: TypeAlias = Annotated[Path, typer.Argument(help="A store that vcohort sweep wrote.")]
LocalWorkers: TypeAlias = Annotated[
    int | None, typer.Option(help="Processes on this machine that compute.")
]
Scheduler: TypeAlias = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler: tcp://host:8786.")
]


@options.with_run_flags("sweep")
def sweep(
    run_flags: dict[str, Any],
    study: options.StudyFile = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Zarr store to write.")] = Path(
        "sweep.zarr"
    ),
    axis: Annotated[
        list[str] | None,
        typer.Option(help="NAME=LOW:HIGH:COUNT, K_C=6e10:8e10:21; or NAME=1,2,5. Repeatable."),
    ] = None,
    layout: Annotated[str | None, typer.Option(help="grid, table, sobol, latin-hypercube.")] = None,
    cells: Annotated[int | None, typer.Option(help="Points of a design.")] = None,
    independent: Annotated[
        bool | None, typer.Option("--independent", help="Other patients in each cell.")
    ] = None,
    days: Annotated[str | None, typer.Option(help="Days to look at survival: 90,180,365.")] = None,
    keep_patients: Annotated[
        bool | None, typer.Option("--keep-patients", help="Keep each patient's results.")
    ] = None,
    chunk: Annotated[int | None, typer.Option(help="Cells of a chunk.")] = None,
    workers: LocalWorkers = None,
    scheduler: Scheduler = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and stop.")
    ] = False,
    price: Annotated[
        float | None, typer.Option(help="Of this machine an hour, for the dry run.")
    ] = None,
    preset: options.Preset = None,
    settings: options.Settings = None,
    laws: options.LawNames = None,
    patients: options.Patients = None,
    sigma: options.Sigma = None,
    design: options.Design = None,
    endpoint: options.Endpoints = None,
    infuse: options.Infuse = None,
    deplete: options.Deplete = None,
) -> None:
    """Run a cohort in each cell of a grid; where the store is there already, go on with it.

    -n is the patients of each cell; the method is exact unless the study says otherwise.
    """
    swept = {
        "axes": by_name("--axis", map(parse_setting, axis or [])) or None, "layout": layout,
        "cells": cells, "independent": independent, "chunk": chunk,
        "days": options.numbers("--days", days), "keep_patients": keep_patients,
    }  # fmt: skip
    chosen = options.study_of(
        "sweep --dry-run" if dry_run else "sweep", study,
        {
            "preset": preset, "patients": patients, "sigma": sigma, "design": design,
            "endpoints": endpoint, **run_flags,
        },
        settings=settings, laws=laws, infuse=infuse, deplete=deplete, swept=swept,
        own={"--price": price, "--workers": workers, "--scheduler": scheduler},
        defaults={"method": "exact"},
    )  # fmt: skip
    one_value = {"sigma": sigma, **{name: run_flags[name] for name in ("progression", "threshold")}}
    _refuse_both(chosen, settings, axis, one_value)
    arguments = chosen.sweep_arguments()
    if not output.exists():
        check_writable(output)
        check_format(output, STORE)
    screen = console()
    if dry_run:
        screen.print(str(vc.estimate_sweep(**arguments, price_per_hour=price)))
        return
    from vcohort.sweeps.api import lacks_any

    is_work = lacks_any(output)
    with workers_of(workers, scheduler) as client:
        _tell(screen, vc.sweep(**arguments, store=output, client=client), output, is_work)


def resume(
    store: StoreFolder,
    repair: Annotated[
        bool, typer.Option("--repair", help="Also compute damaged chunks again.")
    ] = False,
    workers: LocalWorkers = None,
    scheduler: Scheduler = None,
) -> None:
    """Go on with a sweep that was interrupted."""
    _open(store)
    from vcohort.sweeps.api import go_on

    with workers_of(workers, scheduler) as client:
        is_work = go_on(store, repair=repair, client=client) > 0
    _tell(console(), vc.open_sweep(store), store, is_work)


def verify(store: StoreFolder) -> None:
    """Read a store from its first byte to its last; exit status 1 where it is not whole."""
    _open(store)
    found = vc.verify(store)
    console().print(str(found), soft_wrap=True, highlight=False)
    if found.is_whole:
        return
    again = f"vcohort resume {store}{' --repair' if found.damaged else ''}"
    console(stderr=True).print(f"To mend it: {again}", soft_wrap=True)
    raise typer.Exit(1)


def _open(store: Path) -> None:
    """Refuse a store that is not there; else import what reads one."""
    check_there(store)
    load("vcohort.sweeps.api")


def _refuse_both(
    chosen: Study, settings: list[str] | None, axis: list[str] | None, flags: Mapping[str, Any]
) -> None:
    """Refuse a value that is given beside an axis of its name, by flags or in the study file both.

    The cells would not read it. An axis of the command line takes the place of a value of the file.
    """
    swept = {each for key in (chosen.sweep.axes if chosen.sweep else {}) for each in _parts(key)}
    typed = {name for name, value in flags.items() if value is not None}
    typed |= {name for name, value in map(parse_setting, settings or []) if is_number(value)}
    if not axis:
        typed |= {name for name, value in chosen.set.items() if is_number(value)}
        typed |= set(chosen.given(*flags))
    both = sorted(swept & typed)
    if both:
        raise VcohortError(
            f"{', '.join(both)}: both swept and given one value, which no cell would have. Leave "
            "the value or the axis out."
        )


def _parts(key: str) -> list[str]:
    return [name.strip() for name in key.split(",")]


def _tell(screen: Console, ds: xr.Dataset, store: Path, is_work: bool) -> None:
    sizes = " × ".join(f"{name} {ds.sizes[name]}" for name in ds["steps"].dims)
    patients = ds["steps"].size * int(ds.attrs["patients_per_cell"])
    screen.print(f"{sizes}: {ds['steps'].size:,} cells, {patients:,} patients", highlight=False)
    for name in ("cure_probability", "cured", "progressed"):
        if name in ds:
            low, high = float(ds[name].min()), float(ds[name].max())
            screen.print(f"{name}: {low:.3f} to {high:.3f}", highlight=False)
    done = f"wrote {store}" if is_work else f"{store} was whole already: there was nothing to do"
    screen.print(done, soft_wrap=True)
