"""What commands write: where, in which format, and that nothing is replaced unasked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

import vcohort as vc
from vcohort.errors import VcohortError
from vcohort.files import check_writable, replacing
from vcohort.results.saveable import check_saveable

if TYPE_CHECKING:
    import pandas as pd

DATASET = (".nc", ".nc4")
PICTURE = (".png", ".pdf", ".svg")
PAGE = (".html", ".htm")
STORE = (".zarr",)
TABLE = (".csv", ".parquet")
MODEL = (".xml", ".sbml")
ARCHIVE = (".omex",)

# What the file is called that a command runs: itself, or this package by python -m.
_PROGRAM = ("vcohort", "__main__")

_WHAT: dict[tuple[str, ...], str] = {
    DATASET: "NetCDF",
    (*TABLE, *DATASET): "a table, or NetCDF",
    PICTURE: "a picture",
    PAGE: "HTML",
    STORE: "a Zarr store",
    MODEL: "SBML",
    ARCHIVE: "a COMBINE archive",
}


def check_table(path: Path) -> None:
    """Refuse, before any work, a table that nothing here can write."""
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise VcohortError(
            f"Cannot write {path}: Parquet needs pyarrow. Type: "
            'pip install "vcohort[parquet]", or give a name that ends in .csv.'
        )


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the rows of a table, in the format that the name says."""
    if path.suffix.lower() == ".parquet":
        table.to_parquet(path, engine="pyarrow", index=False)
    else:
        table.to_csv(path, index=False)


def check_format(path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a name that says another format than what is written."""
    if path.suffix.lower() not in suffixes:
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}" if suffixes[1:] else suffixes[0]
        raise VcohortError(
            f"Cannot write {path}: what is written is {_WHAT[suffixes]}. Give it a name that ends "
            f"in {known}."
        )


def check_not_read(path: Path, *read: Path) -> None:
    """Refuse to write over a file that the command reads, --force or not."""
    for file in read:
        if path.exists() and file.exists() and path.samefile(file):
            raise VcohortError(
                f"{path} is the file that is read: it would be lost. Give the output another name."
            )


def command_line() -> dict[str, str]:
    """Return the command that was typed, as an attribute; none where nobody typed one."""
    if Path(sys.argv[0]).stem not in _PROGRAM:
        return {}
    typed = shlex.join(["vcohort", *sys.argv[1:]])
    # A name in bytes is no text in UTF-8, as files need it.
    return {"command": typed.encode(errors="backslashreplace").decode()}


class Outputs(NamedTuple):
    """The files of a command: a dataset, and if wanted a picture."""

    dataset: Path
    plot: Path | None = None
    force: bool = False

    def check(self, *read: Path) -> None:
        """Refuse, before any work, what cannot be written, is there already, or is to be read."""
        for path in (self.dataset, *([self.plot] if self.plot else [])):
            check_not_read(path, *read)
        check_saveable(self.dataset, overwrite=self.force)
        check_format(self.dataset, DATASET)
        if self.plot is not None:
            check_writable(self.plot, overwrite=self.force)
            check_format(self.plot, PICTURE)

    def write(self, screen: Console, ds: Any, draw: Callable[[Any], Any] | None = None) -> None:
        """Write the dataset, and the picture that ``draw`` makes of it."""
        told = ds.copy()
        if "study" not in told.attrs:
            # A study makes its dataset again, whatever command it came from.
            told.attrs |= command_line()
        written = [vc.save(told, self.dataset, overwrite=self.force)]
        if self.plot is not None and draw is not None:
            draw(ds)
            written.append(save_picture(self.plot, self.force))
        for path in written:
            screen.print(f"wrote {path}", soft_wrap=True)


def save_picture(path: Path, force: bool) -> Path:
    """Write the current figure and close it; it appears under its name when it is whole."""
    import matplotlib.pyplot as plt

    try:
        with replacing(path, overwrite=force) as temporary:
            plt.gcf().savefig(temporary, dpi=300)
    finally:
        plt.close("all")
    return path
