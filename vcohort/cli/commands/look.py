"""The commands `plot` and `export`: a picture, a table or a model of what is in a file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.at_once import load
from vcohort.cli.commands.models import FORMATS, write_model
from vcohort.cli.commands.shared import lacks_of_store
from vcohort.cli.console import console
from vcohort.cli.outputs import (
    DATASET,
    MODEL,
    PICTURE,
    TABLE,
    check_format,
    check_not_read,
    check_table,
    save_picture,
    write_table,
)
from vcohort.cli.pictures import PICTURES
from vcohort.errors import VcohortError, VcohortWarning, one_of, unknown
from vcohort.files import check_writable, replacing

File = Annotated[Path, typer.Argument(help="A NetCDF file, or a sweep's Zarr store.")]


def plot(
    file: File,
    picture: Annotated[
        str | None, typer.Argument(help="Which; without it the first of the file's kind.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Picture to write, .png, .pdf or .svg.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Draw what a file holds. A picture that there is not is refused with those that there are."""
    if picture is not None:
        picture = picture.replace("-", "_")
        known = sorted({name for names in PICTURES.values() for name in names})
        if picture not in known:
            raise unknown("picture", picture, known)
    if output is not None:
        check_writable(output, overwrite=force)
        check_format(output, PICTURE)
    ds = _read(file)
    drawn = _suited(ds, picture)
    target = output or file.with_name(f"{file.stem}-{drawn.replace('_', '-')}.png")
    check_writable(target, overwrite=force)
    getattr(vc.plots, drawn)(ds)
    console().print(f"wrote {save_picture(target, force)}", soft_wrap=True)


def export(
    file: File,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="Table to write, .csv or .parquet; .nc of a store; .xml of sbml."
        ),
    ],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format", help="sbml, or sbml-birth-death: one patient's model, for other programs."
        ),
    ] = None,
    patient: Annotated[
        int | None, typer.Option(help="Number of the patient whose model is written.")
    ] = None,
    over: Annotated[
        str | None, typer.Option(help="Dimensions of a row: patient,time. See the note it prints.")
    ] = None,
    force: options.Force = False,
) -> None:
    """Write what a file holds: as a table, one row per patient, cell or parameter; as a model."""
    check_not_read(output, file)
    check_writable(output, overwrite=force)
    if format_name is not None:
        one_of("format", format_name, FORMATS)
        if over is not None:
            raise VcohortError("--over says what a row of a table is; a model has none.")
        check_format(output, MODEL)
        write_model(_read(file), FORMATS[format_name], patient, output, force)
        console().print(f"wrote {output}", soft_wrap=True)
        return
    if patient is not None:
        raise VcohortError("--patient is for a model: --format sbml. A table holds all patients.")
    check_format(output, (*TABLE, *DATASET))
    check_table(output)
    is_table = output.suffix.lower() in TABLE
    if over is not None and not is_table:
        raise VcohortError("--over says what a row of a table is; a NetCDF file holds all.")
    names = None if over is None else options.names("--over", over)
    ds = _read(file)
    screen = console()
    if is_table:
        _write_table(ds, names, output, force, screen)
    else:
        vc.save(ds, output, overwrite=force)
    screen.print(f"wrote {output}", soft_wrap=True)


def _write_table(
    whole: Any, names: list[str] | None, output: Path, force: bool, screen: Console
) -> None:
    from vcohort.results.kinds import of_its_kind
    from vcohort.results.tidy import left_out, rows_of

    ds = of_its_kind(whole)
    rows = rows_of(ds, names)
    table = vc.to_dataframe(ds, rows)
    with replacing(output, overwrite=force) as temporary:
        write_table(table, temporary)
    screen.print(f"{len(table):,} rows, one per {' and '.join(rows)}", highlight=False)
    for dims, left in left_out(ds, rows).items():
        screen.print(
            f"Not in it: {', '.join(left)}. A table of these: --over {','.join(dims)}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


def _read(file: Path) -> Any:
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


def _suited(ds: Any, picture: str | None) -> str:
    """Return the picture to draw of a dataset."""
    from vcohort.results.kinds import kind_of

    kind = kind_of(ds)
    if kind not in PICTURES:
        raise VcohortError(f"There is no picture of this kind, {kind!r}. Try vcohort export.")
    if picture is None:
        return PICTURES[kind][0]
    if picture not in PICTURES[kind]:
        raise VcohortError(
            f"A {kind} has no picture {picture!r}. It has: {', '.join(PICTURES[kind])}."
        )
    return picture
