"""An end at once, in one line: while packages are imported nothing has been begun.

Python's interrupt would not do: what packages do when they are imported may swallow it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM)

# What nearly all work needs: JAX and xarray among it, which take a second.
_WORK = ("vcohort.simulation.simulate", "vcohort.results.netcdf")


def listen() -> None:
    """End the process at the first signal, from now on."""
    for number in ENDING:
        signal.signal(number, end)


@contextmanager
def hearing(handler: Callable[[int, Any], None]) -> Generator[None]:
    """Hear the signals that end a program, in the main thread; afterwards who heard them before."""
    before = {number: signal.signal(number, handler) for number in ENDING}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def ending_at_once() -> Generator[None]:
    """End the process at the first signal; outside the main thread none can be heard."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with hearing(end):
        yield


def load(*rooms: str) -> None:
    """Import rooms; by default those of all work, once what can be told before has been told."""
    with importing():
        for name in rooms or _WORK:
            import_module(name)


@contextmanager
def importing() -> Generator[None]:
    """End at the first signal, and import without Python's collector of garbage.

    It would look through all that was imported again and again, and what is imported stays.
    """
    collects = gc.isenabled()
    with ending_at_once():
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()


def end(number: int, _: Any = None) -> NoReturn:
    """Say so and end, by the shells' custom with the status 128 and the number of the signal.

    Python is not taken down: what XLA still computes would crash with it.
    """
    sys.stderr.write("Stopped.\n")
    sys.stderr.flush()
    os._exit(128 + number)
