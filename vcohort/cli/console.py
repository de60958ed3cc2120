"""The terminal: text is shown as it is written, all of it, in the letters that the stream has."""

from __future__ import annotations

import io
import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes [brackets] and :colons: for what they are."""
    return Console(stderr=stderr, markup=False, emoji=False)


def table(*headings: str, title: str | None = None) -> Table:
    """Return a table for a narrow screen: what is too wide goes on in the next line."""
    columns = (Column(heading, overflow="fold") for heading in headings)
    return Table(
        *columns, title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False,
        collapse_padding=True,
    )  # fmt: skip


def forgive_letters() -> None:
    """Let both streams write as an escape what their encoding lacks, such as a name in bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
