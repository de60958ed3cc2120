"""The terminal: text is shown as it is written, in the letters that the stream has."""

from __future__ import annotations

import io
import sys

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes [brackets] and :colons: for what they are."""
    return Console(stderr=stderr, markup=False, emoji=False)


def forgive_letters() -> None:
    """Let both streams write as an escape what their encoding lacks, such as a name in bytes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
