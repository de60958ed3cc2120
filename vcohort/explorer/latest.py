"""The newest wish alone is computed: what a slider has passed by is never queued."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from vcohort.errors import VcohortError

Wish = TypeVar("Wish")

# The engine takes all cores for one; pages take turns.
_ENGINE = threading.Lock()


class Latest(Generic[Wish]):
    """A thread that computes what was wished for last.

    ``parts(wish)`` yields results one after the other; between two of them a newer wish takes over.
    ``done(wish, part)`` and ``failed(wish, why)`` are called in that thread.
    """

    def __init__(
        self,
        parts: Callable[[Wish], Iterator[object]],
        done: Callable[[Wish, object], None],
        failed: Callable[[Wish, str], None],
    ) -> None:
        self._parts, self._done, self._failed = parts, done, failed
        self._changed = threading.Condition()
        self._wish: Wish | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="vcohort-explore", daemon=True)
        self._thread.start()
        # What computes while the interpreter is taken down would abort the process.
        atexit.register(self._end_and_wait)

    def want(self, wish: Wish) -> None:
        """Ask for something; what was asked for before and has not begun is forgotten."""
        with self._changed:
            self._wish = wish
            self._changed.notify()

    def end(self) -> None:
        """End the thread, once it has done what it is at."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        atexit.unregister(self._end_and_wait)

    def _end_and_wait(self) -> None:
        self.end()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._wish is not None)
                wish, self._wish = self._wish, None
                if self._ended or wish is None:
                    return
            try:
                self._grant(wish)
            except VcohortError as error:
                self._failed(wish, str(error))
            except MemoryError:
                self._failed(wish, "There is not enough memory for this. Take fewer patients.")
            except Exception as error:  # the page lives on, whatever a setting leads to
                logging.getLogger(__name__).exception("a setting of the page failed")
                self._failed(wish, f"This cannot be computed: {error}")

    def _grant(self, wish: Wish) -> None:
        parts = self._parts(wish)
        while True:
            with _ENGINE:
                if self._is_stale():
                    return
                found = next(parts, None)
            if found is None or self._ended:
                return
            self._done(wish, found)

    def _is_stale(self) -> bool:
        """Whether a newer wish waits."""
        with self._changed:
            return self._ended or self._wish is not None
