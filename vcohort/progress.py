"""A progress bar for long work, on a terminal or in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vcohort.given import truth


class _Rate(ProgressColumn):
    """Units of work a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


def is_shown(show: bool | None) -> bool:
    """Whether a bar is shown: as told, else on a terminal or in a notebook."""
    console = Console(stderr=True)
    if show is None:
        return console.is_terminal or console.is_jupyter
    return truth("progress", show)


@contextmanager
def progress_bar(
    what: str, total: int, show: bool | None = None
) -> Generator[Callable[[int], None]]:
    """Yield a function that reports finished work; ``show`` None shows a bar on a terminal."""
    with _bar(what, total, show) as (bar, task):
        yield lambda done: bar.advance(task, done)


@contextmanager
def told_bar(what: str, total: int, show: bool | None = None) -> Generator[Callable[[str], None]]:
    """Yield a function that reports a step and where the work stands; ``total``: most steps."""
    with _bar(what, total, show) as (bar, task):
        yield lambda text: bar.update(task, advance=1, description=f"{what}: {text}")


@contextmanager
def _bar(what: str, total: int, show: bool | None) -> Generator[tuple[Progress, TaskID]]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not is_shown(show),
    )
    with bar:
        yield bar, bar.add_task(what, total=total)
