"""Ctrl-C and SIGTERM end a command in one line, when all that was begun is put away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_ENDING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Which signal came, if any; later ones are not listened to, so that cleaning up goes on."""

    def __init__(self) -> None:
        self.came: int | None = None

    def stop(self, number: int, _: Any) -> None:
        """Interrupt what runs: for both signals as Ctrl-C does, which all libraries know."""
        if self.came is None:
            self.came = number
            raise KeyboardInterrupt

    @property
    def status(self) -> int:
        """The exit status, by the shells' custom: 128 and the number of the signal."""
        return 128 + (signal.SIGINT if self.came is None else self.came)


@contextmanager
def heard() -> Generator[Signals]:
    """Listen to the signals that end a program; outside the main thread none can be heard."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.stop) for number in _ENDING}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
