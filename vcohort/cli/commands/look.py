"""The command `plot`: a picture of what is in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import vcohort as vc
from vcohort.cli import options
from vcohort.cli.commands.shared import File, read_file
from vcohort.cli.console import console
from vcohort.cli.outputs import PICTURE, check_format, save_picture
from vcohort.cli.pictures import PICTURES
from vcohort.errors import VcohortError, unknown
from vcohort.files import check_writable


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
    ds = read_file(file)
    drawn = _suited(ds, picture)
    target = output or file.with_name(f"{file.stem}-{drawn.replace('_', '-')}.png")
    check_writable(target, overwrite=force)
    getattr(vc.plots, drawn)(ds)
    console().print(f"wrote {save_picture(target, force)}", soft_wrap=True)


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
            f"Of a file of the kind {kind!r} there is no picture {picture!r}. There are: "
            f"{', '.join(PICTURES[kind])}."
        )
    return picture
