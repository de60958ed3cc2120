"""The command `report`: one page on whatever is in a file or a store."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.commands.shared import lacks_of_store
from vcohort.cli.console import console
from vcohort.cli.outputs import PAGE, check_format, check_not_read
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.files import check_writable
from vcohort.sweeps.store.absent import check_there


def report(
    file: Annotated[Path, typer.Argument(help="A NetCDF file, or a sweep's Zarr store.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file.")] = Path(
        "report.html"
    ),
    force: options.Force = False,
) -> None:
    """Write one self-contained page: findings, pictures, tables, settings, provenance.

    Of a store, what is missing or damaged is left out, and the page says so; exit status 2 where it
    is damaged.
    """
    check_not_read(output, file)
    check_writable(output, overwrite=force)
    check_format(output, PAGE)
    if file.is_file():
        load()
        from vcohort.cli.report import dataset

        dataset.write_report(vc.load(file), file, output, overwrite=force)
        console().print(f"wrote {output}", soft_wrap=True)
        return
    check_there(file)
    load("vcohort.sweeps.api")
    _of_a_store(file, output, force)


def _of_a_store(store: Path, output: Path, force: bool) -> None:
    from vcohort.cli.report.sweep import write_report
    from vcohort.sweeps.api import open_whole
    from vcohort.sweeps.compute.variables import missing_note

    ds, found = open_whole(store)
    notes = lacks_of_store(store, found)
    lost = missing_note(ds)
    notes += [lost] if lost else []
    write_report(ds, output, notes, overwrite=force)
    console().print(f"wrote {output}", soft_wrap=True)
    if found.damaged:
        raise VcohortError(f"{output} leaves something out. {' '.join(notes)}")
    for note in notes:
        warnings.warn(note, VcohortWarning, stacklevel=1)
