"""Programs are compiled once, not by all threads at the same time."""

from __future__ import annotations

from collections.abc import Generator, Hashable
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_seen: set[Hashable] = set()


@contextmanager
def first_alone(program: Hashable) -> Generator[None]:
    """Let the first user of a program, which compiles it, be its only one."""
    if program in _seen:
        yield
        return
    with _lock:
        if program not in _seen:
            yield
            _seen.add(program)
            return
    yield
