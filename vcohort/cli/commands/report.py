"""The command `report`: one page on whatever is in a file, a store or a study's folder."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.console import console
from vcohort.cli.outputs import PAGE, check_format, check_not_read
from vcohort.errors import VcohortError, VcohortWarning
from vcohort.files import check_writable


def report(
    source: Annotated[
        Path, typer.Argument(help="A NetCDF file, a sweep's Zarr store, or a folder with these.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="HTML file.")] = Path(
        "report.html"
    ),
    credibility: Annotated[
        bool,
        typer.Option(
            "--credibility",
            help="Begin with the frame of a credibility assessment (ICH M15, ASME V&V 40): what "
            "the software knows is filled in, what you must write is named.",
        ),
    ] = False,
    force: options.Force = False,
) -> None:
    """Write one self-contained page: findings, pictures, tables, assumptions, provenance.

    All is verified before it is reported. What is missing or damaged is left out, and the page says
    so; exit status 2 where something is damaged.
    """
    check_not_read(output, source)
    check_writable(output, overwrite=force)
    check_format(output, PAGE)
    if not source.is_dir():
        if not source.exists():
            raise VcohortError(f"{source} does not exist. Give a file, a store or a folder.")
        load()
    load("vcohort.sweeps.api")
    from vcohort.cli.report.folder import is_store, read, read_folder
    from vcohort.cli.report.page import write_page

    is_folder = source.is_dir() and not is_store(source)
    found, left_out = read_folder(source) if is_folder else ([read(source)], {})
    title = f"Study: {source.resolve().name}" if is_folder else found[0].section.title
    write_page(
        title, [each.section for each in found], output, overwrite=force, left_out=left_out,
        credibility=_credibility(found) if credibility else (),
    )  # fmt: skip
    console().print(f"wrote {output}", soft_wrap=True)
    notes = [note for each in found for note in each.notes]
    notes += [f"{name} is left out: {why}" for name, why in left_out.items()]
    if left_out or any(each.is_damaged for each in found):
        raise VcohortError(f"{output} leaves something out. {' '.join(notes)}")
    for note in notes:
        warnings.warn(note, VcohortWarning, stacklevel=1)


def _credibility(found: Any) -> Any:
    from vcohort.cli.report.credibility import credibility_of

    return credibility_of({each.section.title: each.dataset for each in found})
