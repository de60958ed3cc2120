"""Ctrl-C and SIGTERM end a command in one line, when all that was begun is put away."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType
from typing import Any

from vcohort.cli.at_once import ENDING, hearing

# Seconds in which Python is done with what swallowed an interrupt, and perhaps with an import.
_MOMENT = 0.05

_IMPORTING = "<frozen importlib._bootstrap>"


class _Interrupt(KeyboardInterrupt):
    """Ctrl-C's interrupt; who lets it go, when nobody handles it any more, is told."""

    def __init__(self, let_go: Callable[[], None]) -> None:
        super().__init__()
        self._let_go = let_go

    def __del__(self) -> None:
        self._let_go()


class Signals:
    """Which signal came, if any; later ones are not listened to, so that cleaning up goes on."""

    def __init__(self) -> None:
        self.came: int | None = None
        self._listening = True
        self._over = False
        self._later: threading.Timer | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Interrupt what runs: for both signals as Ctrl-C does, which all libraries know."""
        if self._listening:
            self.came, self._listening = number, False
            if not _imports(frame):
                raise _Interrupt(self.stop_again)
            self.stop_again()

    def stop_again(self) -> None:
        """Send the signal a moment later: what interrupted was swallowed, or would be.

        An interrupt that is handled, or under way with what must be put away before, is held by
        somebody; one that is let go before the end was swallowed, by whatever code it was.
        """
        if self._listening or self._over:
            return
        self._listening = True
        # To the thread that waits: sent to another one, it would wait on.
        to = threading.main_thread().ident
        self._later = threading.Timer(_MOMENT, signal.pthread_kill, (to, self.came))
        self._later.daemon = True
        self._later.start()

    def end(self) -> None:
        """Send nothing any more, and listen to nothing: the command is over."""
        self._over, self._listening = True, False
        if self._later is not None:
            self._later.cancel()
            self._later.join()

    @property
    def number(self) -> int:
        """The signal that came; what is interrupted without one, is so as by Ctrl-C."""
        return signal.SIGINT if self.came is None else self.came


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
    with hearing(signals.stop), _silent():
        try:
            yield signals
        finally:
            signals.end()


@contextmanager
def _silent() -> Generator[None]:
    """Print no interrupt that Python, or a library's C, had to drop: it is sent again."""
    tell, print_error = sys.unraisablehook, sys.excepthook

    def drop(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, _Interrupt):
            tell(unraisable)

    def drop_printed(kind: type[BaseException], error: BaseException, *at: Any) -> None:
        if not isinstance(error, _Interrupt):
            print_error(kind, error, *at)

    sys.unraisablehook, sys.excepthook = drop, drop_printed
    try:
        yield
    finally:
        sys.unraisablehook, sys.excepthook = tell, print_error


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
