"""The command `export`: what a file holds, in the format of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vcohort.cli import options, trial_tables
from vcohort.cli.commands.formats import FORMATS, Asked, format_of, refuse_unread
from vcohort.cli.commands.shared import File, read_file
from vcohort.cli.console import console
from vcohort.cli.outputs import DATASET, TABLE, check_format, check_not_read
from vcohort.errors import one_of
from vcohort.exchange.rows import check_library
from vcohort.files import check_writable


def export(
    file: File,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, parquet, arrow: a table. nonmem, monolix: doses and measurements, of a run "
            "with --save-at. adtte, adrs: events, responses (CDISC). sbml, sbml-birth-death: one "
            "patient's model. netcdf: of a store. Else what the name ends in says it.",
        ),
    ] = None,
    patient: Annotated[
        int | None, typer.Option(help="Number of the patient whose model is written.")
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="Dimensions of a row: patient,time. See the note it prints.")
    ] = None,
    observable: Annotated[
        list[str] | None,
        typer.Option(help="What was measured: C_per_ul, B_ml, and which others. Repeatable."),
    ] = None,
    limit: trial_tables.Limit = None,
    covariates: Annotated[
        str | None, typer.Option(help="Variables to write as covariates: K_C,r_B.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Write what a file holds: as a table, one row per patient, cell or parameter; as a model."""
    check_not_read(output, file)
    check_writable(output, overwrite=force)
    if format_name is None:
        check_format(output, (*TABLE, *DATASET))
    name = one_of("format", format_name or format_of(output), FORMATS)
    check_format(output, FORMATS[name].endings)
    check_library(output)
    asked = Asked(
        patient,
        None if over is None else options.names("--over", over),
        observable or None,
        trial_tables.limit_of(limit),
        None if covariates is None else options.names("--covariates", covariates),
    )
    refuse_unread(name, asked)
    ds, screen = read_file(file), console()
    for told in FORMATS[name].write(ds, output, force, asked):
        screen.print(told, highlight=False, soft_wrap=True)
    screen.print(f"wrote {output}", soft_wrap=True)
