"""The command `explore`: a page on which a slider moves and the trial changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vcohort.cli import options
from vcohort.cli.at_once import importing, load
from vcohort.cli.console import console
from vcohort.errors import VcohortError
from vcohort.studies.uses import DEFAULT_PRESET

_PORTS = 65535


def explore(
    study: Annotated[Path | None, typer.Argument(help="A study file (TOML) to begin with.")] = None,
    preset: options.Preset = None,
    trial: Annotated[
        str, typer.Option(help="A trial to lay over: zuma1, or a CSV file of patients or a curve.")
    ] = "zuma1",
    port: Annotated[int, typer.Option(help="Port on this machine; 0: one that is free.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Do not open one; the address is printed.")
    ] = False,
) -> None:
    """Open a page on which a slider moves and the trial changes, seen on this machine alone."""
    if not 0 <= port <= _PORTS:
        raise VcohortError(f"--port {port} is impossible: it lies from 0 to {_PORTS}.")
    if study is not None and preset is not None:
        raise VcohortError("A study file names its preset: leave out --preset, or the file.")
    load()
    from vcohort.explorer.api import page_class
    from vcohort.explorer.settings import as_shown, start
    from vcohort.studies.files import read_fields

    begun = start(preset or DEFAULT_PRESET) if study is None else as_shown(read_fields(study))
    with importing():
        page_class()
        from vcohort.explorer.server import serve

    screen = console()

    def ready(address: str) -> None:
        screen.print(f"vcohort explore: {address}  (Ctrl-C ends it)", soft_wrap=True)

    serve(begun, trial, port=port, browser=not no_browser, ready=ready)
