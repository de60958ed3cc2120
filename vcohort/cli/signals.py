"""Ctrl-C and SIGTERM end a command in one line, when all that was begun is put away."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any

from vcohort.cli.at_once import ENDING, hearing

# Seconds in which Python is done with throwing away an object, and perhaps with an import.
_MOMENT = 0.05

_IMPORTING = "<frozen importlib._bootstrap>"


class Signals:
    """Which signal came, if any; later ones are not listened to, so that cleaning up goes on."""

    def __init__(self) -> None:
        self.came: int | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Interrupt what runs: for both signals as Ctrl-C does, which all libraries know."""
        if self.came is None:
            self.came = number
            if not _imports(frame):
                raise KeyboardInterrupt
            self.stop_again()

    def stop_again(self) -> None:
        """Send the signal a moment later, when what swallows the interrupt is over."""
        number, self.came = self.came, None
        if number is not None:
            # To the thread that waits: sent to another one, it would wait on.
            to = threading.main_thread().ident
            later = threading.Timer(_MOMENT, signal.pthread_kill, (to, number))
            later.daemon = True
            later.start()

    @property
    def status(self) -> int:
        """The exit status, by the shells' custom: 128 and the number of the signal."""
        return 128 + (signal.SIGINT if self.came is None else self.came)


def _imports(frame: FrameType | None) -> bool:
    """Whether a package is being imported, which may swallow the interrupt, or wrap it."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


@contextmanager
def heard() -> Generator[Signals]:
    """Listen to the signals that end a program; outside the main thread none can be heard."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    tell = sys.unraisablehook

    def look(unraisable: Any) -> None:
        # What is raised while Python throws objects away is lost: nothing would end.
        if isinstance(unraisable.exc_value, KeyboardInterrupt):
            signals.stop_again()
        else:
            tell(unraisable)

    with hearing(signals.stop):
        sys.unraisablehook = look
        try:
            yield signals
        finally:
            sys.unraisablehook = tell


@contextmanager
def uninterrupted() -> Generator[None]:
    """Hold signals back until the end; processes that are started meanwhile are never sent them.

    Ctrl-C goes to all processes of a terminal: those that serve this one are ended by it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # It is a process too, and whoever starts it listens again.
    resource_tracker.ensure_running()
    came: list[int] = []
    try:
        with hearing(lambda number, _: came.append(number)):
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
            try:
                yield
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        if came:
            signal.raise_signal(came[0])
